"""A trail with missing numbers or impossible events is reported as broken."""

from __future__ import annotations

from typing import Any

import pytest
from eventsourcing.persistence import IntegrityError
from msgspec.structs import replace

from application.log.event_log import Write
from application.log.recorder import VersionTaken
from application.log.streams import case_after, order_after, person_after
from domain.cases.work_events import CaseReleased, Claimed
from domain.errors import TrailHasGap
from domain.orders.order import order_stream
from domain.people import Actor
from domain.recorded_event import RecordedEvent
from tests.application.in_memory_service import InMemoryService, caller
from tests.domain.signals import ORDER, after, captured, unavailable


@pytest.fixture
def service() -> InMemoryService:
    service = InMemoryService()
    service.take(unavailable(), at=after(3))
    return service


def write(service: InMemoryService, stream: Any, expected: int, *events: Any) -> None:
    service.log.append(
        [
            Write(
                stream=stream,
                kind="case",
                expected=expected,
                events=[(Actor("key:x"), event) for event in events],
                recorded_at=after(9),
                order=ORDER,
            )
        ]
    )


def test_a_case_with_a_gap_accepts_no_commands(service) -> None:
    case = service.only_case("stock_unavailable")
    service.append_unchecked(case.id, case.version + 2, Claimed(person="ana"))
    with pytest.raises(TrailHasGap, match="version 5 follows 3"):
        service.another_process().desk.case(case.id)
    with pytest.raises(TrailHasGap):
        service.another_process().desk.claim(case.id, case.version, caller("bo", after(10)))


def test_an_order_with_a_gap_accepts_no_signals(service) -> None:
    first = service.lines()[0].event
    service.append_unchecked(order_stream(ORDER), 8, replace(first, signal=captured()))
    with pytest.raises(TrailHasGap):
        service.another_process().take(captured(2, id="more"), at=after(10))


def test_an_append_that_would_leave_a_gap_is_refused(service) -> None:
    case, head = service.only_case("stock_unavailable"), service.log.head()
    with pytest.raises(IntegrityError):
        write(service, case.id, case.version + 1, Claimed(person="ana"))
    assert service.log.head() == head


def test_a_trail_without_its_beginning_is_broken(service) -> None:
    lines = service.log.trail(service.only_case("stock_unavailable").id)
    with pytest.raises(TrailHasGap):
        case_after(None, lines[1])
    with pytest.raises(TrailHasGap):
        case_after(case_after(None, lines[0]), lines[0])


def test_events_of_another_stream_kind_are_not_folded(service) -> None:
    order_line = service.lines()[0]
    case_line = service.log.trail(service.only_case("stock_unavailable").id)[0]
    with pytest.raises(TrailHasGap, match="not an event of a case"):
        case_after(None, order_line)
    with pytest.raises(TrailHasGap, match="not an event of an order"):
        order_after(None, replace(case_line, version=1))
    with pytest.raises(TrailHasGap, match="not an event of a person"):
        person_after(None, order_line)


def test_a_version_can_be_written_once(service) -> None:
    case = service.only_case("stock_unavailable")
    write(service, case.id, case.version, Claimed(person="ana"))
    head = service.log.head()
    with pytest.raises(VersionTaken):
        write(service, case.id, case.version, Claimed(person="bo"), CaseReleased())
    assert service.log.head() == head
    assert service.only_case("stock_unavailable").person == "ana"


def test_an_append_of_several_streams_is_stored_whole_or_not_at_all(service) -> None:
    case = service.only_case("stock_unavailable")
    good = Write(
        stream=order_stream("fresh"),
        kind="order",
        expected=0,
        events=[(Actor("key:x"), service.lines()[0].event)],
        recorded_at=after(9),
        order="fresh",
        next_due=after(50),
    )
    stale = replace(good, stream=case.id, kind="case", events=[(Actor("key:x"), CaseReleased())])
    with pytest.raises(VersionTaken):
        service.log.append([good, stale])
    assert service.log.trail(order_stream("fresh")) == []
    assert order_stream("fresh") not in service.due()


def test_events_read_from_the_log_equal_those_written(service) -> None:
    service.take(captured(), at=after(4))
    lines = service.lines()
    assert [line.position for line in lines] == list(range(1, len(lines) + 1))
    for stream in {line.stream for line in lines}:
        trail = service.log.trail(stream)
        assert [line.version for line in trail] == list(range(1, len(trail) + 1))
        assert trail == [line for line in lines if line.stream == stream]
    assert all(isinstance(line, RecordedEvent) for line in lines)
