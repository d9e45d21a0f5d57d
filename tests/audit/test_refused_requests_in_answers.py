"""Questions 3 and 21 tell which requests of a person were refused, by what was recorded until then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from application.audit.refused_requests import list_refused_requests
from domain.people import Actor
from tests.api.adjustments import open_paid_case, post, proposal_body
from tests.api.running_service import RunningService, run_service
from tests.application.refused_requests import READ_CASE, READ_PEOPLE, refuse_requests
from tests.audit.answers_in_words import ask
from tests.conftest import Databases

NOW = datetime.now(UTC)
BO = Actor("key:bo", "bo")
FOR_BO = Actor("user:fay", "fay", ("triage",), "bo")


@pytest.fixture(scope="module")
def server(databases: Databases, template_database: str) -> Iterator[RunningService]:
    with databases.new(template_database) as name, run_service(databases.dsn(name)) as running:
        log = running.service.desks.log
        refuse_requests(log, BO, NOW, READ_PEOPLE, READ_PEOPLE, READ_CASE)
        refuse_requests(log, BO, NOW + timedelta(minutes=1), READ_CASE)
        refuse_requests(log, FOR_BO, NOW + timedelta(minutes=2), READ_CASE)
        refuse_requests(log, Actor("key:ana", "ana"), NOW, READ_PEOPLE)
        yield running


def test_kinds_are_summed_up_for_each_principal(server: RunningService) -> None:
    log, later = server.service.desks.log, NOW + timedelta(hours=1)
    found = list_refused_requests(log, {"bo"}, later)
    assert [(one.who, one.route, one.count, one.last_at - one.first_at) for one in found] == [
        ("bo for fay through triage (user:fay)", "/v1/cases/{case_id}", 1, timedelta(0)),
        ("bo (key:bo)", "/v1/cases/{case_id}", 2, timedelta(minutes=1)),
        ("bo (key:bo)", "/v1/people", 2, timedelta(0)),
    ]
    assert [one.count for one in list_refused_requests(log, {"bo"}, NOW)] == [2, 1]
    assert list_refused_requests(log, {"olga"}, later) == []


def test_question_3_lists_the_refused_requests_of_the_person(server: RunningService) -> None:
    case = open_paid_case(server)
    with server.client_as("ana") as ana:
        case = post(ana, case, "adjustments", proposal_body()).json()
    asked = {"case": case["id"], "adjustment": case["adjustments"][0]["id"], "person": "bo"}
    asked["at"] = (NOW + timedelta(hours=1)).isoformat()
    _, text = ask(server.service, 3, asked)
    assert "GET /v1/people by bo (key:bo): 2 requests" in text
    assert "without the permission people.read there" in text


def test_question_21_counts_them_for_everybody(server: RunningService) -> None:
    _, text = ask(server.service, 21, {"at": (NOW + timedelta(hours=1)).isoformat()})
    words = " ".join(text.split())
    assert "Requests of 3 people had been refused by permission or scope: ana, bo and fay." in words
    assert "5 requests refused by permission or scope, the last at" in words
    _, before = ask(server.service, 21, {"at": (NOW - timedelta(hours=1)).isoformat()})
    assert "refused by permission" not in before
