"""A resolution that says that something was done needs a record of it."""

from __future__ import annotations

import pytest
from msgspec import structs

from domain.adjustments.events import AdjustedLine
from domain.adjustments.kinds import AdjustmentKind as Kind
from domain.cases.errors import NotDoneYet
from domain.cases.reasons import ResolutionReason as Reason
from domain.cases.truthful import require_truthful
from domain.orders.payment_signals import RefundFailed
from domain.orders.purchase_signals import OrderCancelled, OrderRelated, OrderRelation
from domain.orders.return_signals import ReturnReceived
from domain.orders.signals import Signal
from tests.application.money_service import MoneyService
from tests.domain.signals import after, handed_over, money, refunded, signal_fields

NEEDING = (
    *(Reason.REFUNDED, Reason.PARTIALLY_REFUNDED, Reason.APPEASED, Reason.RESHIPPED),
    *(Reason.STORE_CREDIT, Reason.CANCELLED, Reason.RETURNED),
)


@pytest.fixture
def service() -> MoneyService:
    return MoneyService("900.00")


def require(service: MoneyService, reason: Reason, *parts: str) -> None:
    require_truthful(reason, service.of(), service.order("o-1"), parts)


@pytest.mark.parametrize("reason", NEEDING)
def test_nothing_was_done(service: MoneyService, reason: Reason) -> None:
    with pytest.raises(NotDoneYet) as refused:
        require(service, reason)
    assert refused.value.facts["reason"] == reason.value
    with pytest.raises(NotDoneYet):
        require_truthful(reason, service.of(), None)


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in NEEDING])
def test_other_reasons_need_no_record(service: MoneyService, reason: Reason) -> None:
    require(service, reason)


@pytest.mark.parametrize(
    ("reason", "signal"),
    [
        (Reason.REFUNDED, refunded(6, "900.00", "EUR")),
        (Reason.PARTIALLY_REFUNDED, refunded(6, "5.00", "EUR")),
        (Reason.APPEASED, refunded(6, "5.00", "EUR")),
        (Reason.STORE_CREDIT, refunded(6, "5.00", "EUR", tender="store_credit")),
        (Reason.CANCELLED, OrderCancelled(**signal_fields(6, "cancelled"))),
        (Reason.RETURNED, ReturnReceived(**signal_fields(6, "returned"))),
        (Reason.RESHIPPED, handed_over(6)),
        (
            Reason.RESHIPPED,
            OrderRelated(
                other="o-9", relation=OrderRelation.REPLACEMENT_OF, **signal_fields(6, "related")
            ),
        ),
    ],
)
def test_a_statement_of_another_system_shows_it(
    service: MoneyService, reason: Reason, signal: Signal
) -> None:
    service.take(structs.replace(signal, order="o-1"), at=after(6))
    require(service, reason)


def test_a_proposed_refund_is_no_refund_and_a_failed_one_is_none_either(
    service: MoneyService,
) -> None:
    one = service.approve(service.propose("40.00", Kind.REFUND), "tia")
    with pytest.raises(NotDoneYet):
        require(service, Reason.REFUNDED)
    service.paid(service.execute(one, "fay"), "re_1")
    require(service, Reason.REFUNDED)
    failed = RefundFailed(
        amount=money("40.00", "EUR"), refund="re_1", **signal_fields(9, "failed", order="o-1")
    )
    service.take(failed, at=after(9))
    with pytest.raises(NotDoneYet):
        require(service, Reason.REFUNDED)


def test_a_refund_that_names_a_line_or_part_counts_for_it_alone(service: MoneyService) -> None:
    lines = (AdjustedLine(line="kettle", quantity=1),)
    one = service.approve(service.propose("900.00", Kind.REFUND, lines=lines), "finn")
    service.paid(service.execute(one, "fay"), "re_1")
    require(service, Reason.REFUNDED, "line:kettle")
    with pytest.raises(NotDoneYet, match="for line:cup"):
        require(service, Reason.REFUNDED, "line:kettle", "line:cup")


def test_a_refund_that_names_nothing_counts_for_every_part(service: MoneyService) -> None:
    service.take(refunded(6, "5.00", "EUR", order="o-1"), at=after(6))
    require(service, Reason.REFUNDED, "line:kettle", "line:cup")
