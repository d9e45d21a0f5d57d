"""Facts: the values derived from an order's signals; the order of arrival does not matter.

`facts_of` is a function of the *set* of signals: it sorts them by event time and identity, never by
arrival. A fact marked `LASTING`, `GROWING` or `ONCE_KNOWN` can only move one way as more signals
arrive.

Where sources contradict each other, a lasting fact takes the worst case over all the signals:
`payment.overpaid` compares the largest reading of the payments with the smallest of the charge.
Many lasting facts have a second fact that may change back (`…_open`, `…_now`): it follows the latest
signal. The lasting fact opens a case; the second one clears it.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from msgspec import Struct, structs

from domain.orders import money_facts
from domain.orders.contact_facts import ContactFacts, contact_facts
from domain.orders.disagreement_facts import DisagreementFacts, disagreement_facts
from domain.orders.fact_metadata import SignalsByType, derived_from, lasting
from domain.orders.milestone_facts import Milestones, milestones
from domain.orders.parcel_facts import IncidentFacts, ParcelFacts, incident_facts, parcel_facts
from domain.orders.parts import OrderParts
from domain.orders.promise_facts import PromiseFacts, promise_facts
from domain.orders.purchase_signals import DuplicateSuspected, OrderCancelled, OrderPlaced
from domain.orders.return_facts import ReturnFacts, return_facts
from domain.orders.screening_facts import AddressFacts, FraudFacts, address_facts, fraud_facts
from domain.orders.shipment_signals import HandedOver
from domain.orders.signals import Signal, event_time_key
from domain.orders.stock_facts import StockFacts, stock_facts
from domain.orders.stock_signals import StockUnavailable
from domain.personal_data import ERASED


class OrderFlags(Struct, frozen=True, gc=False):
    placed: Annotated[bool, lasting(OrderPlaced)]
    """The storefront sent the order."""
    cancelled: Annotated[bool, lasting(OrderCancelled)]
    unavailable: Annotated[bool, lasting(StockUnavailable)]
    """A source reported that stock is not available."""
    handed_over: Annotated[bool, lasting(HandedOver)]
    duplicate_suspected: Annotated[bool, lasting(DuplicateSuspected)]
    """A system suspects that it duplicates another order."""
    duplicate_of: Annotated[str | None, derived_from(DuplicateSuspected)]
    """The other order, by the latest such signal."""


class CustomerFacts(Struct, frozen=True, gc=False):
    id: Annotated[str | None, derived_from(OrderPlaced)]
    tier: Annotated[str | None, derived_from(OrderPlaced)]


class OrderFacts(Struct, frozen=True, gc=False):
    """Every fact of an order that a rule may read; a path is `group.field`."""

    order: OrderFlags
    customer: CustomerFacts
    promise: PromiseFacts
    milestones: Milestones
    charge: money_facts.ChargeFacts
    payment: money_facts.PaymentFacts
    refund: money_facts.RefundFacts
    stock: StockFacts
    fraud: FraudFacts
    address: AddressFacts
    parcel: ParcelFacts
    incident: IncidentFacts
    returns: ReturnFacts
    disagreement: DisagreementFacts
    contact: ContactFacts
    parts: OrderParts = OrderParts()
    """The parts of the order. They are no group: a rule with `each` reads the facts of one part."""


def _flags(signals: SignalsByType, _: money_facts.ChargeFacts) -> OrderFlags:
    suspicions: list[DuplicateSuspected] = signals.get(DuplicateSuspected, [])
    return OrderFlags(
        placed=OrderPlaced in signals,
        cancelled=OrderCancelled in signals,
        unavailable=StockUnavailable in signals,
        handed_over=HandedOver in signals,
        duplicate_suspected=bool(suspicions),
        duplicate_of=suspicions[-1].other if suspicions else None,
    )


def _customer(signals: SignalsByType, _: money_facts.ChargeFacts) -> CustomerFacts:
    placed: list[OrderPlaced] = signals.get(OrderPlaced, [])
    if not placed:
        return CustomerFacts(id=None, tier=None)
    customer = placed[0].customer
    if customer is None:
        return CustomerFacts(id=None, tier=None)
    # Erased customers have no id: they are not all the same customer.
    return CustomerFacts(id=customer.id if customer.id != ERASED else None, tier=customer.tier)


_GROUPS: Mapping[str, Callable[[SignalsByType, money_facts.ChargeFacts], Any]] = {
    "order": _flags,
    "customer": _customer,
    "promise": lambda signals, _: promise_facts(signals),
    "milestones": lambda signals, _: milestones(signals),
    "charge": lambda _, charge: charge,
    "payment": money_facts.payment_facts,
    "refund": money_facts.refund_facts,
    "stock": lambda signals, _: stock_facts(signals),
    "fraud": lambda signals, _: fraud_facts(signals),
    "address": lambda signals, _: address_facts(signals),
    "parcel": lambda signals, _: parcel_facts(signals),
    "incident": lambda signals, _: incident_facts(signals),
    "returns": lambda signals, _: return_facts(signals),
    "disagreement": lambda signals, _: disagreement_facts(signals),
    "contact": lambda signals, _: contact_facts(signals),
}
"""Computes each group from the signals; payments and refunds are compared with the charge."""


@cache
def _affected_groups(fresh: frozenset[type]) -> tuple[str, ...]:
    """The groups that signals of these types can change."""
    return tuple(name for name, feeds in _GROUP_FEEDS.items() if fresh & feeds)


def _find_group_feeds() -> Mapping[str, frozenset[type]]:
    found = {
        name: frozenset(
            signal
            for hint in get_type_hints(kind, include_extras=True).values()
            for meta in (get_args(hint)[1:] if get_origin(hint) is Annotated else ())
            for signal in (meta.extra or {}).get("feeds", ())
        )
        for name, kind in get_type_hints(OrderFacts).items()
        if kind is not OrderParts
    }
    charge_feeds = found["charge"]
    return {
        name: feeds | charge_feeds if name in ("payment", "refund") else feeds
        for name, feeds in found.items()
    }


_GROUP_FEEDS: Final = _find_group_feeds()


def facts_of(
    signals: Iterable[Signal],
    earlier: OrderFacts | None = None,
    fresh: frozenset[type] = frozenset(),
) -> OrderFacts:
    """The facts derived from a set of signals.

    `earlier` are the facts without the newest signals, `fresh` the types of these: then only the
    groups that they can change are computed.
    """
    by_type: dict[type[Any], list[Any]] = {}
    for signal in sorted(signals, key=event_time_key):
        by_type.setdefault(type(signal), []).append(signal)
    if earlier is None:
        charge = money_facts.charge_facts(by_type)
        return OrderFacts(**{name: group(by_type, charge) for name, group in _GROUPS.items()})
    names = _affected_groups(fresh)
    charge = money_facts.charge_facts(by_type) if "charge" in names else earlier.charge
    return structs.replace(earlier, **{name: _GROUPS[name](by_type, charge) for name in names})
