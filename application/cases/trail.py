"""The decision trail of a case for people: who did what, when, why, on which evidence, and caused by what.

For each decision of a person, it lists the signals that were recorded but not in the packet.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from application.log.streams import case_after
from domain.adjustments.events import (
    AdjustmentApproved,
    AdjustmentProposed,
    AdjustmentRejected,
    ExecutionStarted,
)
from domain.adjustments.refusals import AttemptRefused
from domain.cases import work_events as work
from domain.cases.event_descriptions import describe_event
from domain.cases.events import CaseEvent, Detected, Enriched, Resolved, SignalJoined
from domain.cases.exception_case import ExceptionCase
from domain.cases.part_events import PartCleared, PartJoined
from domain.cases.step_events import TaskOverdue
from domain.orders.events import SignalRecorded
from domain.orders.order_names import order_name
from domain.people import Actor
from domain.policy.decision import Decision, Verdict
from domain.recorded_event import RecordedEvent
from domain.struct_fields import T, fill


class PolicyReason(Struct, frozen=True):
    """A decision of policy in the line: its policy version, its rule, and every verdict."""

    what: str
    policy: str
    rule: str
    verdicts: Sequence[Verdict]


class UnshownSignal(Struct, frozen=True):
    """A signal of the order that was recorded by then, and is the source of no fact in the packet."""

    signal: str
    type: str
    event_time: datetime
    recorded_at: datetime


class TrailLine(Struct, frozen=True, kw_only=True):
    version: int
    position: int
    type: str
    said: str
    who: str
    actor: Actor
    happened_at: datetime
    recorded_at: datetime
    cause: str | None
    why: Sequence[PolicyReason]
    evidence: Sequence[str]
    packet: str | None
    """The digest of the packet that the decision was based on, or that the event added."""
    not_shown: Sequence[UnshownSignal] | None
    """For a person's decision on a packet; None for all other lines."""
    declared_wrong_by: int | None
    """The version that declares this one an error."""


def describe_lines(
    lines: Sequence[RecordedEvent], order_lines: Sequence[RecordedEvent]
) -> list[TrailLine]:
    """Describe every line of a case; `order_lines` are the lines of its order."""
    wrong = {x.event.about: x.version for x in lines if isinstance(x.event, work.ErrorDeclared)}
    case = ExceptionCase(id=lines[0].stream)
    packets: dict[str, frozenset[str]] = {}
    described = []
    for line in lines:
        event = line.event
        if isinstance(event, Enriched):
            packets[event.digest] = frozenset(key for fact in event.packet for key in fact.sources)
        digest = _packet_of(event, case)
        shown = packets.get(digest) if digest is not None else None
        decided = line.actor.person is not None and not isinstance(event, Enriched)
        hidden = (
            _unshown_signals(shown, line.position, order_lines)
            if decided and shown is not None
            else None
        )
        described.append(describe_line(line, digest, hidden, wrong.get(line.version)))
        case = case_after(case, line)
    return described


def describe_line(
    line: RecordedEvent,
    packet: str | None = None,
    not_shown: Sequence[UnshownSignal] | None = None,
    declared_wrong_by: int | None = None,
) -> TrailLine:
    """Describe one line of a case, or a refused attempt."""
    event = line.event
    assert isinstance(event, CaseEvent | AttemptRefused)
    return fill_from_line(
        TrailLine,
        line,
        said=describe_event(event),
        happened_at=_happened_at(event) or line.recorded_at,
        why=[*_policy_reasons(event)],
        evidence=evidence_of(event),
        packet=packet,
        not_shown=not_shown,
        declared_wrong_by=declared_wrong_by,
    )


def fill_from_line(kind: type[T], line: RecordedEvent, *sources: object, **values: object) -> T:
    """A row about a line of the log, filled from the line, its actor and the sources. `who` is the actor in
    words, `case` is the stream of the line, and `order` is unique in `shop`."""
    name = order_name(line.order) if line.order is not None else None
    own: dict[str, object] = {
        "who": describe_actor(line.actor),
        "case": line.stream,
        "order": name.order if name is not None else None,
        "shop": name.shop if name is not None else None,
        **values,
    }
    fields = {name: value for name, value in own.items() if name in kind.__struct_fields__}
    return fill(kind, line, line.actor, *sources, **fields)


def describe_actor(actor: Actor) -> str:
    """`bo for ana through the agent copilot, under break-glass:…`."""
    who = actor.person or actor.principal.removeprefix("system:")
    if actor.delegate is not None:
        who = f"{actor.delegate} for {who}"
    if actor.via:
        who += f" through {', '.join(actor.via)}"
    if actor.person is not None:
        who += f" ({actor.principal})"
    return f"{who}, under {actor.under}" if actor.under is not None else who


def _packet_of(event: Any, case: ExceptionCase) -> str | None:
    match event:
        case Enriched(digest=found) | Resolved(packet=found) | AdjustmentProposed(packet=found):
            return found
        case AdjustmentApproved() | AdjustmentRejected() | ExecutionStarted():
            return case.adjustments.get(event.adjustment).packet
        case _:
            return None


def _unshown_signals(
    shown: frozenset[str], position: int, order_lines: Iterable[RecordedEvent]
) -> list[UnshownSignal]:
    known = (line for line in order_lines if line.position < position)
    signals = ((x.event.signal, x) for x in known if isinstance(x.event, SignalRecorded))
    return [
        UnshownSignal(signal.key, signal.type, signal.event_time, line.recorded_at)
        for signal, line in signals
        if signal.key not in shown
    ]


def _policy_reasons(event: CaseEvent | AttemptRefused) -> Iterable[PolicyReason]:
    for name in ("decision", "clearing", "paused"):
        decision = getattr(event, name, None)
        if isinstance(decision, Decision):
            yield PolicyReason(name, decision.policy, decision.rule, decision.verdicts)
    if isinstance(event, AdjustmentProposed):
        required = event.requirement
        yield PolicyReason("requirement", required.policy, required.rule, ())
    if isinstance(event, work.Retermed):
        yield PolicyReason("terms", event.policy, event.service, ())


def evidence_of(event: CaseEvent | AttemptRefused) -> Sequence[str]:
    match event:
        case Resolved(resolution=resolution):
            return resolution.cited
        case work.EvidenceAttached(evidence=evidence):
            return (evidence.ref,)
        case SignalJoined(signal=signal):
            return (signal,)
        case Detected(signals=signals) | PartJoined(signals=signals):
            return signals
        case PartCleared(signal=signal):
            return (signal,)
        case work.HandedOff(evidence=refs) | AdjustmentProposed(evidence=refs):
            return refs
        case _:
            return ()


def _happened_at(event: CaseEvent | AttemptRefused) -> datetime | None:
    """When the event happened, if that is not when it was recorded."""
    moments: Mapping[type, str] = {
        Detected: "detected_at",
        SignalJoined: "event_time",
        work.AtRisk: "at",
        work.Breached: "at",
        work.ClaimLapsed: "lease_until",
        TaskOverdue: "due_at",
    }
    field = moments.get(type(event))
    moment = getattr(event, field) if field is not None else None
    return moment if isinstance(moment, datetime) else None
