"""A replay takes each arrival at its time, and finds what fell due at the moment when it did."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from msgspec.structs import replace

from application.orders.batches import Arrival
from application.orders.replay import AT_ONCE
from application.orders.replay import replay as replayed
from domain.orders.signals import Signal, in_time_order
from tests.application.house import SENDER, House
from tests.domain.telling import (
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
    house: House, signals: Iterable[Signal], ends_at: datetime | None = None
) -> list[tuple[int, datetime]]:
    arrivals = [Arrival(signal, signal.event_time) for signal in signals]
    return list(replayed(arrivals, house.intake, house.timekeeper, SENDER, ends_at))


def lives(count: int) -> list[Signal]:
    """So many orders with a few kinds of trouble, an hour apart, in the order of their times."""
    told: list[Signal] = []
    for n in range(count):
        life = [
            shipping_by(n + 48, at=n),
            *([approved(n + 1)] if n % 2 else []),
            *([captured(n + 2)] if n % 3 else []),
            *([handed_over(n + 20 + 10 * (n % 5))] if n % 7 else []),
            *([cancelled(n + 60)] if n % 11 == 0 else []),
            delivered(n + 100),
        ]
        told += [replace(signal, order=f"o-{n}") for signal in life]
    return sorted(told, key=in_time_order)


def story(house: House) -> set[tuple[object, ...]]:
    return {
        (c.order, c.kind, c.id, str(c.state), c.detected_at, c.signals_joined)
        for c in house.found()
    }


def test_a_replay_finds_what_living_through_it_finds() -> None:
    told = lives(150)
    assert len(told) > AT_ONCE
    lived, read_again = House(), House()
    for signal in told:
        lived.tick(signal.event_time, punctual=True)
        lived.take(signal, at=signal.event_time)
    lived.tick(after(1000), punctual=True)

    replay(read_again, told, ends_at=after(1000))

    assert story(read_again) == story(lived)
    assert read_again.due() == lived.due() == {}
    assert len({kind for _, kind, *_ in story(lived)}) >= 3


@pytest.mark.parametrize("before", [0, 1, AT_ONCE - 2, AT_ONCE - 1, AT_ONCE])
def test_what_falls_due_between_two_signals_is_the_same_wherever_a_batch_ends(before) -> None:
    filler = [replace(scanned(-1), id=str(n), order="busy") for n in range(before)]
    told = [shipping_by(48), approved(1), handed_over(47), delivered(300)]
    house = House()
    taken = replay(house, [*filler, *told], ends_at=after(1000))
    assert taken[-1][0] == len(filler) + len(told)
    assert house.found() == []

    late = [shipping_by(48), approved(1), handed_over(48.5), delivered(300)]
    house = House()
    replay(house, [*filler, *late], ends_at=after(1000))
    case = house.the("ship_by_missed")
    assert (case.detected_at, case.state, case.signals_joined) == (after(48), "open", 1)


def test_progress_tells_how_many_were_taken_and_the_virtual_time() -> None:
    told = lives(150)
    progress = replay(House(), told)
    assert [taken for taken, _ in progress] == [
        *range(AT_ONCE, len(told), AT_ONCE),
        len(told),
    ]
    assert progress[-1][1] == told[-1].event_time
    assert all(one[1] <= next_[1] for one, next_ in pairwise(progress))


@pytest.mark.parametrize(
    ("ends_at", "found"),
    [
        (after(252) - MOMENT, []),
        (after(252), ["delivery_late"]),
        (after(252) + MOMENT, ["delivery_late"]),
    ],
)
def test_what_falls_due_at_the_end_itself_is_still_found(ends_at, found) -> None:
    house = House()
    replay(house, [promising(), approved(1)], ends_at=ends_at)
    assert [case.kind for case in house.found()] == found


def test_without_an_end_the_last_arrival_is_the_end() -> None:
    house = House()
    told = [promising(), approved(1), replace(scanned(252), order="another")]
    replay(house, told)
    assert [case.kind for case in house.found()] == ["delivery_late"]
    house = House()
    replay(house, [*told[:2], replace(scanned(251.999), order="another")])
    assert house.found() == []


def test_what_fell_due_is_recorded_as_of_then() -> None:
    house = House()
    replay(house, [promising(), approved(1)], ends_at=after(1000))
    case = house.the("delivery_late")
    assert (case.detected_at, case.opened_at) == (after(252), after(252))


def test_what_falls_due_stands_in_the_log_before_the_batches_that_come_after_it() -> None:
    busy = [replace(scanned(60 + n / 100), id=str(n), order="busy") for n in range(2 * AT_ONCE)]
    house = House()
    replay(house, [shipping_by(48), approved(1), *busy])
    assert house.the("ship_by_missed").opened_at == after(48) + MOMENT
    tags = [line.type for line in house.lines()]
    assert len(tags) - tags.index("case.detected") > AT_ONCE


def test_a_replay_of_nothing_still_lives_to_the_end() -> None:
    house = House()
    house.take(promising(), approved(1), at=after(2))
    assert replay(house, [], ends_at=after(300)) == []
    assert [case.kind for case in house.found()] == ["delivery_late"]


def test_a_replay_of_nothing_without_an_end_does_nothing() -> None:
    house = House()
    assert replay(house, []) == []
    assert house.lines() == []


def test_replaying_twice_changes_nothing() -> None:
    house = House()
    told = lives(30)
    replay(house, told, ends_at=after(1000))
    head = house.log.head()
    replay(house, told, ends_at=after(1000))
    assert house.log.head() == head


def test_a_statement_that_arrives_later_than_it_happened_is_taken_when_it_arrives() -> None:
    house = House()
    arrivals = [
        Arrival(promising(), after(0)),
        Arrival(approved(1), after(1)),
        Arrival(delivered(200), after(300)),
    ]
    list(replayed(arrivals, house.intake, house.timekeeper, SENDER))
    case = house.the("delivery_late")
    assert (case.state, case.detected_at, case.resolved_at) == ("resolved", after(252), after(300))
