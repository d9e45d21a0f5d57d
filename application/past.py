"""What was so, as of any version or time: folds up to there, of the lines that the log has now.

Two clocks: `known_at` is when it was recorded, `as_of` when it happened. Lines are taken up to the
first that was recorded later: positions order them, times only say how far to read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any, Final

from msgspec import Struct

from application.streams import case_after
from domain.cases.exception_case import ExceptionCase
from domain.errors import CaseNotFound, NoSuchVersion, OrderNotFound
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
    before, after = _keyed(before), _keyed(after)
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(name for name in after if name not in before)]:
            escaped = str(name).replace("~", "~0").replace("/", "~1")
            one, other = before.get(name, _ABSENT), after.get(name, _ABSENT)
            yield from changes(one, other, f"{place}/{escaped}")
    elif before is _ABSENT:
        yield Change(place, f"{_spoken(place)}: new, {in_words(after)}", None, after)
    elif after is _ABSENT:
        yield Change(place, f"{_spoken(place)}: gone, was {in_words(before)}", before, None)
    elif type(before) is not type(after) or before != after:
        how = f"{_spoken(place)}: {in_words(before)} → {in_words(after)}"
        yield Change(place, how, before, after)


def _keyed(told: Any) -> Any:
    """A list whose parts have names, by their names."""
    if isinstance(told, list) and told and all(isinstance(part, dict) for part in told):
        for field in _NAMED_BY:
            names = [str(part[field]) for part in told if field in part]
            if len({*names}) == len(told):
                return dict(zip(names, told, strict=True))
    return {} if told == [] else told


def _spoken(place: str) -> str:
    """`/adjustments/a1/state` as `adjustments, a1, state`."""
    parts = place.removeprefix("/").split("/")
    return ", ".join(p.replace("~1", "/").replace("~0", "~").replace("_", " ") for p in parts)
