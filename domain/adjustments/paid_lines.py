"""What an adjustment may give for lines of which pieces were cancelled, edited out or are unavailable.

For these pieces it gives at most what is overpaid on the order: what was never taken for them, or is
given back already, is not given.
"""

from decimal import Decimal

from msgspec import structs

from domain.adjustments.adjustment import Adjustment
from domain.adjustments.kinds import GIVEN_BACK_KINDS, AdjustmentKind
from domain.adjustments.money_left import MoneyLeft, PartFigures, value_of
from domain.money import ZERO
from domain.orders.content import OrderLine
from domain.orders.signal_body import given


def overpaid_left(left: MoneyLeft) -> Decimal | None:
    """What is overpaid less our adjustments that no statement tells; None if it is not known."""
    return _overpaid(left) if left.money.taken_for_gone is not None else None


def _overpaid(left: MoneyLeft) -> Decimal:
    money = left.money
    ours = ZERO
    for one, told in left.ours:
        for_gone, untold = _for_gone(one, left), left.untold(one, told)
        ours += for_gone if untold is None else min(for_gone, untold)
    return max(money.refund_due + money.overpaid - money.reserved - ours, ZERO)


def figures_for_charge(
    kind: AdjustmentKind, key: str, cost: Decimal, left: MoneyLeft
) -> PartFigures:
    """The figures of a charge. One that an edit removed is given back as far as it was paid."""
    figures, money = left.charge(key, cost), left.money
    paid = [one for one in money.payments if one.captures]
    if (
        kind not in GIVEN_BACK_KINDS
        or all(key != removed for removed, _, _ in money.removed_charges)
        or money.charge is None
        or any(one.rate is None or one.rate_assumed for one in paid)
    ):
        return figures
    return structs.replace(figures, unpaid=max(figures.left - _overpaid(left), ZERO))


def figures_for(
    kind: AdjustmentKind, line: OrderLine, left: MoneyLeft, overpaid: Decimal | None
) -> PartFigures:
    """The figures of a line. Money is given back for it as far as it was paid.

    Pieces that are gone were paid as far as more was taken than the rest of the order costs. What was
    given for the line counts for them first.
    """
    figures, money = left.line(line), left.money
    gone = money.gone.get(line.id)
    if gone is None or kind not in GIVEN_BACK_KINDS:
        return figures
    pieces, value = gone.pieces + gone.kept_pieces, gone.value + gone.kept_value
    figures = structs.replace(figures, pieces=pieces, value=value)
    if money.taken_for_gone is None or overpaid is None:
        return figures
    paid = min(gone.value, money.taken_for_gone)
    given_for_gone = min(figures.given, paid)
    for_gone = min(paid - given_for_gone, max(overpaid, ZERO))
    kept = max(gone.kept_value - (figures.given - given_for_gone), ZERO)
    is_open = for_gone > 0 or not gone.value
    paid_pieces = gone.pieces if paid or not gone.value else 0
    gone_given = min(figures.given_pieces, paid_pieces)
    kept_pieces = max(gone.kept_pieces - (figures.given_pieces - gone_given), 0)
    free = kept_pieces + (paid_pieces - gone_given if is_open else 0)
    return structs.replace(
        figures,
        unpaid=max(value - figures.given - kept - for_gone, ZERO),
        unpaid_pieces=max(pieces - figures.given_pieces - free, 0),
        for_gone=for_gone,
    )


def _for_gone(one: Adjustment, left: MoneyLeft) -> Decimal:
    """What an adjustment of ours gives of what is overpaid; for a line, of the pieces that are gone first."""
    if one.kind not in GIVEN_BACK_KINDS:
        return ZERO
    if not one.lines:
        bare = given(one.settles) or one.given or one.amount
        return bare.value if bare.currency == left.money.currency else ZERO
    found = ZERO
    for part in one.lines:
        line = left.find_line(part)
        gone = left.money.gone.get(line.id) if line is not None else None
        found += min(value_of(part), gone.value) if gone is not None else ZERO
    return found + sum((value_of(charge) for charge in given(one.charges) or ()), ZERO)
