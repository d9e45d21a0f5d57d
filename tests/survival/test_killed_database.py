"""kill -9 of PostgreSQL, restarts and cut connections under load. The API and the worker continue without
a restart, and the clients' ledger agrees with the log."""

import random
import time
from collections.abc import Callable

import httpx2
import msgspec
import psycopg
import pytest

from domain.orders.purchase_signals import Customer, OrderPlaced
from infrastructure.postgres.embedded import EmbeddedPostgres
from tests.survival.clients import STARTED_AT, headers_of, run_clients, tokens_of, wait_for_success
from tests.survival.deadlines import (
    NeglectedOrder,
    assert_each_was_missed_once,
    count_missed,
    let_leases_run_out,
    record_orders,
    seconds_from_now,
)
from tests.survival.log_checks import assert_reports_equal_their_folds, wait_for_reports, whole_log
from tests.survival.programs import Programs, eventually, free_port, kill_postgres

FIRST_SUCCESS_SECONDS = 3
CATCH_UP_SECONDS = 5


def killed(server: EmbeddedPostgres) -> None:
    kill_postgres(server)
    server.start()


def killed_and_down_for_a_while(server: EmbeddedPostgres) -> None:
    kill_postgres(server)
    time.sleep(7.5)
    server.start()


def restarted(server: EmbeddedPostgres) -> None:
    server.stop()
    server.start()


def cut_off(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.dsn("casetrail"), autocommit=True) as connection:
        for _ in range(5):
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            time.sleep(0.2)


@pytest.mark.parametrize(
    "faults",
    [(killed, restarted, cut_off, killed), (killed_and_down_for_a_while,)],
    ids=["killed, restarted, cut off and killed again", "killed and down for a while"],
)
def test_acknowledged_requests_are_stored_after_faults_of_the_database(
    server: EmbeddedPostgres,
    programs: Programs,
    faults: tuple[Callable[[EmbeddedPostgres], None], ...],
) -> None:
    chance = random.Random(33)
    dsn = server.dsn("casetrail")
    tokens = tokens_of(dsn, ["ana", "bo", "carla", "dev"])
    # Deadlines at random times, so that faults interrupt the timekeeper too.
    orders = [
        NeglectedOrder(
            f"order-{n}",
            seconds_from_now(chance.uniform(2, 9)),
            seconds_from_now(chance.uniform(2, 9)),
        )
        for n in range(400)
    ]
    record_orders(dsn, orders)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    worker = programs.worker(dsn)
    api = programs.api(dsn, port)

    with run_clients(url, tokens, seed=300) as (ledger, follower):
        ledger.sent |= {(order.order, order.placed.key): order.placed for order in orders}
        wait_for_success(ledger, within=15)
        for disrupt in faults:
            time.sleep(chance.uniform(0.4, 1.0))
            disrupt(server)
            wait_for_success(ledger, within=FIRST_SUCCESS_SECONDS)
            # Both limits start at the end of the fault.
            wait_for_reports(dsn, within=CATCH_UP_SECONDS - FIRST_SUCCESS_SECONDS)
        time.sleep(0.5)

    assert worker.is_running
    assert api.is_running
    wait_for_reports(dsn, within=CATCH_UP_SECONDS)
    lines = whole_log(dsn)
    ledger.assert_holds(lines)
    ledger.assert_answers_are_given_again(url)
    follower.assert_saw_all_once(lines)

    # Streams that the worker had taken before the fault stay leased until the lease expires.
    let_leases_run_out(dsn)
    eventually("all is ticked", lambda: count_missed(dsn) == 2 * len(orders), within=10)
    wait_for_reports(dsn, within=CATCH_UP_SECONDS)
    lines = whole_log(dsn)
    assert_each_was_missed_once(dsn, lines, orders)
    assert_reports_equal_their_folds(dsn, lines)


def test_a_read_is_never_older_than_requested_after_reports_lost_rows(
    server: EmbeddedPostgres, programs: Programs
) -> None:
    """Reports are committed without waiting for the disk, so a crash may lose their last rows."""
    dsn = server.dsn("casetrail")
    (token,) = tokens_of(dsn, ["ana"])
    port = free_port()
    worker = programs.worker(dsn)
    programs.api(dsn, port)
    with httpx2.Client(
        base_url=f"http://127.0.0.1:{port}", headers=headers_of(token, None, None), timeout=10
    ) as http:
        for n in range(2):
            unpaid = OrderPlaced(
                source="storefront",
                id="placed",
                order=f"order-{n}",
                event_time=STARTED_AT,
                customer=Customer(id="C1"),
                tenders=(),
            )

            def taken(body: bytes = msgspec.json.encode(unpaid)) -> str | None:
                got = http.post("/v1/signals", content=body)
                return got.headers["Casetrail-Position"] if got.status_code == 200 else None

            position = eventually("the signal is taken", taken, within=10)
            not_older = {"Casetrail-Min-Position": position, "Prefer": "wait=0"}

            def cases(order: str = unpaid.order, headers: dict[str, str] = not_older) -> int | None:
                got = http.get(f"/v1/cases?order={order}", headers=headers)
                return len(got.json()["items"]) if got.status_code == 200 else None

            eventually("the case is seen", lambda look=cases: look() is not None, within=10)
            kill_postgres(server)
            worker.freeze()  # so that the reports do not catch up
            time.sleep(2)
            server.start()
            deadline = time.monotonic() + 2
            while time.monotonic() < deadline:
                assert cases() in (None, 1), "older than the position that was named"
            worker.thaw()
            seen = eventually("the reports have caught up", cases, within=CATCH_UP_SECONDS + 5)
            assert seen == 1
