"""What may still be given for an order: of a payment, of a line, of a charge.

The figures are those of the order's statements (`OrderMoney`) less our own adjustments that no statement
tells yet. So a refund that we made and the provider reports counts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from domain.adjustments.adjustment import COUNTED_STATES, Adjustment
from domain.adjustments.events import AdjustedCharge, AdjustedLine
from domain.adjustments.kinds import GIVEN_BACK_KINDS, PART_OF_A_PIECE_KINDS
from domain.adjustments.told_refunds import find_told_refund
from domain.money import ZERO, Money, round_money
from domain.orders.content import OrderContent, OrderLine, StatedCharge, charge_key
from domain.orders.money_ledger import OrderMoney, PaymentMoney, RefundState
from domain.orders.order import Order
from domain.orders.purchase_signals import Component
from domain.orders.signal_body import given as given_or_none


class PaymentFigures(Struct, frozen=True):
    """Amounts are in the currency of the payment; `reserved` are requested refunds and our adjustments."""

    captured: Decimal
    given_back: Decimal
    disputed: Decimal
    reserved: Decimal

    @property
    def left(self) -> Decimal:
        return max(self.captured - self.given_back - self.disputed - self.reserved, ZERO)


class PartFigures(Struct, frozen=True):
    """Of a line or a charge: its value, what of it was given or is reserved, and its pieces."""

    value: Decimal
    given: Decimal
    pieces: int = 0
    given_pieces: int = 0
    unpaid: Decimal = ZERO
    """The value of cancelled or missing pieces that was never paid, or is given back already."""
    unpaid_pieces: int = 0
    for_gone: Decimal = ZERO
    """What is left for the cancelled or missing pieces."""

    @property
    def left(self) -> Decimal:
        return max(self.value - self.given - self.unpaid, ZERO)

    @property
    def pieces_left(self) -> int:
        return max(self.pieces - self.given_pieces - self.unpaid_pieces, 0)


class MoneyLeft(Struct, frozen=True):
    """The money of an order, its content, and our adjustments that count and that no statement tells."""

    money: OrderMoney
    content: OrderContent
    untold: Sequence[Adjustment]
    """Our adjustments that no statement tells: they count against the payments."""
    giving: Sequence[Adjustment]
    """Our adjustments that count against lines and charges, since no statement tells theirs."""

    def payment(self, payment: PaymentMoney) -> PaymentFigures:
        ours = [_given(one) for one in self.untold if one.payment == payment.id]
        return PaymentFigures(
            payment.captured,
            payment.given_back,
            payment.disputed,
            payment.reserved + _sum(ours, payment.currency),
        )

    @property
    def whole(self) -> PaymentFigures | None:
        """All payments together; None if they are in several currencies."""
        money = self.money
        if {payment.currency for payment in money.payments} != {money.currency}:
            return None
        ours = [_given(one) for one in self.untold if one.kind in GIVEN_BACK_KINDS]
        reserved = money.reserved + _sum(ours, money.currency)
        return PaymentFigures(money.captured, money.given_back, money.disputed, reserved)

    def line(self, line: OrderLine) -> PartFigures:
        pieces, amount = self.money.line_refunds.get(line.id, (0, ZERO))
        for refund in self.money.refunds:
            if refund.state is RefundState.REQUESTED and line.id in refund.lines:
                requested = refund.lines[line.id]
                pieces, amount = pieces + requested[0], amount + requested[1]
        for one in self.giving:
            for given in one.lines:
                if self.find_line(given) is line:
                    whole = one.kind not in PART_OF_A_PIECE_KINDS
                    pieces += whole_pieces(given, line) if whole else 0
                    amount += value_of(given)
        return PartFigures(line.value, amount, line.quantity, pieces)

    def charge(self, key: str, cost: Decimal) -> PartFigures:
        amount = self.money.charge_refunds.get(key, ZERO)
        for refund in self.money.refunds:
            if refund.state is RefundState.REQUESTED:
                amount += refund.charges.get(key, ZERO)
        for one in self.giving:
            if not isinstance(one.charges, UnsetType):
                amount += sum((value_of(c) for c in one.charges if key_of(c) == key), ZERO)
        return PartFigures(cost, amount)

    def charges_of(self, asked: AdjustedCharge) -> Sequence[StatedCharge]:
        """The charges of this kind and id; else those that an edit removed."""
        for every in (self.content.charges, self.money.removed_charges):
            fits = [
                one for one in every if one[1].kind == asked.kind and asked.id in (UNSET, one[1].id)
            ]
            if fits:
                return fits
        return ()

    def find_line(self, given: AdjustedLine) -> OrderLine | None:
        """The line that these pieces are of; of several with the product, the first."""
        lines = self.lines_of(given)
        return lines[0] if lines else None

    def lines_of(self, asked: AdjustedLine) -> Sequence[OrderLine]:
        """The lines with this identity, or with this product; else those that an edit removed."""
        if not isinstance(asked.line, UnsetType):
            name = asked.line
            found = self.content.line(name) or self.money.removed.line(name)
            return [found] if found is not None else []
        every = (self.content.lines, self.money.removed.lines)
        fits = ([line for line in lines if line.line.sku == asked.sku] for lines in every)
        return next((lines for lines in fits if lines), [])


def money_left(order: Order, given: Iterable[Adjustment], besides: UUID | None = None) -> MoneyLeft:
    """What is left; `given` are our adjustments in all cases of the order, without `besides`."""
    money = order.facts.money
    ours = [one for one in given if one.state in COUNTED_STATES and one.id != besides]
    told = {one.id: find_told_refund(one, money) for one in ours}
    untold = [one for one in ours if told[one.id] is None]
    partless = [
        one
        for one in ours
        if (refund := told[one.id]) is not None
        and refund.state is not RefundState.FAILED
        and not (refund.lines or refund.charges)
    ]
    return MoneyLeft(money, order.facts.goods.content, untold, [*untold, *partless])


def component_of(asked: AdjustedLine, line: OrderLine) -> Component | None:
    """The component of a bundle that is asked for; None for whole pieces of the line."""
    if asked.sku == line.line.sku:
        return None
    return next((c for c in given_or_none(line.line.components) or () if c.sku == asked.sku), None)


def whole_pieces(asked: AdjustedLine, line: OrderLine) -> int:
    """How many whole pieces of the line these are: components are no whole pieces."""
    return asked.quantity if component_of(asked, line) is None else 0


def key_of(charge: AdjustedCharge) -> str:
    return charge_key(charge.kind, None if isinstance(charge.id, UnsetType) else charge.id)


def to_payment_currency(amount: Money, payment: PaymentMoney) -> Decimal | None:
    """The amount in the payment's currency, by the rate of its captures; None if it has none."""
    if amount.currency == payment.currency:
        return amount.value
    if not payment.settled or not payment.captured:
        return None
    return round_money(amount.value * payment.captured / payment.settled, payment.currency)


def _given(one: Adjustment) -> Money:
    return one.given or one.amount


def value_of(part: AdjustedLine | AdjustedCharge) -> Decimal:
    return ZERO if isinstance(part.amount, UnsetType) else part.amount.value


def _sum(amounts: Iterable[Money], currency: str | None) -> Decimal:
    return sum((one.value for one in amounts if one.currency == currency), ZERO)
