"""The trail of a case, told for people: who, when, why, on what evidence, caused by what; and of each
decision of a person, what was known and not shown."""

from __future__ import annotations

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
from domain.adjustments.refusals import Refused
from domain.cases.events import CaseEvent, Detected, Enriched, Resolved, SignalJoined
from domain.cases.exception_case import ExceptionCase
from domain.cases.sentences import sentence
from domain.cases.step_events import TaskOverdue
from domain.cases.work_events import (
    AtRisk,
    Breached,
    ClaimLapsed,
    ErrorDeclared,
    EvidenceAttached,
    HandedOff,
    Retermed,
)
from domain.orders.events import SignalRecorded
from domain.people import Actor
from domain.policy.decision import Decision, Verdict
from domain.recorded import Recorded


class Why(Struct, frozen=True):
    """A decision of policy in the line: which, by which version and rule, and every verdict."""

    what: str
    policy: str
    rule: str
    verdicts: Sequence[Verdict]


class NotShown(Struct, frozen=True):
    """A signal of the order that was recorded by then, and on which nothing in the packet rests."""

    signal: str
    type: str
    event_time: datetime
    recorded_at: datetime


class ToldLine(Struct, frozen=True, kw_only=True):
    version: int
    position: int
    type: str
    said: str
    who: str
    actor: Actor
    happened_at: datetime
    recorded_at: datetime
    cause: str | None
    why: Sequence[Why]
    evidence: Sequence[str]
    packet: str | None
    """The digest of the packet that it was decided on, or that it brought."""
    not_shown: Sequence[NotShown] | None
    """Of a person's decision on a packet; None for all else."""
    declared_wrong_by: int | None
    """The version that says that this one is wrong."""


def told_lines(lines: Sequence[Recorded], order_lines: Sequence[Recorded]) -> list[ToldLine]:
    """The case's lines in their order; `order_lines` are those of its order."""
    wrong = {x.event.about: x.version for x in lines if isinstance(x.event, ErrorDeclared)}
    case = ExceptionCase(id=lines[0].stream)
    packets: dict[str, frozenset[str]] = {}
    told = []
    for line in lines:
        event = line.event
        if isinstance(event, Enriched):
            packets[event.digest] = frozenset(key for fact in event.packet for key in fact.sources)
        digest = _packet_of(event, case)
        shown = packets.get(digest) if digest is not None else None
        decided = line.actor.person is not None and not isinstance(event, Enriched)
        hidden = (
            _not_shown(shown, line.position, order_lines) if decided and shown is not None else None
        )
        told.append(told_line(line, digest, hidden, wrong.get(line.version)))
        case = case_after(case, line)
    return told


def told_line(
    line: Recorded,
    packet: str | None = None,
    not_shown: Sequence[NotShown] | None = None,
    declared_wrong_by: int | None = None,
) -> ToldLine:
    """One line, also of what was refused."""
    event = line.event
    assert isinstance(event, CaseEvent | Refused)
    return ToldLine(
        version=line.version,
        position=line.position,
        type=line.type,
        said=sentence(event),
        who=who(line.actor),
        actor=line.actor,
        happened_at=_happened_at(event) or line.recorded_at,
        recorded_at=line.recorded_at,
        cause=line.cause,
        why=[*_why(event)],
        evidence=evidence_of(event),
        packet=packet,
        not_shown=not_shown,
        declared_wrong_by=declared_wrong_by,
    )


def who(actor: Actor) -> str:
    """`bo for ana through the agent copilot, under break-glass:…`."""
    said = actor.person or actor.principal.removeprefix("system:")
    if actor.delegate is not None:
        said = f"{actor.delegate} for {said}"
    if actor.via:
        said += f" through {', '.join(actor.via)}"
    if actor.person is not None:
        said += f" ({actor.principal})"
    return f"{said}, under {actor.under}" if actor.under is not None else said


def _packet_of(event: Any, case: ExceptionCase) -> str | None:
    match event:
        case Enriched(digest=digest):
            return digest
        case Resolved(packet=digest) | AdjustmentProposed(packet=digest):
            return digest
        case AdjustmentApproved() | AdjustmentRejected() | ExecutionStarted():
            return case.adjustments.get(event.adjustment).packet
        case _:
            return None


def _not_shown(
    shown: frozenset[str], position: int, order_lines: Iterable[Recorded]
) -> list[NotShown]:
    known = (line for line in order_lines if line.position < position)
    signals = ((x.event.signal, x) for x in known if isinstance(x.event, SignalRecorded))
    return [
        NotShown(signal.key, signal.type, signal.event_time, line.recorded_at)
        for signal, line in signals
        if signal.key not in shown
    ]


def _why(event: CaseEvent | Refused) -> Iterable[Why]:
    for name in ("decision", "clearing", "paused"):
        decision = getattr(event, name, None)
        if isinstance(decision, Decision):
            yield Why(name, decision.policy, decision.rule, decision.verdicts)
    if isinstance(event, AdjustmentProposed):
        asked = event.requirement
        yield Why("requirement", asked.policy, asked.rule, ())
    if isinstance(event, Retermed):
        yield Why("terms", event.policy, event.service, ())


def evidence_of(event: CaseEvent | Refused) -> Sequence[str]:
    match event:
        case Resolved(resolution=resolution):
            return resolution.evidence
        case EvidenceAttached(evidence=evidence):
            return (evidence.ref,)
        case SignalJoined(signal=signal):
            return (signal,)
        case Detected(signals=signals):
            return signals
        case HandedOff(evidence=refs) | AdjustmentProposed(evidence=refs):
            return refs
        case _:
            return ()


def _happened_at(event: CaseEvent | Refused) -> datetime | None:
    """Where it is not when it was recorded."""
    moments: Mapping[type, str] = {
        Detected: "detected_at",
        SignalJoined: "event_time",
        AtRisk: "at",
        Breached: "at",
        ClaimLapsed: "lease_until",
        TaskOverdue: "due_at",
    }
    field = moments.get(type(event))
    moment = getattr(event, field) if field is not None else None
    return moment if isinstance(moment, datetime) else None
