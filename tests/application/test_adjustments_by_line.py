"""Adjustments of lines, charges and amounts: nothing is given twice, by us or by another system."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from domain.adjustments.adjustment import Adjustment
from domain.adjustments.adjustment import AdjustmentState as State
from domain.adjustments.commands import ProposeAdjustment, ProposedLine
from domain.adjustments.errors import MoreThanCharge, MoreThanLine, MoreThanPaid, NoPaymentToRefund
from domain.adjustments.events import AdjustedCharge, AdjustedLine
from domain.adjustments.kinds import AdjustmentKind as Kind
from domain.adjustments.kinds import AdjustmentReason
from domain.cases.evidence import Evidence, EvidenceType
from domain.errors import Invalid
from domain.money import PositiveMoney
from domain.orders.payment_signals import (
    DisputeOpened,
    RefundedCharge,
    RefundedPieces,
    RefundFailed,
)
from domain.orders.purchase_signals import Charge, ChargeKind
from domain.orders.signals import Signal
from tests.application.money_service import MoneyService, caller_with_roles
from tests.domain.money import eur
from tests.domain.signals import after, captured, line, placed, refunded, signal_fields, unavailable


class Shop(MoneyService):
    """An order of 3 kettles at 30 EUR, a cup at 10 and 5 shipping; `captured_as` is what was captured."""

    def __init__(self, *captures: Signal, **more: Any) -> None:
        super().__init__(price=None, **more)
        lines = (line("30.00", "EUR", quantity=3), structs.replace(line("10.00", "EUR"), sku="cup"))
        order = placed(
            0, lines=lines, charges=(Charge(kind=ChargeKind.SHIPPING, amount=eur("5.00")),)
        )
        self.take(
            order, *(captures or (captured(1, "105.00", "EUR"),)), unavailable(2), at=after(3)
        )
        case = self.of()
        self.desk.claim(case.id, case.version, caller_with_roles("ana", after(4)))

    def give(self, kind: Kind = Kind.PARTIAL_REFUND, at: float = 5, **more: Any) -> Adjustment:
        case = self.of()
        if isinstance(more.get("amount"), str):
            more["amount"] = eur(more["amount"])
        ask = ProposeAdjustment(kind=kind, reason=AdjustmentReason.NOT_RECEIVED, **more)
        by = caller_with_roles("ana", after(at))
        return self.money.propose(case.id, case.version, ask, by).case.adjustments.items[-1]

    def told(self, amount: str, hours: float = 6, id: str = "refunded", **more: Any) -> None:
        self.take(refunded(hours, amount, "EUR", id, **more), at=after(hours))


def kettles(quantity: int, **more: Any) -> tuple[ProposedLine, ...]:
    return (ProposedLine(sku="kettle", quantity=quantity, **more),)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_the_amount_follows_from_lines_and_charges(shop: Shop) -> None:
    one = shop.give(lines=kettles(2), charges=(AdjustedCharge(kind=ChargeKind.SHIPPING),))
    assert one.amount == eur("65.00")
    assert one.lines == (
        AdjustedLine(line="kettle", sku="kettle", quantity=2, amount=eur("60.00")),
    )
    assert one.charges == (AdjustedCharge(kind=ChargeKind.SHIPPING, amount=eur("5.00")),)
    rest = shop.give(lines=kettles(1), at=6)
    assert rest.amount == eur("30.00")


@pytest.mark.parametrize("kind", [Kind.PARTIAL_REFUND, Kind.PRICE_ADJUSTMENT, Kind.STORE_CREDIT])
@pytest.mark.parametrize("name", [{"sku": "kettle"}, {"line": "kettle"}])
def test_a_line_of_several_pieces_needs_its_quantity(
    shop: Shop, kind: Kind, name: dict[str, str]
) -> None:
    lines = (ProposedLine(sku="cup"), ProposedLine(**name, amount=eur("3.00")))
    with pytest.raises(Invalid) as refused:
        shop.give(kind, lines=lines)
    (fault,) = refused.value.faults
    assert (fault.pointer, fault.detail) == (
        "/lines/1/quantity",
        "say for how many pieces: the order has 3 of them",
    )
    one = shop.give(kind, lines=(lines[0], structs.replace(lines[1], quantity=1)))
    assert [line.quantity for line in one.lines] == [1, 1]


def test_no_piece_is_given_twice(shop: Shop) -> None:
    shop.give(lines=kettles(2))
    with pytest.raises(MoreThanLine) as refused:
        shop.give(lines=kettles(2), at=6)
    facts = refused.value.facts
    assert (facts["pieces"], facts["given_pieces"], facts["left"]) == (3, 2, "30.00")


def test_no_line_is_given_above_its_value(shop: Shop) -> None:
    with pytest.raises(MoreThanLine):
        shop.give(lines=kettles(1, amount=eur("90.01")))
    shop.give(lines=kettles(1, amount=eur("80.00")))
    with pytest.raises(MoreThanLine):
        shop.give(lines=kettles(1, amount=eur("10.01")), at=6)


def test_no_charge_is_given_above_itself(shop: Shop) -> None:
    shipping = (AdjustedCharge(kind=ChargeKind.SHIPPING, amount=eur("3.00")),)
    shop.give(charges=shipping)
    with pytest.raises(MoreThanCharge) as refused:
        shop.give(charges=shipping, at=6)
    assert refused.value.facts["left"] == "2.00"


def test_a_charge_or_line_that_is_named_twice_gives_no_more_than_it_has(shop: Shop) -> None:
    shipping = AdjustedCharge(kind=ChargeKind.SHIPPING)
    with pytest.raises(MoreThanCharge) as refused:
        shop.give(charges=(shipping, shipping))
    assert refused.value.facts["left"] == "5.00"
    with pytest.raises(MoreThanLine):
        shop.give(lines=(*kettles(2), *kettles(2)))
    with pytest.raises(MoreThanLine):
        shop.give(Kind.PRICE_ADJUSTMENT, lines=kettles(9, amount=eur("1.00")))


def test_an_adjustment_is_for_parts_of_its_case(shop: Shop) -> None:
    with pytest.raises(Invalid) as refused:
        shop.give(lines=kettles(1), parts=("parcel:P9",))
    assert [fault.pointer for fault in refused.value.faults] == ["/parts/0"]


def test_a_told_refund_of_a_line_counts(shop: Shop) -> None:
    pieces = RefundedPieces(line="kettle", quantity=2, amount=eur("60.00"))
    shop.told("60.00", lines=(pieces,))
    with pytest.raises(MoreThanLine):
        shop.give(lines=kettles(2), at=7)
    assert shop.give(lines=kettles(1), at=7).amount == eur("30.00")


def test_a_told_refund_of_a_charge_counts(shop: Shop) -> None:
    charge = RefundedCharge(kind=ChargeKind.SHIPPING, amount=eur("4.00"))
    shop.told("4.00", charges=(charge,))
    assert shop.give(charges=(AdjustedCharge(kind=ChargeKind.SHIPPING),), at=7).amount == eur(
        "1.00"
    )


@pytest.mark.parametrize("kind", [Kind.RESHIPMENT, Kind.STORE_CREDIT, Kind.WRITE_OFF])
def test_a_piece_that_was_made_good_otherwise_is_not_refunded(shop: Shop, kind: Kind) -> None:
    case = shop.of()
    evidence = Evidence(ref="dhl/lost-1", type=EvidenceType.CARRIER_STATEMENT)
    shop.desk.attach(case.id, case.version, evidence, caller_with_roles("ana", after(4.5)))
    shop.give(kind, lines=kettles(3), evidence=("dhl/lost-1",))
    with pytest.raises(MoreThanLine):
        shop.give(lines=kettles(1, amount=eur("1.00")), at=6)


def test_a_price_adjustment_leaves_the_piece_and_takes_of_its_value(shop: Shop) -> None:
    shop.give(Kind.PRICE_ADJUSTMENT, lines=kettles(3, amount=eur("15.00")))
    assert shop.give(lines=kettles(3), at=6).amount == eur("75.00")


def test_goodwill_is_a_bare_amount(shop: Shop) -> None:
    with pytest.raises(Invalid, match="is a bare amount"):
        shop.give(Kind.APPEASEMENT, lines=kettles(1))
    assert shop.give(Kind.APPEASEMENT, amount="5.00").amount == eur("5.00")


def test_a_bare_amount_is_never_above_what_is_left_of_the_payment(shop: Shop) -> None:
    shop.told("60.00", payment="captured")
    opened = DisputeOpened(payment="captured", amount=eur("20.00"), **signal_fields(6, "dispute"))
    shop.take(opened, at=after(6))
    shop.give(amount="15.00", at=7)
    with pytest.raises(MoreThanPaid) as refused:
        shop.give(amount="10.01", at=8)
    figures = {name: refused.value.facts[name] for name in ("captured", "given_back", "left")}
    assert figures == {"captured": "105.00", "given_back": "60.00", "left": "10.00"}
    assert (refused.value.facts["disputed"], refused.value.facts["reserved"]) == ("20.00", "15.00")


def test_what_is_not_known_is_named(shop: Shop) -> None:
    with pytest.raises(Invalid) as invalid:
        shop.give(
            lines=(ProposedLine(line="pan"), ProposedLine(sku="lid")),
            charges=(AdjustedCharge(kind=ChargeKind.TIP),),
        )
    assert [fault.pointer for fault in invalid.value.faults] == [
        "/lines/0/line",
        "/lines/1/sku",
        "/charges/0",
    ]
    with pytest.raises(Invalid, match="give an amount"):
        shop.give()
    with pytest.raises(Invalid, match=r"add up to 30\.00"):
        shop.give(lines=kettles(1), amount="31.00")
    with pytest.raises(Invalid, match="not the key of a part"):
        shop.give(lines=kettles(1), parts=("P1",))


def test_a_product_that_several_lines_have_is_taken_in_their_order() -> None:
    shop = Shop()
    lines = (line("30.00", "EUR", id="a"), line("20.00", "EUR", id="b", quantity=2))
    order = placed(0, "o-2", order="o-2", lines=lines)
    shop.take(order, captured(1, "70.00", "EUR", "c-2", order="o-2"), at=after(3))
    shop.take(structs.replace(unavailable(2), order="o-2"), at=after(3))
    case = shop.of("o-2")
    case = shop.desk.claim(case.id, case.version, caller_with_roles("ana", after(4))).case
    ask = ProposeAdjustment(
        kind=Kind.REFUND, reason=AdjustmentReason.NOT_RECEIVED, lines=kettles(2)
    )
    done = shop.money.propose(case.id, case.version, ask, caller_with_roles("ana", after(5)))
    one = done.case.adjustments.items[-1]
    assert [(given.line, given.quantity) for given in one.lines] == [("a", 1), ("b", 1)]
    assert one.amount == eur("50.00")


def test_the_only_payment_with_money_left_is_refunded() -> None:
    shop = Shop(captured(1, "100.00", "EUR", "card"), captured(1, "5.00", "EUR", "voucher"))
    with pytest.raises(NoPaymentToRefund) as unclear:
        shop.give(amount="5.00")
    assert unclear.value.facts["left"] == {"card": "100.00", "voucher": "5.00"}
    shop.told("5.00", payment="voucher")
    assert shop.give(amount="5.00", at=7).payment == "card"


def test_a_payment_in_another_currency_is_refunded_in_it_or_by_its_own_rate() -> None:
    in_dollars = captured(
        1, "126.00", "USD", "pay_1", payment="pay_1", settles=PositiveMoney("105.00", "EUR")
    )
    shop = Shop(in_dollars)
    one = shop.give(lines=kettles(1))
    assert (one.amount, one.settles) == (PositiveMoney("36.00", "USD"), eur("30.00"))
    two = shop.give(amount=PositiveMoney("10.00", "USD"), at=6)
    assert two.amount == PositiveMoney("10.00", "USD")
    with pytest.raises(MoreThanPaid):
        shop.give(amount=PositiveMoney("80.01", "USD"), at=7)
    with pytest.raises(Invalid, match="must be USD, as the payment is, or EUR, as the order is"):
        shop.give(amount=PositiveMoney("1.00", "GBP"), at=7)


def test_our_own_refund_that_is_told_again_counts_once_and_lapses_nothing(shop: Shop) -> None:
    one = shop.execute(shop.approve(shop.give(lines=kettles(2)), "tia"), "fay")
    two = shop.give(amount="10.00", at=7)
    shop.paid(one, "re_1")
    shop.told("60.00", 9, "webhook", payment="captured", refund="re_1")
    assert shop.of().adjustments.get(two.id).state is State.PROPOSED
    three = shop.give(lines=kettles(1), at=10)
    assert three.amount == eur("30.00")
    with pytest.raises(MoreThanPaid):
        shop.give(amount="5.01", at=11)
    assert three.requirement.of_order == "100.00"


def test_refunds_by_others_count_in_the_approval_bands(shop: Shop) -> None:
    shop.told("40.00", payment="captured")
    assert shop.give(amount="10.00", at=7).requirement.counted == "50.00"


def test_a_refund_that_failed_is_owed_again(shop: Shop) -> None:
    one = shop.execute(shop.approve(shop.give(lines=kettles(3)), "tia"), "fay")
    shop.paid(one, "re_1")
    failed = RefundFailed(
        amount=eur("90.00"),
        payment="captured",
        refund="re_1",
        **signal_fields(9, "failed", source="local"),
    )
    shop.take(failed, at=after(9))
    assert shop.give(lines=kettles(3), at=10).amount == eur("90.00")


def test_money_that_was_disputed_after_the_approval_is_not_paid_out(shop: Shop) -> None:
    one = shop.give(amount="40.00")
    shop.approve(one, "tia", 6)
    opened = DisputeOpened(payment="captured", amount=eur("70.00"), **signal_fields(7, "dispute"))
    shop.take(opened, at=after(7))
    with pytest.raises(MoreThanPaid) as refused:
        shop.execute(one, "fay", 8)
    assert (refused.value.facts["disputed"], refused.value.facts["left"]) == ("70.00", "35.00")
