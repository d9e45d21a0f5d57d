"""Ten audit questions about the people world: route and command return the same answer, which equals a
golden file that a person has reviewed. `CASETRAIL_WRITE_GOLDEN=1` rewrites the files."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from api.composition import prepare_database
from domain.cases.event_descriptions import format_duration
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore
from infrastructure.projections.runner import ProjectionRunner
from projections import PROJECTIONS
from tests.api.running_service import RunningService, run_reports, serve
from tests.audit.answers_in_words import ask, require_golden, require_understandable
from tests.audit.people_world import BEGIN, END, PeopleWorld, play_story
from tests.cli.conftest import Casetrail
from tests.domain.signals import after
from tests.witness_checkpoints import make_checkpoint_at, open_checkpoints

GOLDEN = Path(__file__).parent / "golden"
PERIOD = {"from": BEGIN.isoformat(), "to": END.isoformat()}
ASKED: dict[str, dict[str, str]] = {
    "14": {**PERIOD, "at": after(50).isoformat()},
    "15": PERIOD,
    "16": PERIOD,
    "17": PERIOD,
    "18": PERIOD,
    "21": {"at": after(121.75).isoformat()},
    "22": PERIOD,
    "23": {"position": "2"},
    "25": PERIOD,
    "26": PERIOD,
}


NOT_WELL = {"22", "25"}
"""The questions that find violations in the story: their command exits with 1."""


@pytest.fixture(scope="module")
def world(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PeopleWorld]:
    prepare_database(database)
    recorder = PostgresLogRecorder(Datastore(database))
    checkpoints = open_checkpoints(tmp_path_factory.mktemp("witness"))
    yield play_story(PeopleWorld(recorder, partial(make_checkpoint_at, checkpoints, database)))  # type: ignore[arg-type]
    recorder.close()


@pytest.fixture(scope="module")
def server(database: str, world: PeopleWorld) -> Iterator[RunningService]:
    ProjectionRunner(database, PROJECTIONS).catch_up()
    with serve(database) as (url, service), run_reports(database):
        token = service.desks.people.issue_token("audra", service.desks.clock())
        yield RunningService(database, url, service, {"audra": token})


def by_route(server: RunningService, number: str, asked: dict[str, str]) -> Any:
    with server.client_as("audra") as audra:
        answer = audra.get(f"/v1/audit/questions/{number}", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def options(asked: dict[str, str]) -> list[str]:
    return [word for name, value in asked.items() for word in (f"--{name}", value)]


@pytest.mark.parametrize("number", ASKED)
def test_the_answer_is_understood_without_help(server: RunningService, number: str) -> None:
    # Before any command is run: each process that asks names its build too (question 23).
    answered, text = ask(server.service, int(number), ASKED[number])
    require_understandable(answered, text)
    require_golden(f"people-{number}", text)


@pytest.mark.parametrize("number", ASKED)
def test_route_and_command_return_the_golden_answer(
    server: RunningService, casetrail: Casetrail, number: str
) -> None:
    told = by_route(server, number, ASKED[number])["answer"]
    ran = casetrail("audit", "ask", number, *options(ASKED[number]), "--json")
    assert ran.returncode == (number in NOT_WELL), ran.stderr
    if number == "23":
        # A question is recorded, and so names the build that asks.
        told["builds"] = told["builds"][:1]
        also = json.loads(ran.stdout)["answer"]
        assert (also["events"], also["builds"][:1]) == (told["events"], told["builds"])
    else:
        assert json.loads(ran.stdout)["answer"] == told
    file = GOLDEN / f"people-{number}.json"
    if "CASETRAIL_WRITE_GOLDEN" in os.environ:
        file.write_text(json.dumps(told, indent=1) + "\n")
    assert told == json.loads(file.read_text())


def test_each_answer_is_also_shown_as_text(server: RunningService, casetrail: Casetrail) -> None:
    for number, asked in ASKED.items():
        ran = casetrail("audit", "ask", number, *options(asked))
        assert ran.returncode == (number in NOT_WELL), ran.stderr
        assert f"{number}. " in ran.stdout


@pytest.mark.parametrize("number", [one for one in ASKED if "from" in ASKED[one]])
def test_a_period_without_events_is_not_called_clean(server: RunningService, number: str) -> None:
    before = {"from": after(-480).isoformat(), "to": after(-240).isoformat()}
    answered, text = ask(server.service, int(number), before)
    require_understandable(answered, text)
    assert "The first event of the log is later than the period." in answered.found.searched
    assert not answered.found.says[0].startswith(("Yes", "YES"))
    answer, said = answered.found.answer, " ".join(answered.found.says)
    match number:
        case "16":
            assert answer.proposals == 0
        case "18":
            assert "whether they differ is NOT known" in said
        case "22":
            assert (answer.left, answer.taken_back, answer.who_left) == (0, 0, [])
        case "25":
            assert not answer.all_operated


def test_durations_are_shown_with_units(server: RunningService) -> None:
    answered, text = ask(server.service, 17, PERIOD)
    (whole,) = [one for one in answered.found.answer.quantiles if one.step == "report_to_payment"]
    assert f"half within {format_duration(timedelta(seconds=whole.p50))}" in answered.found.says[0]
    assert f"({whole.many} of " in answered.found.says[0]
    assert "report to" in text


def test_the_access_review_is_also_a_table(server: RunningService, casetrail: Casetrail) -> None:
    at = ASKED["21"]["at"]
    with server.client_as("audra") as audra:
        answer = audra.get(
            "/v1/audit/access-review", params={"at": at}, headers={"Accept": "text/csv"}
        )
    assert answer.headers["content-type"].startswith("text/csv")
    rows = [*csv.DictReader(io.StringIO(answer.text, newline=""))]
    ran = casetrail("audit", "access", "--at", at)
    assert [*csv.DictReader(io.StringIO(ran.stdout, newline=""))] == rows
    lent = next(row for row in rows if row["person"] == "tia" and row["name"] == "g2")
    assert (lent["role"], lent["given_by"], lent["reason"], lent["lives"]) == (
        "finance_approver",
        "operator",
        "While fred is away.",
        "no",
    )
    whole = json.loads((GOLDEN / "people-21.json").read_text())["people"]
    assert len(rows) == sum(len(one["grants"]) + len(one["means"]) for one in whole)


def test_the_statement_of_a_provider_is_compared_with_the_log(
    world: PeopleWorld, server: RunningService, casetrail: Casetrail, tmp_path: Path
) -> None:
    first = world.of("o-1").adjustments.items[0]
    waiting = world.of("o-8").adjustments.items[0]
    head = "line,reference,key,payment,created_at,status,currency,amount,running_total\r\n"
    rows = (
        f"1,re-o-1,{first.id},p,{after(7.2).isoformat()},succeeded,EUR,40.00,40.00\r\n"
        f"2,re-66,{waiting.id},p,{after(45).isoformat()},succeeded,EUR,80.00,120.00\r\n"
    )
    file = tmp_path / "list.csv"
    file.write_bytes(f"{head}{rows}end,2\r\n".encode())
    with server.client_as("audra") as audra:
        answer = audra.post(
            "/v1/audit/statement", content=file.read_bytes(), headers={"Content-Type": "text/csv"}
        )
    assert answer.status_code == 200, answer.text
    told = answer.json()["answer"]
    assert (told["lines"], told["matched"]) == (2, 1)
    found = {(one["kind"], one["key"]) for one in told["discrepancies"]}
    paid = world.of("o-10").adjustments.items[0]
    assert found == {("not_executed_here", str(waiting.id)), ("missing_there", str(paid.id))}
    ran = casetrail("audit", "statement", file, "--json")
    assert ran.returncode == 1
    assert json.loads(ran.stdout)["answer"] == told
    bad = tmp_path / "cut.csv"
    bad.write_bytes(head.encode())
    assert casetrail("audit", "statement", bad).returncode != 0


def test_an_invalid_question_is_refused(server: RunningService) -> None:
    wrong = (
        ("16", {"threshold": "much"}),
        ("16", {"days": "0"}),
        ("23", {"position": "0"}),
        ("25", {"late_after": "-1"}),
    )
    with server.client_as("audra") as audra:
        for number, asked in wrong:
            answer = audra.get(f"/v1/audit/questions/{number}", params=asked)
            assert answer.status_code == 400, (number, answer.text)


def test_the_first_sentence_does_not_hide_what_the_answer_found(server: RunningService) -> None:
    says = {number: ask(server.service, number, PERIOD)[0].found.says for number in (14, 18, 26)}
    assert says[14][0].startswith("1 conflict, found when two names turned out to be one person")
    assert "2 payments that the log does not bear out: 580.00 EUR" in says[18][0]
    assert says[26][0].startswith("NOT ANSWERED")
    assert says[26][1].startswith("4 refunds that this service paid in the period are on no")
    controls = {one.name: one for one in ask(server.service, 25, PERIOD)[0].found.answer.controls}
    assert controls["duties_apart"].evidence["conflicts_found_later"].startswith("1 (bo and nia ")
    assert any(key.startswith("emergency_") for key in controls["policies_by_two"].evidence)
