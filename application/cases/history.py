"""What was so, as of any version or time: folds up to there, of the lines that the log has now.

Two clocks: `known_at` is when it was recorded, `as_of` when it happened. Lines are taken up to the
first that was recorded later: positions order them, times only say how far to read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any, Final

from msgspec import Struct

from application.log.streams import case_after
from domain.cases.errors import CaseNotFound, NoSuchVersion
from domain.cases.exception_case import ExceptionCase
from domain.errors import OrderNotFound
from domain.orders.events import SignalRecorded
from domain.orders.order import Order
from domain.policy.differences import in_words
from domain.recorded import Recorded

Point = int | datetime
"""A version of a case, or a time until which it was recorded."""
_NAMED_BY: Final = ("id", "fact", "ref", "task", "hold", "case")
"""What tells the parts of a list apart, if each has it and no two share it."""
_ABSENT: Final = object()


class Change(Struct, frozen=True):
    """One place at which two states differ; `place` is its JSON Pointer (RFC 6901). What was not
    there on one side is null there, and `how` says which."""

    place: str
    how: str
    before: Any
    after: Any


def lines_until(lines: Sequence[Recorded], point: Point) -> Sequence[Recorded]:
    """The case's lines as they were at that point. Raises NoSuchVersion, CaseNotFound."""
    if isinstance(point, int):
        if not 1 <= point <= len(lines):
            told = f"case {lines[0].stream} has versions 1 to {len(lines)}, not {point}"
            raise NoSuchVersion(told)
        return lines[:point]
    known = [*known_by(lines, point)]
    if not known:
        raise CaseNotFound(f"no case {lines[0].stream} at {point.isoformat()}")
    return known


def known_by(lines: Iterable[Recorded], at: datetime | None) -> Iterator[Recorded]:
    """Those that were recorded by then; all of them for None."""
    return takewhile(lambda line: at is None or line.recorded_at <= at, iter(lines))


def until_both(
    lines: Sequence[Recorded], as_of: datetime | None, known_at: datetime | None
) -> Sequence[Recorded]:
    """The case's lines by two clocks. What is done to a case happens when it is recorded: it is there
    if that was by both times. Raises CaseNotFound."""
    moments = [moment for moment in (as_of, known_at) if moment is not None]
    return lines_until(lines, min(moments)) if moments else lines


def case_of(lines: Iterable[Recorded]) -> ExceptionCase:
    """The case after these lines, of which there is at least one."""
    case: ExceptionCase | None = None
    for line in lines:
        case = case_after(case, line)
    assert case is not None
    return case


def order_of(
    lines: Iterable[Recorded], as_of: datetime | None, known_at: datetime | None
) -> tuple[Order, Mapping[str, datetime]]:
    """The order by the signals that had happened by `as_of`, as far as they were recorded by
    `known_at`; and when each of them was. Raises OrderNotFound."""
    order: Order | None = None
    told = {}
    for line in known_by(lines, known_at):
        order = order or Order(id=line.order or "")
        if isinstance(line.event, SignalRecorded):
            signal = line.event.signal
            if as_of is not None and signal.event_time > as_of:
                continue
            told[signal.key] = line.recorded_at
        order = order.after(line.event)  # type: ignore[arg-type]
    if order is None or not told:
        raise OrderNotFound("nothing was known of it then")
    return order, told


def changes(before: Any, after: Any, place: str = "") -> Iterator[Change]:
    """Every place at which two JSON values differ, in words: none if and only if they are alike."""
    if before is _ABSENT:
        yield Change(place, f"{_spoken(place)}: new, {in_words(after)}", None, after)
    elif after is _ABSENT:
        yield Change(place, f"{_spoken(place)}: gone, was {in_words(before)}", before, None)
    elif _written(before) == _written(after):
        return
    elif (parts := _parts(before, after)) is None:
        how = f"{_spoken(place)}: {in_words(before)} → {in_words(after)}"
        yield Change(place, how, before, after)
    else:
        old, new = parts
        for name in [*old, *(name for name in new if name not in old)]:
            escaped = name.replace("~", "~0").replace("/", "~1")
            one, other = old.get(name, _ABSENT), new.get(name, _ABSENT)
            yield from changes(one, other, f"{place}/{escaped}")
        orders = [name for name in old if name in new], [name for name in new if name in old]
        if isinstance(before, list) and orders[0] != orders[1]:
            told = " → ".join(", ".join(order) for order in orders)
            yield Change(place, f"{_spoken(place)}: in the order {told}", *orders)


def _parts(before: Any, after: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """What both are made of, by name; None for what has no names."""
    if isinstance(before, dict) and isinstance(after, dict):
        return before, after
    if not (isinstance(before, list) and isinstance(after, list)):
        return None
    if not all(isinstance(part, dict) for part in (*before, *after)):
        return None
    for field in _NAMED_BY:
        old, new = (
            {str(part[field]): part for part in parts if field in part} for parts in (before, after)
        )
        if (len(old), len(new)) == (len(before), len(after)):
            return old, new
    return None


def _written(told: Any) -> str:
    """`1`, `true` and `"1"` are three things."""
    return json.dumps(told, sort_keys=True)


def _spoken(place: str) -> str:
    """`/adjustments/a1/state` as `adjustments, a1, state`."""
    parts = place.removeprefix("/").split("/")
    said = ", ".join(p.replace("~1", "/").replace("~0", "~").replace("_", " ") for p in parts)
    return said or "it"
