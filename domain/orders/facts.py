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

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from msgspec import Struct, structs

from domain.orders.contact_facts import ContactFacts, contact_facts
from domain.orders.disagreement_facts import DisagreementFacts, disagreement_facts
from domain.orders.fact_marks import LASTING, Told, moves, rests_on
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
from domain.personal_data import ERASED


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


def _flags(told: Told, _: ChargeFacts) -> OrderFlags:
    suspicions: list[DuplicateSuspected] = told.get(DuplicateSuspected, [])
    return OrderFlags(
        placed=OrderPlaced in told,
        cancelled=OrderCancelled in told,
        unavailable=StockUnavailable in told,
        handed_over=HandedOver in told,
        duplicate_suspected=bool(suspicions),
        duplicate_of=suspicions[-1].other if suspicions else None,
    )


def _customer(told: Told, _: ChargeFacts) -> CustomerFacts:
    placed: list[OrderPlaced] = told.get(OrderPlaced, [])
    if not placed:
        return CustomerFacts(id=None, tier=None)
    customer = placed[0].customer
    # Customers who were erased are nobody, and not all the same one.
    return CustomerFacts(id=customer.id if customer.id != ERASED else None, tier=customer.tier)


_GROUPS: Mapping[str, Callable[[Told, ChargeFacts], Any]] = {
    "order": _flags,
    "customer": _customer,
    "promise": lambda told, _: promise_facts(told),
    "milestones": lambda told, _: milestones(told),
    "charge": lambda _, charge: charge,
    "payment": payment_facts,
    "refund": refund_facts,
    "stock": lambda told, _: stock_facts(told),
    "fraud": lambda told, _: fraud_facts(told),
    "address": lambda told, _: address_facts(told),
    "parcel": lambda told, _: parcel_facts(told),
    "incident": lambda told, _: incident_facts(told),
    "returns": lambda told, _: return_facts(told),
    "disagreement": lambda told, _: disagreement_facts(told),
    "contact": lambda told, _: contact_facts(told),
}
"""Each group follows from the statements; what is paid and refunded is held against the charge."""


@cache
def _fed_by(fresh: frozenset[type]) -> tuple[str, ...]:
    """The groups that statements of these types say something to."""
    return tuple(name for name, feeds in _FEEDS.items() if fresh & feeds)


def _feeds_of_groups() -> Mapping[str, frozenset[type]]:
    found = {
        name: frozenset(
            signal
            for hint in get_type_hints(kind, include_extras=True).values()
            for meta in (get_args(hint)[1:] if get_origin(hint) is Annotated else ())
            for signal in (meta.extra or {}).get("feeds", ())
        )
        for name, kind in get_type_hints(OrderFacts).items()
    }
    held_against = found["charge"]
    return {
        name: feeds | held_against if name in ("payment", "refund") else feeds
        for name, feeds in found.items()
    }


_FEEDS: Final = _feeds_of_groups()


def facts_of(
    signals: Iterable[Signal],
    earlier: OrderFacts | None = None,
    fresh: frozenset[type] = frozenset(),
) -> OrderFacts:
    """The facts that follow from a set of signals. Where those of all but the newest are known,
    only what the types of the `fresh` ones feed is worked out."""
    told: dict[type[Any], list[Any]] = {}
    for signal in sorted(signals, key=in_time_order):
        told.setdefault(type(signal), []).append(signal)
    if earlier is None:
        charge = charge_facts(told)
        return OrderFacts(**{name: group(told, charge) for name, group in _GROUPS.items()})
    names = _fed_by(fresh)
    charge = charge_facts(told) if "charge" in names else earlier.charge
    return structs.replace(earlier, **{name: _GROUPS[name](told, charge) for name in names})
