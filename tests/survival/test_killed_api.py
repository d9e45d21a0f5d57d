"""kill -9 of the API under load: acknowledged requests are stored, and the others are carried out once."""

import random
import time

from tests.survival.clients import PromiseLedger, run_clients, tokens_of, wait_for_success
from tests.survival.log_checks import assert_reports_equal_their_folds, wait_for_reports, whole_log
from tests.survival.programs import Programs, eventually, free_port

ROUNDS = 3


def test_a_killed_api_loses_nothing_and_a_retry_gets_the_first_answer(
    dsn: str, programs: Programs
) -> None:
    chance = random.Random(11)
    tokens = tokens_of(dsn, ["ana", "bo", "carla", "dev"])
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    programs.worker(dsn)
    api = programs.api(dsn, port)

    with run_clients(url, tokens, seed=100) as (ledger, follower):
        wait_for_success(ledger, within=15)
        for _ in range(ROUNDS):
            time.sleep(chance.uniform(0.3, 1.2))
            before = ledger.unanswered.total()
            api.kill()
            api = programs.api(dsn, port)
            wait_for_success(ledger, within=3)
            assert ledger.unanswered.total() > before, "no request was interrupted by the kill"
        eventually("enough was promised", lambda: len(ledger.promised) > 500, within=20)
        eventually("cases were worked", lambda: case_commands(ledger) > 10, within=20)

    wait_for_reports(dsn, within=5)
    lines = whole_log(dsn)
    ledger.assert_holds(lines)
    follower.assert_saw_all_once(lines)
    assert_reports_equal_their_folds(dsn, lines)
    ledger.assert_answers_are_given_again(url)


def case_commands(ledger: PromiseLedger) -> int:
    return sum("/cases/" in one.path for one in ledger.commands)
