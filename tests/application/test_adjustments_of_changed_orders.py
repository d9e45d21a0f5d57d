"""Adjustments for orders that were edited or cancelled: no line gives more than was paid for it."""

from __future__ import annotations

from typing import Any

import pytest

from domain.adjustments.adjustment import Adjustment
from domain.adjustments.commands import ProposeAdjustment, ProposedLine
from domain.adjustments.errors import MoreThanCharge, MoreThanLine
from domain.adjustments.events import AdjustedCharge
from domain.adjustments.kinds import AdjustmentKind as Kind
from domain.adjustments.kinds import AdjustmentReason
from domain.cases.evidence import Evidence, EvidenceType
from domain.cases.exception_case import CaseState
from domain.cases.work_commands import OpenCase
from domain.errors import Invalid
from domain.orders.payment_signals import RefundedCharge
from domain.orders.purchase_signals import ChargeKind, Component, Line, OrderCancelled
from domain.orders.signal_body import LinePieces
from domain.orders.signals import Signal
from tests.application.money_service import MoneyService, caller_with_roles
from tests.domain.money import bought, capture, dropped, edited, eur, pieces, refund, said, shipping
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

    def give(self, *lines: ProposedLine, at: float = 101, **more: Any) -> Adjustment:
        case = self.of()
        ask = ProposeAdjustment(
            **{"kind": Kind.REFUND, "reason": AdjustmentReason.CANCELLED, "lines": lines, **more}
        )
        by = caller_with_roles("ana", after(at))
        return self.money.propose(case.id, case.version, ask, by).case.adjustments.items[-1]


def of(line: str, quantity: int = 1, amount: str | None = None, **more: Any) -> ProposedLine:
    if amount is not None:
        more["amount"] = eur(amount)
    return ProposedLine(line=line, quantity=quantity, **more)


def test_a_line_is_given_with_its_share_of_the_orders_tax() -> None:
    desk = Desk(bought("100", "100", tax=eur("38")), capture(1, "238", "cap"))
    assert desk.give(of("a")).amount == eur("119.00")
    with pytest.raises(MoreThanLine):
        desk.give(of("b", 1, "119.01"), at=102)


WITHOUT_B = edited(24, lines=bought("60").lines)
PAID = (bought("60", "40"), capture(1, "100", "cap"))


def test_a_line_that_an_edit_removed_is_given_back_once() -> None:
    desk = Desk(*PAID, WITHOUT_B)
    with pytest.raises(MoreThanLine):
        desk.give(of("b", 1, "40.01"))
    with pytest.raises(MoreThanLine):
        desk.give(of("b", 2))
    assert desk.give(of("b")).amount == eur("40.00")
    with pytest.raises(MoreThanLine):
        desk.give(of("b", 1, "1.00"), at=102)


def test_what_another_system_gave_for_a_removed_line_counts() -> None:
    told = refund(30, "40", "re", refund="re", lines=(pieces("b"),))
    desk = Desk(*PAID, WITHOUT_B, told)
    with pytest.raises(MoreThanLine):
        desk.give(of("b", 1, "40.00"))


def test_a_removed_line_limits_an_adjustment_where_no_line_is_left() -> None:
    desk = Desk(*PAID, edited(24, lines=()))
    with pytest.raises(MoreThanLine):
        desk.give(of("b", 1, "90.00"))
    assert desk.give(of("a")).amount == eur("60.00")


def test_a_line_that_was_cancelled_before_the_capture_has_nothing_to_give() -> None:
    desk = Desk(bought("60", "40"), dropped(0.5, "b"), capture(1, "60", "cap"))
    with pytest.raises(MoreThanLine, match="never paid") as refused:
        desk.give(of("b", 1, "40.00"))
    assert refused.value.facts["unpaid"] == "40.00"
    assert desk.give(of("a"), reason=AdjustmentReason.DAMAGED).amount == eur("60.00")


def test_a_line_that_was_cancelled_after_the_capture_is_given_back_once() -> None:
    desk = Desk(*PAID, dropped(24, "b"))
    assert desk.give(of("b")).amount == eur("40.00")
    with pytest.raises(MoreThanLine):
        desk.give(of("b", 1, "40.00"), at=102)
    assert desk.give(of("a"), at=103).amount == eur("60.00")


def test_a_cancelled_line_that_was_given_back_as_a_bare_amount_is_not_given_again() -> None:
    desk = Desk(*PAID, dropped(24, "b"), refund(30, "40", "re"))
    with pytest.raises(MoreThanLine, match="given back already"):
        desk.give(of("b", 1, "40.00"))
    assert desk.give(of("a", 1, "15.00"), kind=Kind.PARTIAL_REFUND).amount == eur("15.00")


def test_our_own_bare_amount_counts_before_it_is_paid() -> None:
    desk = Desk(*PAID, dropped(24, "b"))
    desk.give(amount=eur("30.00"), at=101)
    assert desk.give(of("b", 1, "10.00"), at=102).amount == eur("10.00")
    with pytest.raises(MoreThanLine):
        desk.give(of("b", 1, "1.00"), at=103)


def test_cancelled_lines_share_what_is_overpaid() -> None:
    desk = Desk(bought("60", "40", "40"), dropped(0.5, "b", "c"), capture(1, "100", "cap"))
    with pytest.raises(MoreThanLine):
        desk.give(of("b", 1, "40.00"), of("c", 1, "1.00"))
    assert desk.give(of("c"), at=102).amount == eur("40.00")


def test_pieces_that_are_left_of_a_line_have_their_value() -> None:
    three = bought(lines=(Line(id="a", quantity=3, price=eur("30")),))
    one_less = said(OrderCancelled, 24, "less", "test", lines=(LinePieces(line="a", quantity=1),))
    given_back = refund(30, "30", "re", refund="re", lines=(pieces("a", 1),))
    desk = Desk(three, capture(1, "90", "cap"), one_less, given_back)
    with pytest.raises(MoreThanLine):
        desk.give(of("a", 3))
    assert desk.give(of("a", 2), at=102).amount == eur("60.00")


def test_a_piece_that_an_edit_took_off_a_line_may_be_given_back() -> None:
    three = bought(lines=(Line(id="a", quantity=3, price=eur("30")),))
    less = edited(24, lines=(Line(id="a", quantity=2, price=eur("30")),))
    desk = Desk(three, capture(1, "90", "cap"), less)
    assert desk.give(of("a", 3)).amount == eur("90.00")


def test_goods_may_be_sent_for_pieces_that_nobody_paid() -> None:
    desk = Desk(bought("60", "40"), dropped(0.5, "b"), capture(1, "60", "cap"))
    case = desk.of()
    evidence = Evidence(ref="dhl/lost-1", type=EvidenceType.CARRIER_STATEMENT)
    desk.desk.attach(case.id, case.version, evidence, caller_with_roles("ana", after(100.5)))
    sent = desk.give(of("b"), kind=Kind.RESHIPMENT, evidence=("dhl/lost-1",))
    assert sent.amount == eur("40.00")


def bundle() -> Line:
    parts = (Component(sku="cup", quantity=2), Component(sku="saucer", quantity=2))
    return Line(id="set", sku="tea-set", price=eur("40"), components=parts)


def test_a_line_and_a_product_that_differ_are_refused() -> None:
    desk = Desk(*PAID)
    with pytest.raises(Invalid, match="line a is sku-a, not sku-b: leave out the sku") as refused:
        desk.give(of("a", sku="sku-b"))
    assert [fault.pointer for fault in refused.value.faults] == ["/lines/0/sku"]
    assert desk.give(of("a", sku="sku-a"), at=102).amount == eur("60.00")
    custom = (Line(id="custom", price=eur("5")), *bought("60").lines)
    desk = Desk(bought(lines=custom), capture(1, "65", "cap"))
    with pytest.raises(Invalid, match="line custom is without a sku, not sku-a"):
        desk.give(of("custom", sku="sku-a"))
    assert desk.give(of("custom", sku="engraving"), at=102).amount == eur("5.00")


def test_a_component_is_given_by_its_share_of_the_bundle() -> None:
    desk = Desk(bought(lines=(bundle(),)), capture(1, "40", "cap"))
    with pytest.raises(Invalid, match="with the components cup, saucer, not pot"):
        desk.give(of("set", sku="pot"))
    with pytest.raises(Invalid, match="say for how many pieces: the order has 2 of them"):
        desk.give(ProposedLine(line="set", sku="cup"))
    one = desk.give(of("set", sku="cup"))
    assert (one.amount, one.lines[0].sku) == (eur("10.00"), "cup")
    assert desk.give(of("set", sku="saucer", quantity=2), at=102).amount == eur("20.00")
    with pytest.raises(MoreThanLine):
        desk.give(of("set", sku="cup", amount="10.01"), at=103)


SHIPPED = bought("60", charges=(shipping("5"),))
WITHOUT_SHIPPING = edited(24, charges=())


def of_shipping(amount: str | None = None) -> dict[str, Any]:
    more = {"amount": eur(amount)} if amount is not None else {}
    return {"charges": (AdjustedCharge(kind=ChargeKind.SHIPPING, **more),)}


def test_a_charge_that_an_edit_removed_is_given_back_once() -> None:
    desk = Desk(SHIPPED, capture(1, "65", "cap"), WITHOUT_SHIPPING)
    with pytest.raises(MoreThanCharge):
        desk.give(**of_shipping("5.01"))
    assert desk.give(**of_shipping()).amount == eur("5.00")
    with pytest.raises(MoreThanCharge):
        desk.give(at=102, **of_shipping("1.00"))


def test_a_removed_charge_that_another_system_gave_back_is_not_given_again() -> None:
    named = refund(30, "5", "re", charges=(RefundedCharge(kind=ChargeKind.SHIPPING),))
    for told in (named, refund(30, "5", "re")):
        desk = Desk(SHIPPED, capture(1, "65", "cap"), WITHOUT_SHIPPING, told)
        with pytest.raises(MoreThanCharge, match="0 is left"):
            desk.give(**of_shipping("5.00"))


def test_a_charge_that_was_removed_before_the_capture_has_nothing_to_give() -> None:
    desk = Desk(SHIPPED, edited(0.5, charges=()), capture(1, "60", "cap"))
    with pytest.raises(MoreThanCharge, match="never paid"):
        desk.give(**of_shipping("5.00"))


def test_a_charge_that_the_order_never_had_is_refused_with_the_removed_ones() -> None:
    desk = Desk(SHIPPED, capture(1, "65", "cap"), WITHOUT_SHIPPING)
    tip = AdjustedCharge(kind=ChargeKind.TIP, amount=eur("1.00"))
    with pytest.raises(Invalid) as refused:
        desk.give(charges=(tip,))
    assert "name one of: shipping" in refused.value.faults[0].detail
