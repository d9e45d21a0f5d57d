"""Signals of an open case: how one joins it, which one clears it, and the resolution that follows."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import UNSET

from domain.cases.clearing import find_gone
from domain.cases.events import CaseEvent, Resolution, Resolved, SignalJoined
from domain.cases.exception_case import ExceptionCase
from domain.cases.reasons import ResolutionReason, RootCause
from domain.cases.steps import close_open_steps
from domain.orders.events import SignalRecorded
from domain.orders.order import Order
from domain.orders.signals import Signal, event_time_key
from domain.policy.decision import Decision
from domain.policy.detector import Detector
from domain.policy.rulebook import Rulebook


def create_signal_joined(
    signal: Signal,
    clearing: Decision | None,
    decision: Decision | None,
    paused: Decision | None = None,
    *,
    corrected: bool = False,
) -> SignalJoined:
    return SignalJoined(
        signal=signal.key,
        signal_type=signal.type,
        event_time=signal.event_time,
        clearing=clearing,
        decision=decision,
        paused=paused if paused is not None else UNSET,
        corrected=True if corrected else UNSET,
    )


def find_clearing_evidence(
    case: ExceptionCase,
    part: str,
    candidates: Sequence[Signal],
    earlier: Sequence[Signal],
    before: Order,
    after: Order,
    rulebook: Rulebook,
    now: datetime,
) -> Signal:
    """The signal since which the problem of the part is gone.

    It is one of the new `candidates`, or one of the `earlier` signals if those had cleared the problem.
    """

    def is_gone(order: Order) -> bool:
        if clears:
            return rulebook.cleared(case.kind, case.parts[part].rule, order.facts, part) is not None
        return find_gone(case, part, order.facts, rulebook, now) is not None

    # What clears a problem may come before it; that no rule finds it any more says nothing before it.
    clears = rulebook.cleared(case.kind, case.parts[part].rule, after.facts, part) is not None
    order = before
    if is_gone(order):
        candidates = earlier or candidates
        order = Order(id=order.id)
    evidence = None
    for signal in candidates:
        order = order.after(SignalRecorded(signal=signal))
        evidence = (evidence or signal) if is_gone(order) else None
    return evidence or candidates[-1]


def find_showing_signals(
    found: Mapping[str, Detector], before: Order, signals: Sequence[Signal]
) -> dict[str, Signal]:
    """For each part, the signal since which it has the problem, if the signals had come one by one.

    A part is left out if it had the problem before, or has it only by the order in which they came.
    """
    order, shown_by = before, dict[str, Signal]()
    had = {part for part, rule in found.items() if part in rule.found(before.facts)}
    for signal in sorted(signals, key=event_time_key):
        order = order.after(SignalRecorded(signal=signal))
        has = {part for part, rule in found.items() if part in rule.found(order.facts)}
        shown_by = {part: one for part, one in shown_by.items() if part in has}
        shown_by |= dict.fromkeys(has - had, signal)
        had = has
    return shown_by


def resolve_cleared_case(
    case: ExceptionCase, evidence: str, clearing: Decision, *, corrected: bool = False
) -> list[CaseEvent]:
    """Resolve a case whose problem is gone, as `evidence` shows, and close its open tasks and holds."""
    cleared, why = ResolutionReason.SOURCE_CLEARED, "The problem is gone."
    if corrected:
        cleared, why = ResolutionReason.SOURCE_CORRECTED, "The source took its statement back."
    resolution = Resolution(
        reason=cleared, root_cause=RootCause.UPSTREAM_DATA, evidence=(evidence,)
    )
    steps = close_open_steps(case.steps, why)
    return [*steps, Resolved(resolution=resolution, clearing=clearing)]
