"""Facts: what follows from all that has been said of an order, whatever order it arrived in.

`facts_of` is a function of the *set* of signals: each statement is ranked by its event time and
identity, never by its arrival. A fact marked `LASTING`, `GROWING` or `ONCE_KNOWN` can only move one
way as more statements arrive. A detection rule may use only such facts, in that direction, which
is why the same signals open the same cases in whatever order they come.

Where sources contradict each other, a lasting fact takes the worst case over all the statements:
`payment.overpaid` compares the largest reading of the payments with the smallest of the charge.
Beside many a lasting fact stands one that may turn (`…_open`, `…_now`): whether it is so by the
last word. Cases open by the first, and clear by the second.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from msgspec import Struct

from domain.orders.contact_facts import ContactFacts, contact_facts
from domain.orders.disagreement_facts import DisagreementFacts, disagreement_facts
from domain.orders.fact_marks import LASTING, moves, rests_on
from domain.orders.milestone_facts import Milestones, milestones
from domain.orders.money_facts import (
    ChargeFacts,
    PaymentFacts,
    RefundFacts,
    charge_facts,
    payment_facts,
    refund_facts,
)
from domain.orders.parcel_facts import IncidentFacts, ParcelFacts, incident_facts, parcel_facts
from domain.orders.promise_facts import PromiseFacts, promise_facts
from domain.orders.return_facts import ReturnFacts, return_facts
from domain.orders.screening_facts import AddressFacts, FraudFacts, address_facts, fraud_facts
from domain.orders.signals import (
    DuplicateSuspected,
    HandedOver,
    OrderCancelled,
    OrderPlaced,
    Signal,
    StockUnavailable,
    in_time_order,
)
from domain.orders.stock_facts import StockFacts, stock_facts


class OrderFlags(Struct, frozen=True, gc=False):
    placed: Annotated[bool, moves(LASTING, "The storefront has told of the order.", (OrderPlaced,))]
    cancelled: Annotated[bool, moves(LASTING, "A source cancelled it.", (OrderCancelled,))]
    unavailable: Annotated[
        bool, moves(LASTING, "A source said that stock is not available.", (StockUnavailable,))
    ]
    handed_over: Annotated[bool, moves(LASTING, "Handed to the carrier.", (HandedOver,))]
    duplicate_suspected: Annotated[
        bool,
        moves(LASTING, "A system takes it for a repetition of another.", (DuplicateSuspected,)),
    ]
    duplicate_of: Annotated[str | None, rests_on(DuplicateSuspected)]
    """The other order, by the last such word."""


class CustomerFacts(Struct, frozen=True, gc=False):
    id: Annotated[str | None, rests_on(OrderPlaced)]
    tier: Annotated[str | None, rests_on(OrderPlaced)]


class OrderFacts(Struct, frozen=True, gc=False):
    """Everything that a rule may read of an order; a path is `group.field`."""

    order: OrderFlags
    customer: CustomerFacts
    promise: PromiseFacts
    milestones: Milestones
    charge: ChargeFacts
    payment: PaymentFacts
    refund: RefundFacts
    stock: StockFacts
    fraud: FraudFacts
    address: AddressFacts
    parcel: ParcelFacts
    incident: IncidentFacts
    returns: ReturnFacts
    disagreement: DisagreementFacts
    contact: ContactFacts


def facts_of(signals: Iterable[Signal]) -> OrderFacts:
    """The facts that follow from a set of signals."""
    told: dict[type[Any], list[Any]] = {}
    for signal in sorted(signals, key=in_time_order):
        told.setdefault(type(signal), []).append(signal)
    placed: list[OrderPlaced] = told.get(OrderPlaced, [])
    suspicions: list[DuplicateSuspected] = told.get(DuplicateSuspected, [])
    order = placed[0] if placed else None
    charge = charge_facts(told)
    return OrderFacts(
        order=OrderFlags(
            placed=bool(placed),
            cancelled=OrderCancelled in told,
            unavailable=StockUnavailable in told,
            handed_over=HandedOver in told,
            duplicate_suspected=bool(suspicions),
            duplicate_of=suspicions[-1].other if suspicions else None,
        ),
        customer=CustomerFacts(
            id=order.customer.id if order else None, tier=order.customer.tier if order else None
        ),
        promise=promise_facts(told),
        milestones=milestones(told),
        charge=charge,
        payment=payment_facts(told, charge),
        refund=refund_facts(told, charge),
        stock=stock_facts(told),
        fraud=fraud_facts(told),
        address=address_facts(told),
        parcel=parcel_facts(told),
        incident=incident_facts(told),
        returns=return_facts(told),
        disagreement=disagreement_facts(told),
        contact=contact_facts(told),
    )
