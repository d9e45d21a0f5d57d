"""A signal that joins an open case, as the event that says so; which one is the evidence that the
problem is gone; and what ends the case on that evidence."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from domain.cases.events import CaseEvent, Resolution, Resolved, SignalJoined
from domain.cases.exception_case import ExceptionCase
from domain.cases.reasons import ResolutionReason, RootCause
from domain.cases.steps import ended
from domain.orders.events import SignalRecorded
from domain.orders.order import Order
from domain.orders.signals import Signal
from domain.policy.decision import Decision
from domain.policy.rulebook import Rulebook


def joined(
    signal: Signal,
    clearing: Decision | None,
    decision: Decision | None,
    paused: Decision | None = None,
) -> SignalJoined:
    return SignalJoined(
        signal=signal.key,
        signal_type=signal.type,
        event_time=signal.event_time,
        clearing=clearing,
        decision=decision,
        paused=paused if paused is not None else UNSET,
    )


def clearing_evidence(
    case: ExceptionCase,
    candidates: Sequence[Signal],
    earlier: Sequence[Signal],
    before: Order,
    rulebook: Rulebook,
) -> Signal:
    """The first signal with which the problem was gone: of those that came together, or of those
    `earlier` ones about it if it was gone by then."""
    order = before
    if rulebook.cleared(case.kind, case.rule, order.facts) is not None:
        candidates = earlier or candidates
        order = Order(id=order.id)
    for signal in candidates[:-1]:
        order = order.after(SignalRecorded(signal=signal))
        if rulebook.cleared(case.kind, case.rule, order.facts) is not None:
            return signal
    return candidates[-1]


def source_cleared(case: ExceptionCase, evidence: Signal, clearing: Decision) -> list[CaseEvent]:
    """The case resolves itself, and what was still to be done ends with it."""
    resolution = Resolution(
        reason=ResolutionReason.SOURCE_CLEARED,
        root_cause=RootCause.UPSTREAM_DATA,
        evidence=(evidence.key,),
    )
    steps = ended(case.steps, "The problem is gone.")
    return [*steps, Resolved(resolution=resolution, clearing=clearing)]
