"""Facts about time: when each thing first happened, and whether systems agree on what came first."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Struct

from domain.orders.fact_metadata import (
    LASTING,
    ONCE_KNOWN,
    SignalsByType,
    derived_from,
    fact_meta,
    first_event_time,
)
from domain.orders.screening_facts import fraud_facts
from domain.orders.signals import (
    Delivered,
    FraudDecided,
    FraudScreened,
    HandedOver,
    OrderCancelled,
    OrderPlaced,
    PaymentAuthorized,
    PaymentCaptured,
    RefundIssued,
    RefundRequested,
    Released,
    ReturnAuthorized,
    ReturnLabelCreated,
    ReturnReceived,
    ReturnRefused,
    ReturnRequested,
    Signal,
    StockAllocated,
    StockUnavailable,
)


class Milestones(Struct, frozen=True, gc=False):
    """When each thing first happened, by event time."""

    placed_at: Annotated[datetime | None, fact_meta(ONCE_KNOWN, "", (OrderPlaced,))]
    approved_at: Annotated[datetime | None, fact_meta(ONCE_KNOWN, "", (PaymentAuthorized,))]
    paid_at: Annotated[datetime | None, fact_meta(ONCE_KNOWN, "", (PaymentCaptured,))]
    allocated_at: Annotated[datetime | None, fact_meta(ONCE_KNOWN, "", (StockAllocated,))]
    released_at: Annotated[datetime | None, fact_meta(ONCE_KNOWN, "", (Released,))]
    handed_over_at: Annotated[datetime | None, fact_meta(ONCE_KNOWN, "", (HandedOver,))]
    delivered_at: Annotated[datetime | None, fact_meta(ONCE_KNOWN, "", (Delivered,))]
    cancelled_at: Annotated[datetime | None, fact_meta(ONCE_KNOWN, "", (OrderCancelled,))]
    unavailable_at: Annotated[datetime | None, fact_meta(ONCE_KNOWN, "", (StockUnavailable,))]
    return_requested_at: Annotated[datetime | None, fact_meta(ONCE_KNOWN, "", (ReturnRequested,))]
    return_received_at: Annotated[datetime | None, fact_meta(ONCE_KNOWN, "", (ReturnReceived,))]
    refunded_at: Annotated[datetime | None, fact_meta(ONCE_KNOWN, "", (RefundIssued,))]
    ready_for_release_at: Annotated[
        datetime | None,
        derived_from(
            StockAllocated, PaymentAuthorized, PaymentCaptured, FraudScreened, FraudDecided
        ),
    ]
    """When it was allocated, its payment secured and, if it was screened, accepted."""
    return_authorized_at: Annotated[datetime | None, fact_meta(ONCE_KNOWN, "", (ReturnAuthorized,))]
    return_refused_at: Annotated[datetime | None, fact_meta(ONCE_KNOWN, "", (ReturnRefused,))]
    return_label_at: Annotated[datetime | None, fact_meta(ONCE_KNOWN, "", (ReturnLabelCreated,))]
    refund_requested_at: Annotated[datetime | None, fact_meta(ONCE_KNOWN, "", (RefundRequested,))]
    out_of_order: Annotated[
        bool,
        fact_meta(
            LASTING,
            "Some purchase, approval, hand-over or delivery is told later than one that follows it.",
            (OrderPlaced, PaymentAuthorized, HandedOver, Delivered),
        ),
    ]


def milestones(told: SignalsByType) -> Milestones:
    return Milestones(
        placed_at=first_event_time(told, OrderPlaced),
        approved_at=first_event_time(told, PaymentAuthorized),
        paid_at=first_event_time(told, PaymentCaptured),
        allocated_at=first_event_time(told, StockAllocated),
        released_at=first_event_time(told, Released),
        handed_over_at=first_event_time(told, HandedOver),
        delivered_at=first_event_time(told, Delivered),
        cancelled_at=first_event_time(told, OrderCancelled),
        unavailable_at=first_event_time(told, StockUnavailable),
        return_requested_at=first_event_time(told, ReturnRequested),
        return_received_at=first_event_time(told, ReturnReceived),
        refunded_at=first_event_time(told, RefundIssued),
        ready_for_release_at=_ready_for_release_at(told),
        return_authorized_at=first_event_time(told, ReturnAuthorized),
        return_refused_at=first_event_time(told, ReturnRefused),
        return_label_at=first_event_time(told, ReturnLabelCreated),
        refund_requested_at=first_event_time(told, RefundRequested),
        out_of_order=bool(find_out_of_order_pairs(told)),
    )


def _ready_for_release_at(told: SignalsByType) -> datetime | None:
    secured = [first_event_time(told, PaymentAuthorized), first_event_time(told, PaymentCaptured)]
    paid = min((at for at in secured if at is not None), default=None)
    needed = [first_event_time(told, StockAllocated), paid]
    if FraudScreened in told or FraudDecided in told:
        needed.append(fraud_facts(told).accepted_at)
    known = [at for at in needed if at is not None]
    return max(known) if len(known) == len(needed) else None


def find_out_of_order_pairs(told: SignalsByType) -> list[tuple[Signal, Signal]]:
    """Pairs of statements (the one that should come first, the one that should follow) told the
    wrong way round. Shipments are compared with themselves, everything else with everything."""
    in_order = [told.get(k, []) for k in (OrderPlaced, PaymentAuthorized, HandedOver, Delivered)]
    found: list[tuple[Signal, Signal]] = []
    for n, before in enumerate(in_order):
        for after in in_order[n + 1 :]:
            if not before or not after or before[-1].event_time <= after[0].event_time:
                continue
            for late in before:
                for early in after:
                    if late.event_time > early.event_time and _same_shipment(late, early):
                        found.append((late, early))
    return found


def _same_shipment(one: Signal, other: Signal) -> bool:
    mine, theirs = getattr(one, "shipment", None), getattr(other, "shipment", None)
    return mine is None or theirs is None or mine == theirs
