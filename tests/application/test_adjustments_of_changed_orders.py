"""Adjustments for orders that were edited or cancelled: no line gives more than was paid for it."""

from __future__ import annotations

from typing import Any

import pytest

from domain.adjustments.adjustment import Adjustment
from domain.adjustments.commands import ProposeAdjustment
from domain.adjustments.errors import MoreThanLine
from domain.adjustments.events import AdjustedLine
from domain.adjustments.kinds import AdjustmentKind as Kind
from domain.adjustments.kinds import AdjustmentReason
from domain.cases.exception_case import CaseState
from domain.cases.work_commands import OpenCase
from domain.orders.signals import Signal
from tests.application.money_service import MoneyService, caller_with_roles
from tests.domain.money import bought, capture, eur
from tests.domain.signals import ORDER, after


class Desk(MoneyService):
    """An order by its story; ana holds a case that she opened for it after 100 hours."""

    def __init__(self, *story: Signal) -> None:
        super().__init__(price=None)
        self.take(*story, at=after(99))
        ask = OpenCase(order=ORDER, kind="stock_unavailable", note="The customer asks for money.")
        by = caller_with_roles("ana", after(100))
        case = self.desk.open(ask, by).case
        if case.state is not CaseState.CLAIMED:
            self.desk.claim(case.id, case.version, by)

    def give(self, *lines: AdjustedLine, at: float = 101, **more: Any) -> Adjustment:
        case = self.of()
        ask = ProposeAdjustment(
            **{"kind": Kind.REFUND, "reason": AdjustmentReason.CANCELLED, "lines": lines, **more}
        )
        by = caller_with_roles("ana", after(at))
        return self.money.propose(case.id, case.version, ask, by).case.adjustments.items[-1]


def of(line: str, quantity: int = 1, amount: str | None = None, **more: Any) -> AdjustedLine:
    if amount is not None:
        more["amount"] = eur(amount)
    return AdjustedLine(line=line, quantity=quantity, **more)


def test_a_line_is_given_with_its_share_of_the_orders_tax() -> None:
    desk = Desk(bought("100", "100", tax=eur("38")), capture(1, "238", "cap"))
    assert desk.give(of("a")).amount == eur("119.00")
    with pytest.raises(MoreThanLine):
        desk.give(of("b", 1, "119.01"), at=102)
