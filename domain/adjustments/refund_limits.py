"""Limits of an adjustment: no payment, line or charge gives more than is left of it."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from domain.adjustments import errors
from domain.adjustments.adjustment import Adjustment
from domain.adjustments.events import AdjustedLine, AdjustmentProposed
from domain.adjustments.kinds import PART_OF_A_PIECE_KINDS, PROVIDER_PAID_KINDS, AdjustmentKind
from domain.adjustments.money_left import (
    MoneyLeft,
    PartFigures,
    PaymentFigures,
    key_of,
    value_of,
    whole_pieces,
)
from domain.adjustments.paid_lines import figures_for, figures_for_charge, overpaid_left
from domain.money import ZERO, Money
from domain.orders.content import OrderLine
from domain.orders.signal_body import given


def require_left(one: AdjustmentProposed | Adjustment, left: MoneyLeft) -> None:
    """Raises MoreThanPaid, MoreThanLine, MoreThanCharge if it gives more than is left."""
    if one.kind in PROVIDER_PAID_KINDS:
        _require_left_of_payments(one, left)
    require_left_of_lines(one.kind, one.lines, left)
    # An adjustment may name a charge several times: what it gives of the charge in all must be left.
    asked: dict[str, Decimal] = {}
    for charge in given(one.charges) or ():
        key = key_of(charge)
        asked[key] = asked.get(key, ZERO) + value_of(charge)
    for key, stated, cost in (*left.content.charges, *left.money.removed_charges):
        figures = figures_for_charge(one.kind, key, cost, left)
        if asked.get(key, ZERO) > figures.left:
            raise errors.MoreThanCharge(
                f"charge {key} is {cost:f} {stated.amount.currency} and {figures.given:f} of it was "
                f"given or is reserved{_unpaid(figures)}: {figures.left:f} is left, {asked[key]:f} is too much",
                charge=key,
                value=f"{cost:f}",
                given=f"{figures.given:f}",
                left=f"{figures.left:f}",
            )


def _require_left_of_payments(one: AdjustmentProposed | Adjustment, left: MoneyLeft) -> None:
    payment = next((p for p in left.money.payments if p.id == one.payment), None)
    of_payment = left.payment(payment) if payment is not None else PaymentFigures(*[ZERO] * 4)
    checked = [(f" by payment {one.payment}", of_payment)]
    if left.whole is not None and left.money.currency == one.amount.currency:
        checked.append(("", left.whole))
    for what, figures in checked:
        if one.amount.value > figures.left:
            raise _more_than_paid(one.amount, what, figures)


def _more_than_paid(amount: Money, what: str, figures: PaymentFigures) -> errors.MoreThanPaid:
    counted = figures.captured - figures.left
    facts = {name: f"{getattr(figures, name):f}" for name in figures.__struct_fields__}
    return errors.MoreThanPaid(
        f"{figures.captured:f} {amount.currency} was captured{what}, {figures.given_back:f} of it was "
        f"given back, {figures.disputed:f} is disputed and {figures.reserved:f} is reserved: "
        f"{figures.left:f} is left, {amount.amount} is too much",
        counted=f"{counted:f}",
        left=f"{figures.left:f}",
        **facts,
    )


def require_left_of_lines(
    kind: AdjustmentKind, lines: Sequence[AdjustedLine], left: MoneyLeft
) -> None:
    """Raises MoreThanLine if these pieces are more than their lines have left."""
    is_whole = kind not in PART_OF_A_PIECE_KINDS
    overpaid = overpaid_left(left)
    for line in _lines_of(lines, left):
        mine = [one for one in lines if left.find_line(one) is line]
        figures = figures_for(kind, line, left, overpaid)
        pieces = sum(whole_pieces(one, line) for one in mine)
        amount = sum(map(value_of, mine), ZERO)
        free = figures.pieces_left if is_whole else figures.pieces - figures.unpaid_pieces
        if pieces > free or amount > figures.left:
            raise errors.MoreThanLine(
                f"line {line.id} has {figures.pieces} pieces worth {figures.value:f} "
                f"{line.line.price.currency}; {figures.given_pieces} pieces and {figures.given:f} were "
                f"given or are reserved{_unpaid(figures)}: {figures.pieces_left} pieces and {figures.left:f} are left, "
                f"{pieces} pieces and {amount:f} are too much",
                line=line.id,
                pieces=figures.pieces,
                given_pieces=figures.given_pieces,
                value=f"{figures.value:f}",
                given=f"{figures.given:f}",
                left=f"{figures.left:f}",
                **({"unpaid": f"{figures.unpaid:f}"} if figures.unpaid else {}),
            )
        if overpaid is not None:
            # Several lines share what is overpaid.
            overpaid -= max(amount - (figures.left - figures.for_gone), ZERO)


def _unpaid(figures: PartFigures) -> str:
    if not figures.unpaid:
        return ""
    return (
        f", and {figures.unpaid:f} is for what was cancelled, removed or is missing, and was never paid or is "
        "given back already"
    )


def _lines_of(lines: Sequence[AdjustedLine], left: MoneyLeft) -> Iterable[OrderLine]:
    found = {line.id: line for one in lines if (line := left.find_line(one)) is not None}
    return found.values()
