"""Facts about time: when each step first happened, and whether the steps are in order."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, get_type_hints

from msgspec import Struct

from domain.orders import return_signals
from domain.orders.fact_metadata import (
    ONCE_KNOWN,
    SignalsByType,
    derived_from,
    first_event_time,
    once_known,
)
from domain.orders.goods import Goods
from domain.orders.goods_parts import CONTENT_FEEDS, GOODS_FEEDS
from domain.orders.parcels import PARCEL_FEEDS
from domain.orders.payment_signals import (
    PaymentAuthorized,
    PaymentCaptured,
    RefundIssued,
    RefundRequested,
)
from domain.orders.purchase_signals import OrderPlaced
from domain.orders.screening_facts import fraud_facts
from domain.orders.screening_signals import FraudDecided, FraudScreened
from domain.orders.shipment_signals import Delivered, HandedOver
from domain.orders.signals import Signal
from domain.orders.stock_signals import Released, StockAllocated, StockUnavailable

CLOCKS_AGREE_WITHIN: Final = timedelta(minutes=5)


class Milestones(Struct, frozen=True, gc=False):
    """When each step first happened, by event time."""

    placed_at: Annotated[datetime | None, once_known(OrderPlaced)] = None
    """When the storefront took the order."""
    approved_at: Annotated[datetime | None, derived_from(PaymentAuthorized, PaymentCaptured)] = None
    """When a payment was first authorized or captured."""
    paid_at: Annotated[datetime | None, once_known(PaymentCaptured)] = None
    """When a payment was first captured."""
    allocated_at: Annotated[datetime | None, once_known(StockAllocated)] = None
    """When stock was first allocated."""
    released_at: Annotated[datetime | None, once_known(Released)] = None
    """When it was first released to a warehouse."""
    handed_over_at: Annotated[datetime | None, derived_from(*PARCEL_FEEDS)] = None
    """When the first parcel was handed over, or was first scanned on its way."""
    delivered_at: Annotated[datetime | None, derived_from(*GOODS_FEEDS)] = None
    """When the last piece that is to be delivered was."""
    cancelled_at: Annotated[datetime | None, derived_from(*CONTENT_FEEDS)] = None
    """When the order was cancelled as a whole, or its last piece was."""
    unavailable_at: Annotated[datetime | None, once_known(StockUnavailable)] = None
    """When stock was first reported unavailable."""
    return_requested_at: Annotated[datetime | None, once_known(return_signals.ReturnRequested)] = (
        None
    )
    """When a return was first requested."""
    return_received_at: Annotated[datetime | None, once_known(return_signals.ReturnReceived)] = None
    """When a return first arrived at the warehouse."""
    refunded_at: Annotated[datetime | None, once_known(RefundIssued)] = None
    """When a refund was first issued."""
    ready_for_release_at: Annotated[
        datetime | None,
        derived_from(
            StockAllocated, PaymentAuthorized, PaymentCaptured, FraudScreened, FraudDecided
        ),
    ] = None
    """When stock was allocated, the payment secured and, if it was screened, the order accepted."""
    return_authorized_at: Annotated[
        datetime | None, once_known(return_signals.ReturnAuthorized)
    ] = None
    """When a return was first authorized."""
    return_refused_at: Annotated[datetime | None, once_known(return_signals.ReturnRefused)] = None
    """When a return was first refused."""
    return_label_at: Annotated[datetime | None, once_known(return_signals.ReturnLabelCreated)] = (
        None
    )
    """When the first label of a return was created."""
    refund_requested_at: Annotated[datetime | None, once_known(RefundRequested)] = None
    """When a refund was first requested."""
    out_of_order: Annotated[
        bool, derived_from(OrderPlaced, PaymentAuthorized, HandedOver, Delivered)
    ] = False
    """A purchase, approval, hand-over or delivery has a later time than a step that follows it."""


def _find_step_signals() -> dict[type[Any], str]:
    """Signal -> the milestone that is its first event time."""
    metas = {
        name: hint.__metadata__[0].extra
        for name, hint in get_type_hints(Milestones, include_extras=True).items()
    }
    return {extra["feeds"][0]: n for n, extra in metas.items() if extra["moves"] == ONCE_KNOWN}


_STEP_SIGNALS: Final = _find_step_signals()


def milestones(signals: SignalsByType, goods: Goods) -> Milestones:
    steps: dict[str, datetime] = {
        _STEP_SIGNALS[kind]: stated[0].event_time
        for kind, stated in signals.items()
        if kind in _STEP_SIGNALS
    }
    return Milestones(
        **steps,
        approved_at=_earliest(
            first_event_time(signals, PaymentAuthorized), first_event_time(signals, PaymentCaptured)
        ),
        handed_over_at=_earliest(*[parcel.handed_over_at for parcel in goods.outbound]),
        delivered_at=goods.delivered_at,
        cancelled_at=goods.cancelled_at,
        ready_for_release_at=_ready_for_release_at(signals),
        out_of_order=bool(find_out_of_order_pairs(signals)),
    )


def _earliest(*times: datetime | None) -> datetime | None:
    return min([at for at in times if at is not None], default=None)


def _ready_for_release_at(signals: SignalsByType) -> datetime | None:
    allocated_at = first_event_time(signals, StockAllocated)
    if allocated_at is None:
        return None
    paid = _earliest(
        first_event_time(signals, PaymentAuthorized), first_event_time(signals, PaymentCaptured)
    )
    needed = [allocated_at, paid]
    if FraudScreened in signals or FraudDecided in signals:
        needed.append(fraud_facts(signals).accepted_at)
    known = [at for at in needed if at is not None]
    return max(known) if len(known) == len(needed) else None


def find_out_of_order_pairs(signals: SignalsByType) -> list[tuple[Signal, Signal]]:
    """Pairs of signals in the wrong order: (the one that should come first, the one after it).

    Signals about different shipments are not compared. Systems' clocks differ, so signals of two
    sources within five minutes are in order. A payment may come before the order was written down,
    and only its first authorization must come before the goods leave.
    """
    in_order: list[list[Signal]] = [
        signals.get(OrderPlaced, [])[:1],
        signals.get(PaymentAuthorized, [])[:1],
        signals.get(HandedOver, []),
        signals.get(Delivered, []),
    ]
    found: list[tuple[Signal, Signal]] = []
    for n, before in enumerate(in_order):
        for after in in_order[n + 1 :]:
            if (n == 0 and after is in_order[1]) or not before or not after:
                continue
            if before[-1].event_time <= after[0].event_time:
                continue
            for late in before:
                for early in after:
                    if _is_out_of_order(late, early) and _same_shipment(late, early):
                        found.append((late, early))
    return found


def _is_out_of_order(late: Signal, early: Signal) -> bool:
    tolerated = CLOCKS_AGREE_WITHIN if late.source != early.source else timedelta()
    return late.event_time - early.event_time > tolerated


def _same_shipment(one: Signal, other: Signal) -> bool:
    mine, theirs = getattr(one, "shipment", None), getattr(other, "shipment", None)
    return mine is None or theirs is None or mine == theirs
