"""A replay takes each signal at its arrival time and records overdue events at their own time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby, pairwise

import pytest
from msgspec.structs import replace

from application.orders.batches import Arrival
from application.orders.replay import BATCH_SIZE
from application.orders.replay import replay as replayed
from domain.orders.signals import Signal, event_time_key
from tests.application.in_memory_service import SENDER, InMemoryService
from tests.domain.signals import (
    after,
    approved,
    cancelled,
    captured,
    delivered,
    handed_over,
    promising,
    scanned,
    shipping_by,
)

MOMENT = timedelta(microseconds=1)


def replay(
    service: InMemoryService, signals: Iterable[Signal], ends_at: datetime | None = None
) -> list[tuple[int, datetime]]:
    arrivals = [Arrival(signal, signal.event_time) for signal in signals]
    return list(replayed(arrivals, service.intake, service.timekeeper, SENDER, ends_at))


def orders_with_problems(count: int) -> list[Signal]:
    """This many orders with a few kinds of problems, an hour apart, in time order."""
    story_signals: list[Signal] = []
    for n in range(count):
        life = [
            shipping_by(n + 48, at=n),
            *([approved(n + 1)] if n % 2 else []),
            *([captured(n + 2)] if n % 3 else []),
            *([handed_over(n + 20 + 10 * (n % 5))] if n % 7 else []),
            *([cancelled(n + 60)] if n % 11 == 0 else []),
            delivered(n + 100),
        ]
        story_signals += [replace(signal, order=f"o-{n}") for signal in life]
    return sorted(story_signals, key=event_time_key)


def story(service: InMemoryService) -> set[tuple[object, ...]]:
    return {
        (
            c.order,
            c.kind,
            c.id,
            str(c.state),
            c.detected_at,
            c.opened_at,
            str(c.timing.clock),
            c.signals_joined,
        )
        for c in service.found()
    }


def test_a_replay_finds_the_same_cases_as_live_operation() -> None:
    story_signals = orders_with_problems(150)
    assert len(story_signals) > BATCH_SIZE
    live, one_by_one, read_again = InMemoryService(), InMemoryService(), InMemoryService()
    for at, together in groupby(story_signals, key=lambda signal: signal.event_time):
        live.tick(at, punctual=True)
        one_by_one.tick(at, punctual=True)
        signals = list(together)
        live.take(*signals, at=at)
        for signal in signals:
            one_by_one.take(signal, at=at)
    live.tick(after(1000), punctual=True)
    one_by_one.tick(after(1000), punctual=True)

    replay(read_again, story_signals, ends_at=after(1000))

    assert story(read_again) == story(live)
    # Of two signals at one time, the second joins a case that they open together.
    assert {one[:-1] for one in story(one_by_one)} == {one[:-1] for one in story(live)}
    assert read_again.due() == live.due() == one_by_one.due() == {}
    assert len({kind for _, kind, *_ in story(live)}) >= 3


@pytest.mark.parametrize("before", [0, 1, BATCH_SIZE - 2, BATCH_SIZE - 1, BATCH_SIZE])
def test_batch_borders_do_not_change_what_falls_due(before) -> None:
    filler = [replace(scanned(-1), id=str(n), order="busy") for n in range(before)]
    story_signals = [shipping_by(48), approved(1), handed_over(47), delivered(300)]
    service = InMemoryService()
    taken = replay(service, [*filler, *story_signals], ends_at=after(1000))
    assert taken[-1][0] == len(filler) + len(story_signals)
    assert service.found() == []

    late = [shipping_by(48), approved(1), handed_over(48.5), delivered(300)]
    service = InMemoryService()
    replay(service, [*filler, *late], ends_at=after(1000))
    case = service.only_case("ship_by_missed")
    # The hand-over after the limit, and the delivery, which shows too that it was handed over.
    assert (case.detected_at, case.state, case.signals_joined) == (after(48), "open", 2)


def test_progress_reports_the_count_and_the_simulated_time() -> None:
    story_signals = orders_with_problems(150)
    progress = replay(InMemoryService(), story_signals)
    assert [taken for taken, _ in progress] == [
        *range(BATCH_SIZE, len(story_signals), BATCH_SIZE),
        len(story_signals),
    ]
    assert progress[-1][1] == story_signals[-1].event_time
    assert all(one[1] <= next_[1] for one, next_ in pairwise(progress))


@pytest.mark.parametrize(
    ("ends_at", "found"),
    [
        (after(252) - MOMENT, []),
        (after(252), ["delivery_late"]),
        (after(252) + MOMENT, ["delivery_late"]),
    ],
)
def test_a_deadline_at_the_end_is_still_found(ends_at, found) -> None:
    service = InMemoryService()
    replay(service, [promising(), approved(1)], ends_at=ends_at)
    assert [case.kind for case in service.found()] == found


def test_a_replay_without_an_end_stops_at_the_last_arrival() -> None:
    service = InMemoryService()
    story_signals = [promising(), approved(1), replace(scanned(252), order="another")]
    replay(service, story_signals)
    assert [case.kind for case in service.found()] == ["delivery_late"]
    service = InMemoryService()
    replay(service, [*story_signals[:2], replace(scanned(251.999), order="another")])
    assert service.found() == []


def test_overdue_events_are_recorded_at_their_own_time() -> None:
    service = InMemoryService()
    replay(service, [promising(), approved(1)], ends_at=after(1000))
    case = service.only_case("delivery_late")
    assert (case.detected_at, case.opened_at) == (after(252), after(252))


def test_overdue_events_precede_later_batches_in_the_log() -> None:
    busy = [replace(scanned(60 + n / 100), id=str(n), order="busy") for n in range(2 * BATCH_SIZE)]
    service = InMemoryService()
    replay(service, [shipping_by(48), approved(1), *busy])
    assert service.only_case("ship_by_missed").opened_at == after(48) + MOMENT
    tags = [line.type for line in service.lines()]
    assert len(tags) - tags.index("case.detected") > BATCH_SIZE


def test_a_replay_of_no_signals_runs_timers_to_the_end() -> None:
    service = InMemoryService()
    service.take(promising(), approved(1), at=after(2))
    assert replay(service, [], ends_at=after(300)) == []
    assert [case.kind for case in service.found()] == ["delivery_late"]


def test_a_replay_of_no_signals_without_an_end_does_nothing() -> None:
    service = InMemoryService()
    assert replay(service, []) == []
    assert service.lines() == []


def test_replaying_twice_changes_nothing() -> None:
    service = InMemoryService()
    story_signals = orders_with_problems(30)
    replay(service, story_signals, ends_at=after(1000))
    head = service.log.head()
    replay(service, story_signals, ends_at=after(1000))
    assert service.log.head() == head


def test_a_late_signal_is_taken_when_it_arrives() -> None:
    service = InMemoryService()
    arrivals = [
        Arrival(promising(), after(0)),
        Arrival(approved(1), after(1)),
        Arrival(delivered(200), after(300)),
    ]
    list(replayed(arrivals, service.intake, service.timekeeper, SENDER))
    case = service.only_case("delivery_late")
    assert (case.state, case.detected_at, case.resolved_at) == ("resolved", after(252), after(300))
