"""Facts: the values derived from the statements of an order that count.

`facts_of` is a function of the *set* of signals: it leaves out what was replaced or retracted, and
sorts the rest by event time and identity, never by arrival. So the same signals give the same facts,
in any order of arrival. What may turn back while signals are still on their way belongs into an
expectation, which is decided when it is due.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from msgspec import Struct, structs

from domain.orders import money_facts
from domain.orders.charge_facts import ChargeFacts, charge_facts
from domain.orders.claim_facts import NO_CLAIM, ClaimFacts, claim_facts
from domain.orders.contact_facts import ContactFacts, contact_facts
from domain.orders.content import content_of
from domain.orders.disagreement_facts import DisagreementFacts, disagreement_facts
from domain.orders.dispute_parts import dispute_parts
from domain.orders.fact_metadata import SignalsByType, derived_from, lasting
from domain.orders.goods import Goods, goods_of
from domain.orders.goods_changes import goods_after, is_charged_alike
from domain.orders.goods_parts import CONTENT_FEEDS, GOODS_FEEDS, parcel_parts
from domain.orders.line_parts import line_parts
from domain.orders.milestone_facts import Milestones, milestones
from domain.orders.money_ledger import MONEY_FEEDS, OrderMoney, is_given_alike, money_of
from domain.orders.money_parts import charge_parts, payment_parts, refund_parts
from domain.orders.parcel_facts import IncidentFacts, ParcelFacts, incident_facts, parcel_facts
from domain.orders.parcels import PARCEL_FEEDS, PARCEL_SIGNALS
from domain.orders.parts import OrderParts
from domain.orders.promise_facts import PromiseFacts, promise_facts
from domain.orders.purchase_signals import OrderPlaced
from domain.orders.relation_signals import DuplicateSuspected, OrderRelated
from domain.orders.return_facts import ReturnFacts, return_facts
from domain.orders.return_parts import RETURN_SIGNALS, return_parts
from domain.orders.screening_facts import AddressFacts, FraudFacts, address_facts, fraud_facts
from domain.orders.shipment_signals import CustomerClaimed, LabelCreated
from domain.orders.signal_body import given
from domain.orders.signals import Signal
from domain.orders.signals_by_type import group_by_type
from domain.orders.stock_facts import StockFacts, stock_facts
from domain.orders.stock_signals import StockUnavailable, is_about_nothing
from domain.personal_data import ERASED


class OrderFlags(Struct, frozen=True, gc=False):
    placed: Annotated[bool, lasting(OrderPlaced)]
    """The storefront sent the order."""
    cancelled: Annotated[bool, derived_from(*CONTENT_FEEDS)]
    """It was cancelled as a whole, or piece by piece."""
    unavailable: Annotated[bool, lasting(StockUnavailable)]
    """A source reported that stock is not available."""
    handed_over: Annotated[bool, derived_from(*PARCEL_FEEDS)]
    """A parcel was handed to its carrier."""
    duplicate_suspected: Annotated[bool, derived_from(DuplicateSuspected, OrderRelated)]
    """A system suspects that it duplicates another order, which it is not related to."""
    duplicate_of: Annotated[str | None, derived_from(DuplicateSuspected, OrderRelated)]
    """The other order, by the latest such signal."""
    wholly_unavailable: Annotated[bool, lasting(StockUnavailable)] = False
    """A source reported that nothing of the order is available: it named no line and no product."""
    partly_cancelled: Annotated[bool, derived_from(*GOODS_FEEDS)] = False
    """Some pieces were cancelled, and others were not."""
    shippable: Annotated[bool | None, derived_from(*GOODS_FEEDS)] = None
    """Pieces are to be delivered in parcels; unknown while no line is known."""


class CustomerFacts(Struct, frozen=True, gc=False):
    id: Annotated[str | None, derived_from(*CONTENT_FEEDS)]
    """The shop's id of the customer; unknown for a guest."""
    tier: Annotated[str | None, derived_from(*CONTENT_FEEDS)]
    """The customer's tier, as the shop names it."""


class OrderFacts(Struct, frozen=True, gc=False):
    """Every fact of an order that a rule may read; a path is `group.field`."""

    order: OrderFlags
    customer: CustomerFacts
    promise: PromiseFacts
    milestones: Milestones
    charge: ChargeFacts
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
    claim: ClaimFacts = NO_CLAIM
    dispute: money_facts.DisputeFacts = money_facts.DisputeFacts()
    parts: OrderParts = OrderParts()
    """The parts of the order. They are no group: a rule with `each` reads the facts of one part."""

    @property
    def money(self) -> OrderMoney:
        return self.parts.money

    @property
    def goods(self) -> Goods:
        return self.parts.goods


class _Basis(Struct, frozen=True):
    """What the groups are computed from: the signals by type, the goods and the money."""

    signals: SignalsByType
    goods: Goods
    money: OrderMoney


def _flags(basis: _Basis) -> OrderFlags:
    signals, goods = basis.signals, basis.goods
    related = {s.other_key for s in signals.get(OrderRelated, ()) if not s.is_about_itself}
    suspicions: list[DuplicateSuspected] = [
        s
        for s in signals.get(DuplicateSuspected, ())
        if s.other_key not in related and not s.is_about_itself
    ]
    shipped = [line for line in goods.lines if line.line.is_shipped and line.kept]
    return OrderFlags(
        placed=OrderPlaced in signals,
        cancelled=goods.cancelled_at is not None,
        unavailable=any(not is_about_nothing(s) for s in signals.get(StockUnavailable, ())),
        wholly_unavailable=any(
            not s.skus and not given(s.lines) for s in signals.get(StockUnavailable, ())
        ),
        handed_over=any(parcel.is_handed_over for parcel in goods.outbound),
        duplicate_suspected=bool(suspicions),
        duplicate_of=_other_order(suspicions[-1]) if suspicions else None,
        partly_cancelled=goods.cancelled_at is None and any(line.cancelled for line in goods.lines),
        shippable=bool(shipped) if goods.lines else None,
    )


def _other_order(suspicion: DuplicateSuspected) -> str:
    """The other order's id, with its shop where that is another one."""
    shop = given(suspicion.other_shop) or suspicion.shop_name
    return suspicion.other if shop == suspicion.shop_name else f"{shop}/{suspicion.other}"


def _customer(basis: _Basis) -> CustomerFacts:
    current = basis.goods.content.current
    customer = current.customer if current is not None else None
    if customer is None:
        return CustomerFacts(id=None, tier=None)
    # Erased customers have no id: they are not all the same customer.
    return CustomerFacts(id=customer.id if customer.id != ERASED else None, tier=customer.tier)


_GROUPS: Mapping[str, Callable[[_Basis], Any]] = {
    "order": _flags,
    "customer": _customer,
    "promise": lambda basis: promise_facts(basis.signals, basis.goods),
    "milestones": lambda basis: milestones(basis.signals, basis.goods),
    "charge": lambda basis: charge_facts(basis.signals, basis.money),
    "payment": lambda basis: money_facts.payment_facts(basis.signals, basis.money, basis.goods),
    "refund": lambda basis: money_facts.refund_facts(basis.signals, basis.money, basis.goods),
    "stock": lambda basis: stock_facts(basis.signals, basis.goods, basis.money),
    "fraud": lambda basis: fraud_facts(basis.signals),
    "address": lambda basis: address_facts(basis.signals, basis.goods.content),
    "parcel": lambda basis: parcel_facts(basis.signals, basis.goods),
    "incident": lambda basis: incident_facts(basis.signals),
    "returns": lambda basis: return_facts(basis.signals),
    "disagreement": lambda basis: disagreement_facts(basis.signals, basis.goods.content),
    "contact": lambda basis: contact_facts(basis.signals),
    "dispute": lambda basis: money_facts.dispute_facts(basis.money),
    "claim": lambda basis: claim_facts(basis.signals),
}


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
    return found


_GROUP_FEEDS: Final = _find_group_feeds()
_CONTENT: Final = frozenset(CONTENT_FEEDS)
_GOODS: Final = frozenset(GOODS_FEEDS) | frozenset((CustomerClaimed,))
_RETURNS: Final = frozenset((*RETURN_SIGNALS, LabelCreated))
_PARCELS: Final = frozenset((*PARCEL_SIGNALS, CustomerClaimed))
_MONEY: Final = frozenset((*CONTENT_FEEDS, *RETURN_SIGNALS)) | MONEY_FEEDS
"""The signals that money is read from; others change it by the goods only."""
_MONEY_GROUPS: Final = frozenset(("charge", "payment", "refund", "dispute"))


_WITHOUT_AMOUNTS: Final = frozenset(_GROUPS) - {"charge", "payment", "refund"}
"""The groups that are the same if they are equal: 0 and 0.00 are equal amounts, and read differently."""


def facts_of(signals: Iterable[Signal]) -> OrderFacts:
    """The facts derived from a set of signals."""
    return facts_after(group_by_type(signals), None, frozenset())


def facts_after(
    by_type: SignalsByType, earlier: OrderFacts | None, fresh: frozenset[type]
) -> OrderFacts:
    """The facts derived from the statements that count.

    `earlier` are the facts without the newest signals, `fresh` the types of these: then only the
    groups that they can change are computed, and a group that did not change stays the same object.
    It must be None if one of these replaces or retracts.
    """
    parts = _parts(by_type, earlier.parts if earlier is not None else None, fresh)
    basis = _Basis(by_type, parts.goods, parts.money)
    if earlier is None:
        return OrderFacts(**{name: group(basis) for name, group in _GROUPS.items()}, parts=parts)
    unchanged: frozenset[str] = frozenset()
    # Since when a payment is missing may depend on the parcels.
    is_missing = parts.money.captured and parts.money.underpaid
    if fresh <= _PARCELS and parts.money is earlier.parts.money and not is_missing:
        unchanged = _MONEY_GROUPS
    changed: dict[str, Any] = {}
    for name in _affected_groups(fresh):
        if name not in unchanged:
            group = _GROUPS[name](basis)
            if name not in _WITHOUT_AMOUNTS or group != getattr(earlier, name):
                changed[name] = group
    return structs.replace(earlier, **changed, parts=parts)


def _parts(
    signals: SignalsByType, earlier: OrderParts | None, fresh: frozenset[type]
) -> OrderParts:
    """The parts; those that the new signals cannot change are taken from the earlier ones."""
    known = earlier if earlier is not None else OrderParts()
    content, goods, money = known.goods.content, known.goods, known.money
    if earlier is None or fresh & _CONTENT:
        content = content_of(signals)
    goods_change = earlier is None or bool(fresh & _GOODS)
    if goods_change:
        only_parcels = earlier is not None and fresh.isdisjoint(_GOODS - _PARCELS)
        goods = goods_after(signals, goods) if only_parcels else goods_of(signals, content)
    money_change = (
        earlier is None or bool(fresh & _MONEY) or not is_charged_alike(goods, known.goods)
    )
    if money_change:
        money = money_of(signals, goods)
    changes: dict[str, Any] = {"goods": goods, "money": money}
    if goods_change:
        changes["parcel"] = parcel_parts(goods)
    if (
        goods.lines is not known.goods.lines
        or CustomerClaimed in fresh
        or not (money is known.money or is_given_alike(money, known.money))
    ):
        changes["line"] = line_parts(signals, goods, money)
    if money_change:
        changes["charge"] = charge_parts(goods, money)
        changes["payment"] = payment_parts(goods, money)
        changes["refund"] = refund_parts(money)
        changes["dispute"] = dispute_parts(money)
    if earlier is None or fresh & _RETURNS:
        changes["return_"] = return_parts(signals)
    return structs.replace(known, **changes)


NO_FACTS: Final = facts_of(())
"""The facts of an order without signals."""
