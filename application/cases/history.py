"""The state of a case or order at an earlier version or time, and the changes between two states.

There are two clocks: `as_of` is when something happened, `known_at` when it was recorded. Lines count up to
the first that was recorded later: positions order them, times only say how far to read.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from application.log.streams import case_after
from domain.cases.errors import CaseNotFound, NoSuchVersion
from domain.cases.exception_case import ExceptionCase
from domain.cases.packet import PacketFact
from domain.errors import OrderNotFound
from domain.orders.events import SignalRecorded
from domain.orders.facts import OrderFacts, facts_of
from domain.orders.order import Order
from domain.orders.signals import Signal
from domain.policy.decision import is_number, is_same_value
from domain.policy.differences import describe_value
from domain.recorded_event import RecordedEvent

HistoryPoint = int | datetime
"""A version of a case, or a time until which it was recorded."""
_KEY_FIELDS: Final = ("key", "id", "fact", "ref", "task", "hold", "case")
"""Fields that may identify the parts of a list: the first that each part has, with distinct values."""
_ABSENT: Final = object()


class Change(Struct, frozen=True):
    """One difference between two states; `place` is a JSON Pointer (RFC 6901). A value that one side does
    not have is null there, and `how` says so."""

    place: str
    how: str
    before: Any
    after: Any


def lines_until(lines: Sequence[RecordedEvent], point: HistoryPoint) -> Sequence[RecordedEvent]:
    """The lines of the case up to that point. Raises NoSuchVersion, CaseNotFound."""
    if isinstance(point, int):
        if not 1 <= point <= len(lines):
            raise NoSuchVersion(
                f"case {lines[0].stream} has versions 1 to {len(lines)}, not {point}"
            )
        return lines[:point]
    known = [*recorded_until(lines, point)]
    if not known:
        raise CaseNotFound(f"no case {lines[0].stream} at {point.isoformat()}")
    return known


def recorded_until(lines: Iterable[RecordedEvent], at: datetime | None) -> Iterator[RecordedEvent]:
    """The lines that were recorded by then; all of them for None."""
    return takewhile(lambda line: at is None or line.recorded_at <= at, iter(lines))


def lines_until_both(
    lines: Sequence[RecordedEvent], as_of: datetime | None, known_at: datetime | None
) -> Sequence[RecordedEvent]:
    """The lines of the case by two clocks. An act on a case happens when it is recorded, so it counts if
    that was before both times. Raises CaseNotFound."""
    moments = [moment for moment in (as_of, known_at) if moment is not None]
    return lines_until(lines, min(moments)) if moments else lines


def case_of(lines: Iterable[RecordedEvent]) -> ExceptionCase:
    """The case after these lines; there must be at least one."""
    case: ExceptionCase | None = None
    for line in lines:
        case = case_after(case, line)
    assert case is not None
    return case


def order_of(
    lines: Iterable[RecordedEvent], as_of: datetime | None, known_at: datetime | None
) -> tuple[Order, Mapping[str, datetime]]:
    """The order by the signals that had happened by `as_of` and were recorded by `known_at`; and when
    each of them was recorded. Raises OrderNotFound."""
    order: Order | None = None
    recorded_at = {}
    for line in recorded_until(lines, known_at):
        order = order or Order(id=line.order or "")
        if isinstance(line.event, SignalRecorded):
            signal = line.event.signal
            if as_of is not None and signal.event_time > as_of:
                continue
            recorded_at[signal.key] = line.recorded_at
        order = order.after(line.event)  # type: ignore[arg-type]
    if order is None or not recorded_at:
        raise OrderNotFound("nothing was recorded about the order at that time")
    return order, recorded_at


def facts_before(lines: Iterable[RecordedEvent], position: int) -> OrderFacts:
    """The facts of an order by the signals that were recorded before this position."""
    return facts_of(signals_before(lines, position))


def signals_before(lines: Iterable[RecordedEvent], position: int) -> Iterator[Signal]:
    """The signals of an order that were recorded before this position."""
    for line in lines:
        if isinstance(line.event, SignalRecorded) and line.position < position:
            yield line.event.signal


def find_changes(before: Any, after: Any, place: str = "") -> Iterator[Change]:
    """Every difference between two JSON values, in words; none if and only if they are equal."""
    if before is _ABSENT:
        yield Change(place, f"{_describe_place(place)}: new, {describe_value(after)}", None, after)
    elif after is _ABSENT:
        yield Change(
            place, f"{_describe_place(place)}: gone, was {describe_value(before)}", before, None
        )
    elif _canonical_json(before) == _canonical_json(after):
        return
    elif (parts := _parts(before, after)) is None:
        how = f"{_describe_place(place)}: {describe_value(before)} → {describe_value(after)}"
        yield Change(place, how, before, after)
    else:
        old, new = parts
        for name in [*old, *(name for name in new if name not in old)]:
            escaped = name.replace("~", "~0").replace("/", "~1")
            yield from find_changes(
                old.get(name, _ABSENT), new.get(name, _ABSENT), f"{place}/{escaped}"
            )
        orders = [name for name in old if name in new], [name for name in new if name in old]
        if isinstance(before, list) and orders[0] != orders[1]:
            order = " → ".join(", ".join(names) for names in orders)
            yield Change(place, f"{_describe_place(place)}: in the order {order}", *orders)


def find_packet_changes(
    before: Sequence[PacketFact], after: Sequence[PacketFact]
) -> Iterator[Change]:
    """Every difference between two packets, by fact. Amounts are compared by value."""
    old, new = ({one.fact: one for one in packet} for packet in (before, after))
    same = {fact: one for fact, one in old.items() if _has_same_value(one, new.get(fact))}
    aligned = [
        structs.replace(one, value=same[one.fact].value) if one.fact in same else one
        for one in after
    ]
    plain = (msgspec.json.decode(msgspec.json.encode(packet)) for packet in (before, aligned))
    for change in find_changes(*plain):
        how = change.how
        if not change.place:
            continue  # the order of the facts means nothing
        if change.place.count("/") == 1:
            fact = (change.before or change.after)["fact"]
            how = f"{fact}: {_describe_coming_or_going(old.get(fact), new.get(fact))}"
        yield structs.replace(change, how=how)


def _has_same_value(one: PacketFact, other: PacketFact | None) -> bool:
    return other is not None and is_same_value(one.value, other.value)


def _describe_coming_or_going(before: PacketFact | None, after: PacketFact | None) -> str:
    if before is None:
        return f"new, {describe_value(after.value)}" if after is not None else ""
    value = describe_value(before.value)
    # A packet leaves out flags of parts that are not set, and counts and amounts of 0.
    if ":" in before.fact and before.value is True:
        return f"was {value}, is no longer so"
    if ":" in before.fact and is_number(before.value):
        return f"was {value}, is 0 or not known any more"
    return f"was {value}, is not known any more"


def _parts(before: Any, after: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The named parts of both values; None if their parts have no names."""
    if isinstance(before, dict) and isinstance(after, dict):
        return before, after
    if not (isinstance(before, list) and isinstance(after, list)):
        return None
    if not all(isinstance(part, dict) for part in (*before, *after)):
        return None
    for field in _KEY_FIELDS:
        old, new = (
            {str(part[field]): part for part in parts if field in part} for parts in (before, after)
        )
        if (len(old), len(new)) == (len(before), len(after)):
            return old, new
    return None


def _canonical_json(value: Any) -> str:
    """The value as text, in which `1`, `true` and `"1"` differ."""
    return json.dumps(value, sort_keys=True)


def _describe_place(place: str) -> str:
    """`/adjustments/a1/state` as `adjustments, a1, state`."""
    parts = place.removeprefix("/").split("/")
    words = ", ".join(p.replace("~1", "/").replace("~0", "~").replace("_", " ") for p in parts)
    return words or "it"
