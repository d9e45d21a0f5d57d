"""The flows of `docs/flows.md`: signals at relative times, and the cases that they leave."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from application.orders.batches import Arrival
from application.orders.replay import replay, tick_until
from domain.cases.case_parts import WHOLE_ORDER
from domain.orders.reading import read_signal
from domain.orders.signals import Signal, event_time_key
from tests.application.in_memory_service import SENDER, SHIPPED_RULEBOOK, InMemoryService

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "flows.md"
BEGINS = datetime(2026, 11, 2, 9, tzinfo=UTC)
ORDER = "O-1"
TICK = timedelta(minutes=1)
_SPAN = re.compile(r"([+-]?)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_MONEY = re.compile(r"(-?\d+\.\d\d)(?: ([A-Z]{3}))?")
_PIECES = re.compile(r"(?:(\d+) of )(\S+)")
_DAYS = {"delivery_date", "expected_on"}
_COUNTS = {"quantity", "revision", "max_parcels"}
_HEADING = re.compile(
    r"^### (?P<name>[^\n]+)\n(?:(?!#)[^\n]*\n)*?```yaml\n(?P<block>.*?)^```", re.DOTALL | re.M
)

Problems = frozenset[tuple[str, str, bool]]
"""The kind, the part and whether it is open, of each problem."""


class Flow(NamedTuple):
    name: str
    signals: list[Signal]
    """In the order of the page."""
    ends_at: datetime
    cases: Problems


def flows() -> dict[str, Flow]:
    """The flows of the page, by name."""
    found = [_flow(m["name"], m["block"]) for m in _HEADING.finditer(PAGE.read_text("utf-8"))]
    return {flow.name: flow for flow in found}


def _flow(name: str, block: str) -> Flow:
    told = yaml.load(block, yaml.BaseLoader)
    signals = [read_line(n, one) for n, one in enumerate(told["signals"], 1)]
    return Flow(name, signals, BEGINS + span(told["until"]), frozenset(_problems(told["cases"])))


def read_line(number: int, told: Mapping[str, Mapping[str, Any]]) -> Signal:
    ((head, fields),) = told.items()
    at, source, kind = head.split()
    document: dict[str, Any] = {"type": kind, "source": source, "id": f"{kind}-{number}"}
    if fields is None or "refs" not in fields:
        document["order"] = ORDER
    document["event_time"] = (BEGINS + span(at)).isoformat()
    return read_signal(document | {key: _value(key, v) for key, v in (fields or {}).items()})


def _value(key: str, told: Any) -> Any:
    """What a field holds: money such as 12.30, times such as +3d, pieces such as `2 of A`."""
    if isinstance(told, dict):
        return {name: _value(name, one) for name, one in told.items()}
    if isinstance(told, list):
        return [_value(key, one) for one in told]
    if key in _COUNTS and told.isdigit():
        return int(told)
    if told in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[told]
    if found := _MONEY.fullmatch(told):
        return {"amount": found[1], "currency": found[2] or "EUR"}
    if key == "lines" and (found := _PIECES.fullmatch(told)):
        return {"line": found[2], "quantity": int(found[1])}
    if told.startswith("+") and _SPAN.fullmatch(told):
        at = BEGINS + span(told)
        return at.date().isoformat() if key in _DAYS else at.isoformat()
    return told


def span(told: str) -> timedelta:
    found = _SPAN.fullmatch(told)
    assert found, f"{told!r} is no time such as 2d, 3h or 5m"
    assert told, "a time is missing"
    sign, *numbers = found.groups()
    days, hours, minutes, seconds = (int(one or 0) for one in numbers)
    span = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    return -span if sign == "-" else span


def _problems(told: Mapping[str, str]) -> Iterable[tuple[str, str, bool]]:
    """From `kind: open parcel:P1, cleared line:A`; `order` is the whole order."""
    for kind, parts in (told or {}).items():
        for one in parts.split(", "):
            state, part = one.split()
            assert state in ("open", "cleared"), one
            yield kind, WHOLE_ORDER if part == "order" else part, state == "open"


def live_in_order(flow: Flow) -> InMemoryService:
    """Each signal arrives at its event time, and time passes until the end."""
    service = InMemoryService(SHIPPED_RULEBOOK)
    arrivals = [Arrival(s, s.event_time) for s in sorted(flow.signals, key=event_time_key)]
    for _ in replay(arrivals, service.intake, service.timekeeper, SENDER, flow.ends_at):
        pass
    return service


def live_in_one_batch(flow: Flow) -> InMemoryService:
    """All signals arrive together at the end."""
    service = InMemoryService(SHIPPED_RULEBOOK)
    service.take(*flow.signals, at=flow.ends_at)
    tick_until(flow.ends_at, service.timekeeper)
    return service


def live_one_by_one(flow: Flow, signals: Iterable[Signal]) -> InMemoryService:
    """All signals arrive at the end, each by itself, in the given order."""
    service = InMemoryService(SHIPPED_RULEBOOK)
    for signal in signals:
        service.take(signal, at=flow.ends_at)
        tick_until(flow.ends_at, service.timekeeper)
    return service


def problems(service: InMemoryService) -> Problems:
    """Every problem that has or had a case."""
    return frozenset(
        (case.kind, key, not (part.is_cleared or case.cleared or case.is_resolved))
        for case in service.found()
        for key, part in case.parts.items()
    )


def open_problems(service: InMemoryService) -> set[tuple[str, str]]:
    return {(kind, part) for kind, part, is_open in problems(service) if is_open}
