"""A signal that joins an open case, as the event that says so."""

from __future__ import annotations

from msgspec import UNSET

from domain.cases.events import SignalJoined
from domain.orders.signals import Signal
from domain.policy.decision import Decision


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
