"""Refused requests are counted in memory and recorded together, within bounds that no sender can widen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from application.log.event_log import Appended, EventLog, Write
from application.people import access_refusals
from application.people.access_refusals import (
    FIRST_SECONDS,
    WINDOW_SECONDS,
    AccessRefusals,
    RequestKind,
)
from domain.access_refusals import AccessRefused, access_stream
from domain.errors import TooContended
from domain.people import OPERATOR_ACTOR, Actor, Role
from domain.person import Grant
from domain.principals import UNRESTRICTED_KEY
from infrastructure.event_store.in_memory import InMemoryLogRecorder
from tests.domain.signals import after

ANA, BO = Actor("key:ana", "ana"), Actor("user:bo", "olga", ("triage",), "bo")
GRANT = Grant(grant="g1", role=Role.HANDLER, granted_at=after(0), granted_by=OPERATOR_ACTOR)
READ = RequestKind("GET", "/v1/people", "people.read", "not-permitted")


class Process:
    """The refusals of one process on a log, with a clock that the test moves."""

    def __init__(self, log: EventLog, most: int = 1_000) -> None:
        self.log, self.seconds = log, 0.0
        self.refusals = AccessRefusals(
            log, lambda: after(0) + timedelta(seconds=self.seconds), lambda: self.seconds, most
        )

    def note(self, by: Actor = ANA, kind: RequestKind = READ, grants: Any = (GRANT,)) -> None:
        self.refusals.note(by, grants, UNRESTRICTED_KEY, kind)

    def wait(self, seconds: float) -> int:
        self.seconds += seconds
        return self.refusals.record()


@pytest.fixture
def log() -> EventLog:
    return EventLog(InMemoryLogRecorder())


def recorded(log: EventLog) -> list[AccessRefused]:
    return [line.event for line in log.read(0, 1_000) if isinstance(line.event, AccessRefused)]


def test_the_first_is_recorded_soon_and_the_next_once_in_a_window(log: EventLog) -> None:
    process = Process(log)
    process.note()
    assert process.wait(FIRST_SECONDS / 2) == 0
    assert process.wait(FIRST_SECONDS / 2) == 1
    for _ in range(int(2 * WINDOW_SECONDS)):
        process.note()
        process.wait(1)
    assert [event.count for event in recorded(log)] == [1, 60, 60]
    second = recorded(log)[1].refused[0]
    assert second.last_at - second.first_at == timedelta(seconds=59)
    assert process.wait(2 * WINDOW_SECONDS) == 0
    process.note()
    assert process.wait(FIRST_SECONDS) == 1, (
        "after a quiet window, the first is recorded soon again"
    )


def test_agents_and_delegates_are_named_and_each_principal_has_a_stream(log: EventLog) -> None:
    process = Process(log)
    process.note()
    process.note(BO)
    process.refusals.record(everything=True)
    assert [event.by for event in recorded(log)] == [ANA, BO]
    for event in recorded(log):
        assert [x.event for x in log.trail(access_stream(event.by.principal, after(0)))] == [event]
        assert event.grants[0].grant == "g1"


def test_other_grants_are_another_event(log: EventLog) -> None:
    process = Process(log)
    process.note()
    process.note(grants=())
    assert process.wait(FIRST_SECONDS) == 2
    assert [len(event.grants) for event in recorded(log)] == [1, 0]


def test_memory_is_bounded_and_nothing_is_left_uncounted(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_refusals, "MOST_KINDS", 3)
    process = Process(log, most=2)
    for number in range(5):
        process.note(kind=RequestKind("GET", f"/v1/{number}", "log.read", "not-permitted"))
    for number in range(5):
        process.note(Actor(f"key:{number}", "ana"))
    process.refusals.record(everything=True)
    found = {event.by.principal: event for event in recorded(log)}
    assert (len(found["key:ana"].refused), found["key:ana"].others) == (3, 2)
    assert found["key:0"].count == 1
    assert (found["system:service"].count, found["system:service"].grants) == (4, ())
    assert sum(event.count for event in found.values()) == 10


def test_two_processes_record_in_one_stream_and_each_is_counted(log: EventLog) -> None:
    first, second = Process(log), Process(log)
    for _ in range(3):
        first.note()
        second.note()
    assert (first.wait(FIRST_SECONDS), second.wait(FIRST_SECONDS)) == (1, 1)
    lines = log.trail(access_stream(ANA.principal, after(0)))
    assert [line.version for line in lines] == [1, 2]
    assert sum(event.count for event in recorded(log)) == 6


def test_what_cannot_be_recorded_stays_counted_and_is_recorded_later(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Process(log)
    process.note()
    process.note(BO)

    def is_halted(write: Write, attempts: int) -> Appended | None:
        raise TooContended("the log is halted")

    with monkeypatch.context() as halted:
        halted.setattr(log, "append_last", is_halted)
        with pytest.raises(TooContended):
            process.wait(FIRST_SECONDS)
        process.note()
        assert process.refusals.waiting == 3
        assert process.wait(FIRST_SECONDS) == 0, "it is tried again once in a window"
    assert process.wait(WINDOW_SECONDS) == 2
    assert {event.by.principal: event.count for event in recorded(log)} == {
        "key:ana": 2,
        "user:bo": 1,
    }
