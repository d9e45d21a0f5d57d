"""The limit of everything that is given for an order, by whomever and as whatever: the order's value.

The value is what was charged, or what was captured if that is more. A goodwill band of the approval matrix
allows more. If nobody told what the order costs or what was captured, there is no limit to compare with.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias

from msgspec import Struct

from domain.adjustments.adjustment import Adjustment
from domain.adjustments.errors import MoreThanOrder
from domain.adjustments.events import AdjustmentProposed
from domain.adjustments.money_left import MoneyLeft
from domain.adjustments.proposed_amounts import ProposedAmounts
from domain.adjustments.refund_limits import require_left
from domain.money import ZERO, round_money
from domain.policy.approvals import ApprovalMatrix

Given: TypeAlias = AdjustmentProposed | Adjustment


class GivenForOrder(Struct, frozen=True, kw_only=True):
    """Amounts in the order's currency."""

    currency: str
    value: Decimal
    by_systems: Decimal
    """Refunds that systems told, and disputes that are open or lost."""
    requested: Decimal
    """Refunds that systems requested."""
    by_us: Mapping[str, Decimal]
    """What no statement tells of our adjustments, by kind; also those that are not paid yet."""

    @property
    def total(self) -> Decimal:
        return self.by_systems + self.requested + sum(self.by_us.values(), ZERO)


def given_for_order(left: MoneyLeft) -> GivenForOrder | None:
    """What was given, or is reserved, for the order; None if its value is not known."""
    money = left.money
    if money.currency is None or (money.charge is None and not money.captured):
        return None
    by_us: dict[str, Decimal] = {}
    for one, told in left.ours:
        by_us[one.kind] = by_us.get(one.kind, ZERO) + (left.untold(one, told) or ZERO)
    return GivenForOrder(
        currency=money.currency,
        value=max(money.charge or ZERO, money.captured),
        by_systems=money.given_back + money.disputed,
        requested=money.reserved,
        by_us=by_us,
    )


def require_left_of_order(one: Given, left: MoneyLeft, matrix: ApprovalMatrix) -> None:
    """Raises MoreThanPaid, MoreThanLine, MoreThanCharge, MoreThanOrder if it gives more than is left."""
    require_left(one, left)
    known, amount = given_for_order(left), left.in_order_currency(one, one.amount)
    if known is not None and amount is not None:
        allowed = matrix.goodwill(known.value, known.currency)
        if known.total + amount > known.value + allowed:
            raise _more_than_order(known, amount, allowed)


def goodwill_of(one: Given | ProposedAmounts, left: MoneyLeft, matrix: ApprovalMatrix) -> Decimal:
    """By how much all that is given for the order exceeds its value with this adjustment, in the order's
    currency, as far as the goodwill band allows it."""
    known, amount = given_for_order(left), left.in_order_currency(one, one.amount)
    if known is None or amount is None:
        return ZERO
    beyond = max(known.total + amount - known.value, ZERO)
    return min(beyond, matrix.goodwill(known.value, known.currency)) if beyond else ZERO


def _more_than_order(known: GivenForOrder, amount: Decimal, allowed: Decimal) -> MoreThanOrder:
    rest = max(known.value + allowed - known.total, ZERO)
    parts = {"refunds of other systems and disputes": known.by_systems}
    parts |= {"requested refunds": known.requested}
    parts |= {kind.replace("_", " "): value for kind, value in known.by_us.items()}
    given_by = {what: _text(value, known) for what, value in parts.items() if value}
    named = ", ".join(f"{what} {value}" for what, value in given_by.items())
    goodwill = f" and {_text(allowed, known)} of goodwill is allowed" if allowed else ""
    return MoreThanOrder(
        f"the order is worth {_text(known.value, known)} {known.currency}{goodwill}; "
        f"{_text(known.total, known)} was given or is reserved{f' ({named})' if named else ''}: "
        f"{_text(rest, known)} is left, {_text(amount, known)} is too much",
        currency=known.currency,
        value=_text(known.value, known),
        goodwill=_text(allowed, known),
        given=_text(known.total, known),
        given_by=given_by,
        left=_text(rest, known),
    )


def _text(value: Decimal, known: GivenForOrder) -> str:
    return f"{round_money(value, known.currency):f}"
