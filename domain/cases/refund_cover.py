"""Whether what was given back for a part of a case is all that its pieces cost, or only some of it."""

from collections.abc import Collection, Mapping
from decimal import Decimal

from msgspec import Struct, UnsetType

from domain.adjustments.adjustment import PAID_STATES
from domain.adjustments.kinds import AdjustmentKind as Kind
from domain.adjustments.told_refunds import match_told_refunds
from domain.cases.exception_case import ExceptionCase
from domain.money import ZERO, smallest_unit
from domain.orders.goods import Goods
from domain.orders.money_structs import OrderMoney, RefundState
from domain.orders.order import Order
from domain.orders.parts import PartKind, split_part_key


class Shortfall(Struct, frozen=True):
    """Less was given back than the pieces of a part cost."""

    given: Decimal
    cost: Decimal
    currency: str


class _Given(Struct):
    """What was given back: the pieces and amounts by line, and the amounts that name no line."""

    pieces: dict[str, int]
    amounts: dict[str, Decimal]
    of_no_line: Decimal = ZERO
    is_known: bool = True
    """Every amount is known in the order's currency."""


def find_shortfall(case: ExceptionCase, order: Order, part: str) -> Shortfall | None:
    """How much is missing of a full refund; None if nothing is, or nobody can tell.

    An amount that names no line counts for every part. Of a line of which no pieces are named, one piece is
    the least that can be meant.
    """
    facts = order.facts
    goods, money, named = facts.goods, facts.money, split_part_key(part)
    if named is None or named[0] not in (PartKind.LINE, PartKind.PARCEL):
        return None
    given = _given(case, order, part)
    wanted = _pieces_of(named[0], named[1], goods, given.pieces)
    currency = goods.content.currency
    if not wanted or currency is None or not given.is_known or _is_settled(wanted, goods, money):
        return None
    lines = {id: goods.content.line(id) for id in wanted}
    cost = sum((one.value_of(wanted[id]) for id, one in lines.items() if one is not None), ZERO)
    amount = given.of_no_line + sum((given.amounts.get(id, ZERO) for id in wanted), ZERO)
    if None in lines.values() or amount >= cost - smallest_unit(currency) * len(wanted):
        return None
    return Shortfall(given=amount, cost=cost, currency=currency)


def _pieces_of(
    kind: PartKind, id: str, goods: Goods, refunded: Mapping[str, int]
) -> Mapping[str, int]:
    """The pieces that a part is about, by line; none if they are not known."""
    if kind is PartKind.PARCEL:
        held = goods.pieces.get(id, {})
        lines = [(line, held[line.id]) for line in goods.content.lines if line.id in held]
        return {line.id: min(pieces, line.quantity) for line, pieces in lines}
    line = goods.content.line(id)
    if line is None:
        return {}
    return {id: min(max(refunded.get(id, 0), 1), line.quantity)}


def _is_settled(wanted: Collection[str], goods: Goods, money: OrderMoney) -> bool:
    """What is due for these lines was given back: they came back, less the fees, or are not delivered."""
    lines = [line for id in wanted if (line := goods.line(id)) is not None]
    return money.refund_due <= 0 and all(
        line.returned or line.cancelled or line.unavailable for line in lines
    )


def _given(case: ExceptionCase, order: Order, part: str) -> _Given:
    found, money = _Given({}, {}), order.facts.money
    for refund in money.refunds:
        if refund.state is not RefundState.ISSUED:
            continue
        for id, (pieces, amount) in refund.lines.items():
            found.pieces[id] = found.pieces.get(id, 0) + pieces
            found.amounts[id] = found.amounts.get(id, ZERO) + amount
        if refund.settled is None:
            found.is_known = False
        elif not refund.lines:
            found.of_no_line += refund.settled - sum(refund.charges.values(), ZERO)
    told = match_told_refunds(case.adjustments.items, order, money)
    for one in case.adjustments.items:
        is_paid = one.state in PAID_STATES and one.kind in (Kind.REFUND, Kind.PARTIAL_REFUND)
        if not is_paid or one.id in told:
            continue
        found.is_known = found.is_known and one.amount.currency == money.currency
        for of in one.lines:
            name = of.sku if isinstance(of.line, UnsetType) else of.line
            if isinstance(name, str) and not isinstance(of.amount, UnsetType):
                found.pieces[name] = found.pieces.get(name, 0) + of.quantity
                found.amounts[name] = found.amounts.get(name, ZERO) + of.amount.value
        parts = () if isinstance(one.parts, UnsetType) else one.parts
        if not one.lines and (not parts or part in parts):
            found.of_no_line += one.amount.value
    return found
