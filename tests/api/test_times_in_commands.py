"""Times that some zone cannot write are refused in every command; one that a log holds disturbs no answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any, get_args, get_type_hints

import httpx2
import msgspec
import pytest
from litestar.routes import HTTPRoute
from msgspec import Struct, structs

from api.app import create_app
from api.routes.questions.words import at
from application.log.caller import system_caller
from application.log.streams import PERSON
from domain.adjustments.provider_statement import UnreadableLine
from domain.backlog.events import RecoveryActionAdded
from domain.cases.next_steps import NextAction
from domain.cases.step_events import TaskCreated
from domain.cases.work_events import WaitStarted
from domain.clock.terms import Dependency
from domain.errors import Invalid
from domain.moments import CommandRequest
from domain.people import OPERATOR_ACTOR, GrantProposed, PersonGranted, Role, person_stream
from domain.validation import faults_of
from infrastructure.payments.statement_file import COLUMNS, read_statement
from tests.api.running_service import RunningService
from tests.api.signals import open_case

LATEST, EARLIEST = "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"
NOW = datetime(2026, 11, 30, tzinfo=UTC)
OUTSIDE = (LATEST, EARLIEST, "9999-12-31T23:59:59Z", "9999-06-01T00:00:00Z", "0001-12-31T00:00:00Z")


@pytest.mark.parametrize("text", OUTSIDE)
def test_a_command_refuses_a_time_that_some_zone_cannot_write(
    server: RunningService, ana: httpx2.Client, text: str
) -> None:
    case = open_case(ana)
    before = server.service.desks.log.head()
    for who, path, body in (
        ("olga", "people/bo/grants", {"role": "team_lead", "reason": "x", "until": text}),
        ("ana", f"cases/{case}/tasks", {"title": "Call.", "due_at": text}),
        (
            "ana",
            f"cases/{case}/wait",
            {"dependency": "carrier", "party": "DHL", "expected_by": text},
        ),
    ):
        with server.client_as(who) as client:
            answer = client.post(f"/v1/{path}", json=body, headers={"If-Match": '"1"'})
        assert answer.status_code == 422, answer.text
        [fault] = answer.json()["errors"]
        assert fault["pointer"].strip("/") in body
        assert "is not in the years 2 to 9998" in fault["detail"]
    assert server.service.desks.log.head() == before


def bodies(server: RunningService) -> Iterator[type[Struct]]:
    """The structs that commands decode, and those inside them."""
    for route in create_app(server.service).routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            field = handler.parsed_data_field
            yield from structs_in(field.annotation) if field is not None else ()


def structs_in(hint: Any) -> Iterator[type[Struct]]:
    if isinstance(hint, type) and issubclass(hint, Struct):
        yield hint
        yield from chain.from_iterable(map(structs_in, get_type_hints(hint).values()))
    for part in get_args(hint):
        yield from structs_in(part)


def test_the_times_of_all_bodies_are_checked(server: RunningService) -> None:
    timed = set()
    for body in set(bodies(server)):
        for name, hint in get_type_hints(body, include_extras=True).items():
            if datetime in chain([hint], get_args(hint), *map(get_args, get_args(hint))):
                timed.add(f"{body.__name__}.{name}")
                assert issubclass(body, CommandRequest), body
                assert [fault.pointer for fault in faults_of(LATEST, hint, "/at")] == ["/at"], name
    assert len(timed) >= 7, timed


@pytest.mark.parametrize("text", OUTSIDE)
def test_a_key_a_delegation_and_a_statement_refuse_it_too(
    server: RunningService, text: str
) -> None:
    desk, now = server.service.desks.principals_desk, datetime.now(UTC)
    outside = datetime.fromisoformat(text)
    with pytest.raises(Invalid, match="2 to 9998"):
        desk.issue_key("bo", now, expires_at=outside)
    with pytest.raises(Invalid, match="2 to 9998"):
        desk.delegate("bo", "ana", outside, "x", now)
    line = f"1,r1,,p1,{text},succeeded,EUR,1.00,1.00"
    [entry] = read_statement("\n".join([",".join(COLUMNS), line, "end,1"]).encode())
    assert isinstance(entry, UnreadableLine)
    assert "2 to 9998" in entry.detail


RECORDED: tuple[tuple[Struct, str], ...] = (
    (PersonGranted(grant="g9", role=Role.TEAM_LEAD, until=NOW, reason="x"), "until"),
    (GrantProposed(grant="g9", role=Role.TEAM_LEAD, until=NOW, reason="x"), "until"),
    (WaitStarted(dependency=Dependency.CARRIER, party="DHL", expected_by=NOW), "expected_by"),
    (TaskCreated(task=1, title="Call", action=NextAction.OTHER, owner="bo", due_at=NOW), "due_at"),
    (RecoveryActionAdded(action=1, title="Call", owner="bo", due_at=NOW), "due_at"),
)


@pytest.mark.parametrize(("event", "field"), RECORDED, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize(
    ("text", "last"),
    [(LATEST, datetime.max.replace(tzinfo=UTC)), (EARLIEST, datetime.min.replace(tzinfo=UTC))],
)
def test_a_recorded_time_is_read_as_one_that_every_answer_can_write(
    event: Struct, field: str, text: str, last: datetime
) -> None:
    raw = {**msgspec.to_builtins(event), field: text}
    read = msgspec.convert(raw, type(event))
    assert getattr(read, field) == last
    assert at(datetime.fromisoformat(text))


def test_answers_about_a_grant_with_such_a_time(server: RunningService, ana: httpx2.Client) -> None:
    late, now = datetime.fromisoformat(LATEST), datetime.now(UTC)
    grant = PersonGranted(grant="g2", role=Role.TEAM_LEAD, until=now, reason="x")
    structs.force_setattr(grant, "until", late)  # as the commands once took it
    log = server.service.desks.log
    caller = system_caller(OPERATOR_ACTOR, now, "command:people")
    bo = server.service.desks.people.person("bo")
    log.append([caller.write(person_stream("bo"), PERSON, bo.version, [grant])])
    server.service.desks.people.add("rita", [Role.AUDITOR], now)
    server.tokens["rita"] = server.service.desks.people.issue_token("rita", now)
    with server.client_as("rita") as rita, server.client_as("olga") as olga:
        for path in ("audit/questions/21", "audit/access-review", "grants", "people", "people/bo"):
            answers = [client.get(f"/v1/{path}").status_code for client in (rita, olga)]
            assert 200 in answers, (path, answers)
            assert 500 not in answers, (path, answers)
