"""What may still be given for an order: of a payment, of a line, of a charge.

The figures are those of the order's statements (`OrderMoney`) less our own adjustments that no statement
tells yet. So a refund that we made and the provider reports counts once. What we gave is the least that
counts: if the statements tell less of it, or of other lines, the rest counts too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Final, Protocol
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from domain.adjustments.adjustment import COUNTED_STATES, Adjustment
from domain.adjustments.events import AdjustedCharge, AdjustedLine
from domain.adjustments.kinds import GIVEN_BACK_KINDS, PART_OF_A_PIECE_KINDS
from domain.adjustments.told_refunds import is_taken_back, match_told_refunds
from domain.money import ZERO, Money, PositiveMoney, round_money
from domain.orders.content import OrderContent, OrderLine, StatedCharge, charge_key
from domain.orders.events import SignalTimeCame
from domain.orders.money_ledger import OrderMoney, PaymentMoney, RefundMoney, RefundState
from domain.orders.order import Order
from domain.orders.payment_signals import DisputeOpened, RefundIssued, RefundRequested
from domain.orders.purchase_signals import Component
from domain.orders.signal_body import given as given_or_none
from domain.orders.signals import event_time_key

_GIVEN_BACK: Final = (RefundRequested, RefundIssued, DisputeOpened)


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


class Exchanged(Protocol):
    """What is given in the currency of its payment."""

    @property
    def amount(self) -> Money: ...
    @property
    def payment(self) -> str | None: ...
    @property
    def settles(self) -> PositiveMoney | UnsetType: ...


class MoneyLeft(Struct, frozen=True):
    """The money of an order, its content, and our adjustments that count, each with the refund that tells it."""

    money: OrderMoney
    content: OrderContent
    ours: Sequence[tuple[Adjustment, RefundMoney | None]]
    references: Collection[str] = ()
    """Those of our other adjustments, and the ids of the refunds that systems told."""

    def payment(self, payment: PaymentMoney) -> PaymentFigures:
        rest = ZERO
        for one, told in self.ours:
            if one.payment == payment.id and given_of(one).currency == payment.currency:
                is_told = told is not None and told.payment == payment.id
                rest += _rest(given_of(one).value, told.of_payment if told and is_told else ZERO)
        return PaymentFigures(
            payment.captured, payment.given_back, payment.disputed, payment.reserved + rest
        )

    @property
    def whole(self) -> PaymentFigures | None:
        """All payments together; None if they are in several currencies."""
        money = self.money
        if {payment.currency for payment in money.payments} != {money.currency}:
            return None
        rest = [self.untold(*one) or ZERO for one in self.ours if one[0].kind in GIVEN_BACK_KINDS]
        reserved = money.reserved + sum(rest, ZERO)
        return PaymentFigures(money.captured, money.given_back, money.disputed, reserved)

    def untold(self, one: Adjustment, told: RefundMoney | None) -> Decimal | None:
        """What no statement tells of an adjustment, in the order's currency; None if no rate is known."""
        given = self.in_order_currency(one, given_of(one))
        return None if given is None else _rest(given, (told.settled if told else None) or ZERO)

    def in_order_currency(self, one: Exchanged, amount: Money) -> Decimal | None:
        """An amount of this adjustment by its `settles`, else by the rate of its payment; None if no rate is
        known."""
        money = self.money
        if amount.currency == money.currency:
            return amount.value
        if (settles := given_or_none(one.settles)) is not None and amount is one.amount:
            return settles.value
        payment = next((p for p in money.payments if p.id == one.payment), None)
        if payment is None or not payment.captured or not payment.settled or money.currency is None:
            return None
        return round_money(amount.value * payment.settled / payment.captured, money.currency)

    def line(self, line: OrderLine) -> PartFigures:
        pieces, amount = self.money.line_refunds.get(line.id, (0, ZERO))
        for refund in self.money.refunds:
            if refund.state is RefundState.REQUESTED and line.id in refund.lines:
                requested = refund.lines[line.id]
                pieces, amount = pieces + requested[0], amount + requested[1]
        for one, told in self.ours:
            given = [part for part in one.lines if self.find_line(part) is line]
            whole = one.kind not in PART_OF_A_PIECE_KINDS
            own = sum(whole_pieces(part, line) for part in given) if whole else 0
            told_pieces, told_amount = told.lines.get(line.id, (0, ZERO)) if told else (0, ZERO)
            pieces += max(own - told_pieces, 0)
            amount += _rest(sum(map(value_of, given), ZERO), told_amount)
        return PartFigures(line.value, amount, line.quantity, pieces)

    def charge(self, key: str, cost: Decimal) -> PartFigures:
        amount = self.money.charge_refunds.get(key, ZERO)
        for refund in self.money.refunds:
            if refund.state is RefundState.REQUESTED:
                amount += refund.charges.get(key, ZERO)
        for one, told in self.ours:
            own = [value_of(c) for c in given_or_none(one.charges) or () if key_of(c) == key]
            amount += _rest(sum(own, ZERO), told.charges.get(key, ZERO) if told else ZERO)
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
    order = _with_what_is_given_ahead(order)
    money = order.facts.money
    ours = [one for one in given if one.state in COUNTED_STATES and one.id != besides]
    told = match_told_refunds(ours, order, money)
    counted: list[tuple[Adjustment, RefundMoney | None]] = []
    for one in ours:
        refund = told.get(one.id)
        if refund is None or refund.state is not RefundState.FAILED:
            counted.append((one, refund))
        elif not is_taken_back(one, refund, order):
            counted.append((one, None))
    references = {one.reference for one in ours if one.reference is not None}
    references |= {refund.id for refund in money.refunds}
    return MoneyLeft(money, order.facts.goods.content, counted, references)


def _with_what_is_given_ahead(order: Order) -> Order:
    """The order as if refunds and disputes that are dated ahead of our clock counted already: what another system
    gave back is not given again until their time comes."""
    ahead = [one for one in order.ahead.values() if isinstance(one, _GIVEN_BACK)]
    for signal in sorted(ahead, key=event_time_key):
        order = order.after(SignalTimeCame(signal=signal.key))
    return order


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


def given_of(one: Adjustment) -> Money:
    """What was given by it, or is to be."""
    return one.given or one.amount


def _rest(own: Decimal, told: Decimal) -> Decimal:
    return max(own - told, ZERO)


def value_of(part: AdjustedLine | AdjustedCharge) -> Decimal:
    return ZERO if isinstance(part.amount, UnsetType) else part.amount.value
