"""Facts about time: when each step first happened, and whether the steps are in order."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, get_type_hints

from msgspec import Struct

from domain.orders import signals as kinds
from domain.orders.fact_metadata import (
    ONCE_KNOWN,
    SignalsByType,
    derived_from,
    first_event_time,
    lasting,
    once_known,
)
from domain.orders.screening_facts import fraud_facts


class Milestones(Struct, frozen=True, gc=False):
    """When each step first happened, by event time."""

    placed_at: Annotated[datetime | None, once_known(kinds.OrderPlaced)]
    approved_at: Annotated[datetime | None, once_known(kinds.PaymentAuthorized)]
    paid_at: Annotated[datetime | None, once_known(kinds.PaymentCaptured)]
    allocated_at: Annotated[datetime | None, once_known(kinds.StockAllocated)]
    released_at: Annotated[datetime | None, once_known(kinds.Released)]
    handed_over_at: Annotated[datetime | None, once_known(kinds.HandedOver)]
    delivered_at: Annotated[datetime | None, once_known(kinds.Delivered)]
    cancelled_at: Annotated[datetime | None, once_known(kinds.OrderCancelled)]
    unavailable_at: Annotated[datetime | None, once_known(kinds.StockUnavailable)]
    return_requested_at: Annotated[datetime | None, once_known(kinds.ReturnRequested)]
    return_received_at: Annotated[datetime | None, once_known(kinds.ReturnReceived)]
    refunded_at: Annotated[datetime | None, once_known(kinds.RefundIssued)]
    ready_for_release_at: Annotated[
        datetime | None,
        derived_from(
            kinds.StockAllocated,
            kinds.PaymentAuthorized,
            kinds.PaymentCaptured,
            kinds.FraudScreened,
            kinds.FraudDecided,
        ),
    ]
    """When stock was allocated, the payment secured and, if it was screened, the order accepted."""
    return_authorized_at: Annotated[datetime | None, once_known(kinds.ReturnAuthorized)]
    return_refused_at: Annotated[datetime | None, once_known(kinds.ReturnRefused)]
    return_label_at: Annotated[datetime | None, once_known(kinds.ReturnLabelCreated)]
    refund_requested_at: Annotated[datetime | None, once_known(kinds.RefundRequested)]
    out_of_order: Annotated[
        bool, lasting(kinds.OrderPlaced, kinds.PaymentAuthorized, kinds.HandedOver, kinds.Delivered)
    ]
    """A purchase, approval, hand-over or delivery has a later time than a step that follows it."""


def _find_step_signals() -> dict[str, type[Any]]:
    """Milestone -> the signal whose first event time it is."""
    metas = {
        name: hint.__metadata__[0].extra
        for name, hint in get_type_hints(Milestones, include_extras=True).items()
    }
    return {n: extra["feeds"][0] for n, extra in metas.items() if extra["moves"] == ONCE_KNOWN}


_STEP_SIGNALS: Final = _find_step_signals()


def milestones(signals: SignalsByType) -> Milestones:
    return Milestones(
        **{name: first_event_time(signals, kind) for name, kind in _STEP_SIGNALS.items()},
        ready_for_release_at=_ready_for_release_at(signals),
        out_of_order=bool(find_out_of_order_pairs(signals)),
    )


def _ready_for_release_at(signals: SignalsByType) -> datetime | None:
    secured = [
        first_event_time(signals, kinds.PaymentAuthorized),
        first_event_time(signals, kinds.PaymentCaptured),
    ]
    paid = min((at for at in secured if at is not None), default=None)
    needed = [first_event_time(signals, kinds.StockAllocated), paid]
    if kinds.FraudScreened in signals or kinds.FraudDecided in signals:
        needed.append(fraud_facts(signals).accepted_at)
    known = [at for at in needed if at is not None]
    return max(known) if len(known) == len(needed) else None


def find_out_of_order_pairs(signals: SignalsByType) -> list[tuple[kinds.Signal, kinds.Signal]]:
    """Pairs of signals in the wrong order: (the one that should come first, the one after it).

    Signals about different shipments are not compared.
    """
    in_order = [
        signals.get(k, [])
        for k in (kinds.OrderPlaced, kinds.PaymentAuthorized, kinds.HandedOver, kinds.Delivered)
    ]
    found: list[tuple[kinds.Signal, kinds.Signal]] = []
    for n, before in enumerate(in_order):
        for after in in_order[n + 1 :]:
            if not before or not after or before[-1].event_time <= after[0].event_time:
                continue
            for late in before:
                for early in after:
                    if late.event_time > early.event_time and _same_shipment(late, early):
                        found.append((late, early))
    return found


def _same_shipment(one: kinds.Signal, other: kinds.Signal) -> bool:
    mine, theirs = getattr(one, "shipment", None), getattr(other, "shipment", None)
    return mine is None or theirs is None or mine == theirs
