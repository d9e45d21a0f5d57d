"""The amounts of a proposal: those that it names, and those that follow from lines, charges and payment."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import UNSET, Struct, UnsetType, structs

from domain.adjustments.commands import ProposeAdjustment, ProposedLine
from domain.adjustments.errors import NoPaymentToRefund
from domain.adjustments.events import AdjustedCharge, AdjustedLine
from domain.adjustments.kinds import GOODWILL_KINDS, PROVIDER_PAID_KINDS
from domain.adjustments.money_left import MoneyLeft, component_of, to_payment_currency, value_of
from domain.adjustments.paid_lines import figures_for, figures_for_charge, overpaid_left
from domain.adjustments.refund_limits import require_left_of_lines
from domain.errors import Fault, Invalid
from domain.money import ZERO, Money, PositiveMoney, round_money, smallest_unit
from domain.orders.content import OrderLine
from domain.orders.money_ledger import PaymentMoney
from domain.orders.order_names import describe_order
from domain.orders.parts import split_part_key
from domain.orders.purchase_signals import Component
from domain.orders.signal_body import given


class ProposedAmounts(Struct, frozen=True, kw_only=True):
    """The amounts of an adjustment: `amount` as it is paid, `settles` in the order's currency if it differs."""

    amount: PositiveMoney
    lines: tuple[AdjustedLine, ...]
    charges: tuple[AdjustedCharge, ...] | UnsetType
    payment: str | None
    settles: PositiveMoney | UnsetType = UNSET


def propose_amounts(request: ProposeAdjustment, order: str, left: MoneyLeft) -> ProposedAmounts:
    """The amounts in full, each line with its identity. Raises Invalid, NoPaymentToRefund,
    MoreThanLine."""
    faults: list[Fault] = []
    asked = request.amount
    if not isinstance(asked, UnsetType) and asked.value <= 0:
        faults.append(Fault("/amount/amount", "must be above 0"))
    if request.kind in GOODWILL_KINDS and (request.lines or request.charges):
        pointer = "/lines" if request.lines else "/charges"
        detail = f"an {request.kind} is a bare amount: leave it out, or propose a price_adjustment"
        faults.append(Fault(pointer, detail))
    for n, part in enumerate(request.parts):
        try:
            split_part_key(part)
        except ValueError as wrong:
            faults.append(Fault(f"/parts/{n}", str(wrong)))
    _raise(faults)
    payment = _find_payment(request, order, left) if request.kind in PROVIDER_PAID_KINDS else None
    filled = _Filled(request, left, faults)
    lines, charges = filled.lines(), filled.charges()
    _raise(faults)
    require_left_of_lines(request.kind, lines, left)
    total = sum(map(value_of, lines), ZERO) + sum(map(value_of, charges), ZERO)
    amount, settles = _amounts(request, total, payment, left, faults)
    _raise(faults)
    return ProposedAmounts(
        amount=amount,
        lines=tuple(lines),
        charges=tuple(charges) or UNSET,
        payment=payment.id if payment is not None else None,
        settles=settles,
    )


def _find_payment(request: ProposeAdjustment, order: str, left: MoneyLeft) -> PaymentMoney:
    """The payment that the money goes back to: the named one, else the only one with money left."""
    captured = [payment for payment in left.money.payments if payment.captured > 0]
    if request.payment is not None:
        for payment in captured:
            if payment.id == request.payment:
                return payment
        names = ", ".join(payment.id for payment in captured) or "none"
        detail = f"no payment {request.payment} was captured for the order; known are: {names}"
        raise Invalid([Fault("/payment", detail)], "the adjustment")
    with_money = [payment for payment in captured if left.payment(payment).left > 0]
    for found in (with_money, captured):
        if len(found) == 1:
            return found[0]
    raise NoPaymentToRefund(
        f"{_describe_payments(captured, with_money, left)} (order {describe_order(order)})",
        payments=[payment.id for payment in captured],
        left={payment.id: f"{left.payment(payment).left:f}" for payment in captured},
    )


def _describe_payments(
    captured: Sequence[PaymentMoney], with_money: Sequence[PaymentMoney], left: MoneyLeft
) -> str:
    """Why none of several payments, or no payment, can be refunded, and what to do."""
    if not captured:
        return (
            "no payment was captured. If the customer has paid, send the signal payment.captured first; "
            "else there is nothing to give back"
        )
    if not with_money:
        return f"nothing is left of its {len(captured)} captured payments"
    names = ", ".join(f"{one.id} ({left.payment(one).left:f} left)" for one in with_money)
    return f"it has {len(with_money)} captured payments with money left. Name one in `payment`: {names}"


def _adjusted_line(named: ProposedLine) -> AdjustedLine:
    """The line with its quantity; one piece without."""
    quantity = 1 if isinstance(named.quantity, UnsetType) else named.quantity
    return AdjustedLine(sku=named.sku, quantity=quantity, amount=named.amount, line=named.line)


def _pieces_of(asked: AdjustedLine, lines: Sequence[OrderLine]) -> int:
    """How many pieces the order has of what is asked for: whole pieces of the lines, or a component of a bundle."""
    component = component_of(asked, lines[0])
    return sum(line.quantity for line in lines) * (component.quantity if component else 1)


class _Filled(Struct):
    """The asked lines and charges, with the identities and amounts that follow from the order."""

    request: ProposeAdjustment
    left: MoneyLeft
    faults: list[Fault]

    @property
    def currency(self) -> str:
        if self.left.money.currency is not None:
            return self.left.money.currency
        amount = self.request.amount
        return "" if isinstance(amount, UnsetType) else amount.currency

    def lines(self) -> Sequence[AdjustedLine]:
        """Pieces of a product that several lines have are taken in the order of the lines."""
        found: list[AdjustedLine] = []
        taken: dict[str, int] = {}
        for n, named in enumerate(self.request.lines):
            pointer, asked = f"/lines/{n}", _adjusted_line(named)
            self._check_currency(asked.amount, pointer)
            if not (self.left.content.lines or self.left.money.removed.lines):
                if isinstance(asked.amount, UnsetType):
                    detail = "give the amount: the lines of the order are not known"
                    self.faults.append(Fault(f"{pointer}/amount", detail))
                found.append(asked)
            elif lines := self.left.lines_of(asked):
                if self._has_other_sku(asked, lines[0], pointer):
                    continue
                if isinstance(named.quantity, UnsetType) and (many := _pieces_of(asked, lines)) > 1:
                    detail = f"say for how many pieces: the order has {many} of them"
                    self.faults.append(Fault(f"{pointer}/quantity", detail))
                    continue
                found += self._split(asked, lines, taken)
            else:
                member = "sku" if isinstance(asked.line, UnsetType) else "line"
                known = ", ".join(line.id for line in self.left.content.lines)
                detail = f"the order has no line {getattr(asked, member)}; its lines are: {known}"
                self.faults.append(Fault(f"{pointer}/{member}", detail))
        return found

    def charges(self) -> Sequence[AdjustedCharge]:
        found = []
        for n, asked in enumerate(self.request.charges):
            pointer = f"/charges/{n}"
            self._check_currency(asked.amount, pointer)
            fits = self.left.charges_of(asked)
            if len(fits) != 1:
                every = (*self.left.content.charges, *self.left.money.removed_charges)
                known = ", ".join(key for key, _, _ in every) or "none"
                what = "no charge" if not fits else f"{len(fits)} charges"
                detail = f"the order has {what} {asked.kind}: name one of: {known}"
                self.faults.append(Fault(pointer, detail))
                continue
            key, charge, cost = fits[0]
            amount = asked.amount
            if isinstance(amount, UnsetType):
                figures = figures_for_charge(self.request.kind, key, cost, self.left)
                amount = self._money(figures.left)
            named = charge.id if charge.id is not None else UNSET
            found.append(structs.replace(asked, id=named, amount=amount))
        return found

    def _split(
        self, asked: AdjustedLine, lines: Sequence[OrderLine], taken: dict[str, int]
    ) -> Sequence[AdjustedLine]:
        """The asked pieces, line by line; what no line has left stays with the last one, and is refused."""
        if (component := component_of(asked, lines[0])) is not None:
            return [self._of_component(asked, lines[0], component)]
        found: list[AdjustedLine] = []
        pieces = asked.quantity
        amount = None if isinstance(asked.amount, UnsetType) else asked.amount.value
        for line in lines:
            figures = figures_for(self.request.kind, line, self.left, overpaid_left(self.left))
            free = max(figures.pieces_left - taken.get(line.id, 0), 0)
            here = pieces if line is lines[-1] else min(pieces, free)
            if not here:
                continue
            value = figures.left if here >= free else min(line.value_of(here), figures.left)
            if here >= free and taken.get(line.id):
                value = max(figures.left - line.value_of(taken[line.id]), ZERO)
            if amount is not None:
                value = amount if here == pieces else min(value, amount)
                amount -= value
            taken[line.id] = taken.get(line.id, 0) + here
            pieces -= here
            sku = line.line.sku or UNSET
            found.append(
                AdjustedLine(line=line.id, sku=sku, quantity=here, amount=self._money(value))
            )
            if not pieces:
                break
        return found

    def _of_component(
        self, asked: AdjustedLine, line: OrderLine, component: Component
    ) -> AdjustedLine:
        """Pieces of a component of a bundle: their share of its value, by the number of components."""
        amount = asked.amount
        if isinstance(amount, UnsetType):
            figures = figures_for(self.request.kind, line, self.left, overpaid_left(self.left))
            every = sum(c.quantity for c in given(line.line.components) or ()) * line.quantity
            share = line.value * asked.quantity / every if every else ZERO
            share = round_money(share, line.line.price.currency)
            amount = self._money(min(share, figures.left))
        return structs.replace(asked, line=line.id, sku=component.sku, amount=amount)

    def _has_other_sku(self, asked: AdjustedLine, line: OrderLine, pointer: str) -> bool:
        """Whether the asked line has another product, and no such component; then a fault says so."""
        if isinstance(asked.line, UnsetType) or isinstance(asked.sku, UnsetType):
            return False
        if asked.sku == line.line.sku or component_of(asked, line) is not None:
            return False
        if line.line.sku is None and not self.left.content.lines_of_sku(asked.sku):
            return False  # the order does not say which product a custom item is
        has = line.line.sku or "without a sku"
        components = ", ".join(c.sku for c in given(line.line.components) or ())
        also = f" with the components {components}" if components else ""
        detail = f"line {line.id} is {has}{also}, not {asked.sku}: leave out the sku, or name the line that has it"
        self.faults.append(Fault(f"{pointer}/sku", detail))
        return True

    def _check_currency(self, amount: Money | UnsetType, pointer: str) -> None:
        if not isinstance(amount, UnsetType) and amount.currency != self.currency:
            detail = f"must be {self.currency}, as the order is"
            self.faults.append(Fault(f"{pointer}/amount/currency", detail))

    def _money(self, value: Decimal) -> PositiveMoney:
        return PositiveMoney(f"{value:f}", self.currency)


def _amounts(
    request: ProposeAdjustment,
    total: Decimal,
    payment: PaymentMoney | None,
    left: MoneyLeft,
    faults: list[Fault],
) -> tuple[PositiveMoney, PositiveMoney | UnsetType]:
    """The amount as it is paid, and in the order's currency if the payment has another one."""
    asked, has_parts = request.amount, bool(request.lines or request.charges)
    named = left.money.currency
    if isinstance(asked, UnsetType):
        if not has_parts or named is None:
            detail = "give an amount, or the lines or charges that it is for"
            _raise([Fault("/amount", detail)])
        if not total:
            _raise([Fault("/lines", "nothing is left of what you name: give an amount")])
        asked = PositiveMoney(f"{total:f}", named or "")
    paid = payment.currency if payment is not None and payment.currency else named
    if named is None or asked.currency == named:
        if has_parts and total != asked.value:
            where = "/lines" if request.lines else "/charges"
            faults.append(Fault(where, f"add up to {total:f}, the amount is {asked.amount}"))
        if payment is None or paid == asked.currency:
            return asked, UNSET
        converted = to_payment_currency(asked, payment)
        if converted is None:
            detail = (
                f"must be {paid}, as payment {payment.id} is: its captures tell no rate to {named}"
            )
            _raise([Fault("/amount/currency", detail)])
        return PositiveMoney(f"{converted:f}", paid or ""), asked
    if payment is None or asked.currency != paid:
        known = paid if paid == named else f"{paid}, as the payment is, or {named}, as the order is"
        why = ", as the order is" if paid == named else ""
        _raise([Fault("/amount/currency", f"must be {known}{why}")])
    settles = PositiveMoney(f"{total:f}", named) if has_parts else UNSET
    if not isinstance(settles, UnsetType) and payment is not None:
        converted = to_payment_currency(settles, payment)
        if converted is not None and abs(converted - asked.value) > smallest_unit(paid):
            where = "/lines" if request.lines else "/charges"
            detail = f"add up to {settles}, which is {converted:f} {paid}; the amount is {asked}"
            faults.append(Fault(where, detail))
    return asked, settles


def _raise(faults: Sequence[Fault]) -> None:
    if faults:
        raise Invalid(faults, "the adjustment")
