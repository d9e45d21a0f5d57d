"""A signal that joins an open case, as the event that says so; and which one is the evidence."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from domain.cases.events import SignalJoined
from domain.cases.exception_case import ExceptionCase
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
