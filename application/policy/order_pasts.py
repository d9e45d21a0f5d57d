"""What the log has of each order, as a simulation needs it.

Orders that the rules of the active policy decided on from the start need not be replayed until their first problem:
the log has what these rules found.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, takewhile
from typing import Final
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, structs

from application.log.event_codec import from_state
from application.log.event_log import EventLog
from domain.orders.events import (
    ExpectationMet,
    OrderEvent,
    PassedIntake,
    ProblemDetected,
    SignalRecorded,
    StagesNamed,
)
from domain.orders.signals import Signal
from domain.policy.rulebook import Rulebook
from domain.recorded_event import RecordedEvent

_SIGNAL: Final = "order.signal_recorded"
_PROBLEM: Final = "order.problem_detected"
_PASSED: Final = "order.passed_intake"
_PLAIN: Final = {_SIGNAL, _PROBLEM, _PASSED, "order.expectation_met", "order.stages_named"}
"""Without these, a signal began to count later than it was recorded, or personal data was erased."""
_RESOLVED_MARK: Final = b'"event":{"type":"case.resolved"'


class SimulationScope(Struct, frozen=True, kw_only=True):
    """The history and the policies of a simulation; with the same scope it gives the same figures."""

    active: Rulebook
    proposed: Rulebook
    since: datetime
    until: datetime
    position: int
    decided_after: int | None = None
    """Orders that begin after this position were decided on by the rules of the active policy from the
    start (`decided_after`); None if the log does not say so of any."""


class SignalGroup(Struct, frozen=True):
    """Signals that were recorded together."""

    at: datetime
    signals: Sequence[Signal]


class OrderPast(Struct, frozen=True, kw_only=True):
    """The recorded signals of an order, and when people resolved its cases."""

    order: str
    recorded_at: Sequence[datetime]
    """When each of its signals was recorded."""
    arrivals: Sequence[SignalGroup]
    """Empty if they were not asked for, and nothing happened to the order."""
    resolved: Mapping[UUID, datetime] = {}
    decided: Sequence[OrderEvent] = ()
    """What the rules of the active policy decided until the first problem; empty if other rules may have
    decided."""
    decided_arrivals: int = 0
    """How many of the arrivals they decided on."""
    passed_at: datetime | None = None
    """When it passed intake by these decisions."""
    is_quiet: bool = False
    """By these decisions it has no problem, and none falls due within the period."""


class _EventTag(Struct, frozen=True, gc=False):
    type: str


class _LineHead(Struct, frozen=True, gc=False):
    """What is read of each line first: most lines need no more."""

    stream: UUID
    recorded_at: datetime
    event: _EventTag
    order: str | None = None
    cause: str | None = None


class _Line(Struct, frozen=True, gc=False):
    position: int
    head: _LineHead
    state: bytes


_decode_head = msgspec.json.Decoder(_LineHead).decode


def load_order_pasts(
    log: EventLog, streams: Sequence[UUID], scope: SimulationScope, *, all_arrivals: bool = True
) -> Iterator[OrderPast]:
    """The orders of these streams, by what was recorded before the end of the period. `all_arrivals`: with
    the signals of quiet orders."""
    # Timers first: if they change afterwards, so do the lines that are read then.
    timers = log.recorder.select_timers(streams) if scope.decided_after is not None else {}
    found: dict[UUID, list[_Line]] = {}
    for position, state in log.recorder.select_streams(streams):
        line = _Line(position, _decode_head(state), state)
        found.setdefault(line.head.stream, []).append(line)
    resolved = _load_resolutions(log, found, scope)
    for stream, lines in found.items():
        known = [
            one
            for one in lines
            if one.position <= scope.position and one.head.recorded_at < scope.until
        ]
        if not known:
            continue
        is_decided = _is_decided(known, scope)
        due = timers.get(stream)
        problem = next((line.head for line in lines if line.head.event.type == _PROBLEM), None)
        is_quiet = (
            is_decided
            and problem is None
            and len(known) == len(lines)
            and (due is None or due >= scope.until)
        )
        if is_quiet and not all_arrivals:
            yield _quiet_past(known)
        else:
            events = log.opened([(line.position, line.state) for line in known])
            past = _past_of(events, resolved.get(stream, {}))
            yield _with_decisions(past, events, problem, is_quiet) if is_decided else past


def _is_decided(lines: Sequence[_Line], scope: SimulationScope) -> bool:
    """Whether the active policy's rules decided on all of it, by events that can be taken as they are."""
    return (
        scope.decided_after is not None
        and lines[0].position > scope.decided_after
        and all(line.head.event.type in _PLAIN for line in lines)
    )


def _quiet_past(lines: Sequence[_Line]) -> OrderPast:
    heads = [line.head for line in lines]
    return OrderPast(
        order=heads[0].order or "",
        recorded_at=[head.recorded_at for head in heads if head.event.type == _SIGNAL],
        arrivals=(),
        passed_at=next((head.recorded_at for head in heads if head.event.type == _PASSED), None),
        is_quiet=True,
    )


def _past_of(lines: Sequence[RecordedEvent], resolved: Mapping[UUID, datetime]) -> OrderPast:
    signals = [line for line in lines if isinstance(line.event, SignalRecorded)]
    return OrderPast(
        order=lines[0].order or "",
        recorded_at=[line.recorded_at for line in signals],
        arrivals=[*_group_signals(signals)],
        resolved=resolved,
    )


def _with_decisions(
    past: OrderPast, lines: Sequence[RecordedEvent], problem: _LineHead | None, is_quiet: bool
) -> OrderPast:
    """With what was decided before the first problem."""
    # What was decided together with the problem is decided again as a whole.
    before = [*takewhile(lambda x: problem is None or _group_of(x) != _group_of(problem), lines)]
    signals = [line for line in before if isinstance(line.event, SignalRecorded)]
    return structs.replace(
        past,
        decided=[event for line in before if (event := _decision_of(line)) is not None],
        decided_arrivals=sum(1 for _ in _group_signals(signals)),
        passed_at=next((x.recorded_at for x in before if isinstance(x.event, PassedIntake)), None),
        is_quiet=is_quiet,
    )


def _decision_of(line: RecordedEvent) -> OrderEvent | None:
    """The event without the stages of standard work, which a simulation leaves out."""
    match line.event:
        case SignalRecorded() as recorded:
            return structs.replace(recorded, stages=UNSET)
        case PassedIntake() | ExpectationMet() as decided:
            return decided
        case StagesNamed():
            return None
        case other:
            raise AssertionError(f"{other} is no plain event of an order")


def _group_of(line: RecordedEvent | _LineHead) -> tuple[datetime, str | None]:
    return line.recorded_at, line.cause


def _group_signals(lines: Sequence[RecordedEvent]) -> Iterator[SignalGroup]:
    for (at, _), group in groupby(lines, key=_group_of):
        events = [line.event for line in group]
        yield SignalGroup(
            at, [event.signal for event in events if isinstance(event, SignalRecorded)]
        )


def _load_resolutions(
    log: EventLog, found: Mapping[UUID, Sequence[_Line]], scope: SimulationScope
) -> dict[UUID, dict[UUID, datetime]]:
    """Order -> when people resolved each of its cases."""
    cases: dict[UUID, UUID] = {}
    for stream, lines in found.items():
        for line in lines:
            if line.head.event.type == _PROBLEM and line.position <= scope.position:
                event = from_state(line.position, line.state).event
                if isinstance(event, ProblemDetected):
                    cases[event.case] = stream
    resolved: dict[UUID, dict[UUID, datetime]] = {}
    for position, state in log.recorder.select_streams([*cases]) if cases else ():
        if position <= scope.position and _RESOLVED_MARK in state:
            line_of_case = from_state(position, state)
            by_case = resolved.setdefault(cases[line_of_case.stream], {})
            by_case[line_of_case.stream] = line_of_case.recorded_at
    return resolved
