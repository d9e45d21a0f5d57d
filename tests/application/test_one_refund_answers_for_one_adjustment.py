"""What systems tell of refunds hides nothing that we gave: one refund answers for one adjustment, and no more."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from domain.adjustments.adjustment import Adjustment
from domain.adjustments.errors import MoreThanLine, MoreThanOrder, MoreThanPaid
from domain.adjustments.events import AdjustedLine, AdjustmentExecuted
from domain.adjustments.kinds import AdjustmentKind as Kind
from domain.errors import Invalid
from domain.money import to_positive
from domain.orders.payment_signals import (
    RefundedPieces,
    RefundFailed,
    RefundIssued,
    RefundRequested,
)
from tests.application.money_service import MoneyService, caller_with_roles
from tests.application.test_sums_over_identities import rulebook_with
from tests.application.two_cases import FIRST, SECOND, TwoCases
from tests.domain.signals import after, captured, line, money, placed, unavailable
from tests.domain.signals import signal_fields as fields

ELSEWHERE = (Kind.STORE_CREDIT, Kind.RESHIPMENT, Kind.WRITE_OFF)


@pytest.fixture
def service() -> MoneyService:
    return MoneyService("100.00", rulebook=rulebook_with(requires={}))


def give(
    service: MoneyService, amount: str, kind: Kind, reference: str | None = None, **more: Any
) -> Adjustment:
    one = service.approve(service.propose(amount, kind, **more), "omar")
    return service.execute(one, "fay", reference=reference)


def refused(service: MoneyService, amount: str = "0.01", at: float = 20) -> None:
    """Nothing more is left, in money or in anything else."""
    with pytest.raises((MoreThanOrder, MoreThanPaid)):
        service.propose(amount, Kind.WRITE_OFF, at=at)
    with pytest.raises((MoreThanOrder, MoreThanPaid)):
        service.propose(amount, Kind.PARTIAL_REFUND, at=at)


@pytest.mark.parametrize("first", ELSEWHERE)
@pytest.mark.parametrize("second", ELSEWHERE)
def test_a_reference_is_used_once_in_an_order(
    service: MoneyService, first: Kind, second: Kind
) -> None:
    give(service, "30.00", first, "sc-1")
    with pytest.raises(Invalid, match="/reference: sc-1 is the reference of another adjustment"):
        give(service, "30.00", second, "sc-1")
    give(service, "30.00", second, "sc-2")


def test_a_reference_is_used_once_in_all_cases_of_an_order() -> None:
    cases = TwoCases()
    cases.open_second("bo")
    one = cases.propose(FIRST, "ana", "20.00", Kind.WRITE_OFF)
    cases.approve(FIRST, "fay", one)
    cases.execute(FIRST, "fred", one, "w-1")
    two = cases.propose(SECOND, "bo", "20.00", Kind.STORE_CREDIT, at=8)
    cases.approve(SECOND, "fay", two, 9)
    with pytest.raises(Invalid, match="w-1 is the reference of another adjustment"):
        cases.execute(SECOND, "fred", two, "w-1", 10)


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_the_id_of_a_refund_by_another_system_is_no_reference(
    service: MoneyService, kind: Kind
) -> None:
    service.told_elsewhere("o-1", "50.00", 4, refund="re_9")
    with pytest.raises(Invalid, match="re_9 is the reference of another adjustment or refund"):
        give(service, "50.00", kind, "re_9")


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_references_that_were_used_twice_in_the_past_count_twice(
    service: MoneyService, kind: Kind
) -> None:
    for _ in range(2):
        one = service.approve(service.propose("50.00", kind), "omar")
        service.paid(one, "sc-1")
    refused(service)


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_a_refund_that_is_told_later_under_the_same_reference_is_another_one(
    service: MoneyService, kind: Kind
) -> None:
    give(service, "50.00", kind, "re_9")
    service.told_elsewhere("o-1", "50.00", 8, refund="re_9")
    refused(service)
    service.buy("o-2", "5000.00")
    assert service.propose("10.00", order="o-2", at=9).requirement.of_customer == "110.00"


def test_a_system_that_repeats_our_store_credit_counts_it_once(service: MoneyService) -> None:
    give(service, "50.00", Kind.STORE_CREDIT, "sc-1")
    service.told_elsewhere("o-1", "50.00", 8, refund="sc-1", tender="store_credit")
    service.propose("50.00", Kind.WRITE_OFF, at=9)
    refused(service)


def told(kind: type[Any], amount: str, **more: Any) -> Any:
    more = {"payment": "captured-o-1", "refund": "re_1", **more}
    return kind(amount=money(amount, "EUR"), **more, **fields(9, "told", order="o-1"))


@pytest.mark.parametrize(
    "statement",
    [
        told(RefundIssued, "1.00"),
        told(RefundIssued, "1.00", payment="another"),
        told(RefundIssued, "100.00", payment="another"),
        told(RefundRequested, "1.00"),
        told(RefundFailed, "100.00"),
        structs.replace(told(RefundIssued, "1.00", cumulative=True), refund="re_2"),
        structs.replace(told(RefundIssued, "1.00"), replaces="casetrail/adjustment"),
    ],
)
def test_no_other_system_lowers_what_we_paid(service: MoneyService, statement: Any) -> None:
    one = give(service, "100.00", Kind.PARTIAL_REFUND)
    service.paid(one, "re_1")
    if getattr(statement, "replaces", None) == "casetrail/adjustment":
        statement = structs.replace(statement, replaces=f"adjustment:{one.id}")
    service.take(statement, at=after(9))
    refused(service)


def test_a_failure_that_the_provider_itself_tells_makes_room(service: MoneyService) -> None:
    service.paid(give(service, "100.00", Kind.PARTIAL_REFUND), "re_1")
    service.take(structs.replace(told(RefundFailed, "100.00"), source="local"), at=after(9))
    service.propose("100.00", at=10)


def test_a_refund_that_is_told_of_another_line_opens_ours_to_nobody() -> None:
    service = MoneyService(None)
    lines = (line("60.00", "EUR", id="kettle"), line("40.00", "EUR", id="cup"))
    service.take(
        placed(0, lines=lines, order="o-1"),
        captured(1, "100.00", "EUR", order="o-1"),
        unavailable(2, order="o-1"),
        at=after(3),
    )
    case = service.of()
    service.desk.claim(case.id, case.version, caller_with_roles("ana", after(4)))
    kettle = (AdjustedLine(line="kettle"),)
    service.paid(give(service, "60.00", Kind.PARTIAL_REFUND, lines=kettle), "re_1")
    other = told(RefundIssued, "60.00", lines=(RefundedPieces(line="cup", quantity=1),))
    service.take(structs.replace(other, payment="captured"), at=after(9))
    with pytest.raises(MoreThanLine):
        service.propose("40.00", Kind.WRITE_OFF, lines=kettle, at=10)


def test_a_refund_that_is_told_of_another_payment_makes_no_room_in_ours() -> None:
    service = MoneyService(None)
    halves = [captured(1, "50.00", "EUR", id=id, payment=id, order="o-1") for id in ("p1", "p2")]
    whole = (line("100.00", "EUR"),)
    service.take(
        placed(0, lines=whole, order="o-1"), *halves, unavailable(2, order="o-1"), at=after(3)
    )
    case = service.of()
    service.desk.claim(case.id, case.version, caller_with_roles("ana", after(4)))
    service.paid(give(service, "50.00", Kind.PARTIAL_REFUND, payment="p1"), "re_1")
    earlier = structs.replace(told(RefundIssued, "50.00", payment="p2"), event_time=after(7))
    service.take(earlier, at=after(9))
    with pytest.raises(MoreThanPaid):
        service.propose("50.00", payment="p1", at=10)


def test_one_told_refund_of_no_payment_answers_for_no_write_off() -> None:
    service = MoneyService(None)
    halves = [captured(1, "50.00", "EUR", id=id, payment=id, order="o-1") for id in ("p1", "p2")]
    whole = (line("100.00", "EUR"),)
    service.take(
        placed(0, lines=whole, order="o-1"), *halves, unavailable(2, order="o-1"), at=after(3)
    )
    case = service.of()
    service.desk.claim(case.id, case.version, caller_with_roles("ana", after(4)))
    for reference in ("w-1", "w-2"):
        give(service, "30.00", Kind.WRITE_OFF, reference)
    service.told_elsewhere("o-1", "30.00", 8, refund="re_9")
    with pytest.raises(MoreThanOrder):
        service.propose("10.01", Kind.WRITE_OFF, at=9)
    service.propose("10.00", Kind.WRITE_OFF, at=9)


def test_one_told_refund_without_an_id_answers_for_one_refund_of_an_earlier_version(
    service: MoneyService,
) -> None:
    """Two equal refunds were paid before there were statements of our own; one was told."""
    for reference in ("re_1", "re_2"):
        one = service.execute(service.approve(service.propose("30.00"), "tia"), "fay")
        service.record_outcome(_executed(one, reference), "o-1", 8)
    service.told_elsewhere("o-1", "30.00", 8, payment="captured-o-1")
    with pytest.raises(MoreThanPaid):
        service.propose("40.01", at=9)
    service.propose("40.00", at=9)


def _executed(one: Adjustment, reference: str) -> Any:
    return AdjustmentExecuted(
        adjustment=one.id, provider="local", reference=reference, amount=to_positive(one.amount)
    )


def test_a_reference_in_another_order_hides_no_refund_from_the_customers_sum(
    service: MoneyService,
) -> None:
    service.told_elsewhere("o-1", "50.00", 5, refund="re_9")
    service.buy("o-2", "5000.00")
    one = service.approve(service.propose("40.00", order="o-2"), "omar", order="o-2")
    service.paid(service.execute(one, "fay", order="o-2"), "re_9", "o-2")
    assert service.propose("10.00", order="o-2", at=9).requirement.of_customer == "100.00"


def test_what_the_provider_paid_beyond_our_order_counts_in_the_sums(service: MoneyService) -> None:
    service.paid(give(service, "10.00", Kind.PARTIAL_REFUND), "re_1")
    service.take(told(RefundIssued, "70.00"), at=after(9))
    assert service.propose("5.00", at=10).requirement.of_order == "75.00"
