"""A resolution that says that something was done needs a record of it."""

from __future__ import annotations

import pytest
from msgspec import structs

from domain.adjustments.commands import ProposedLine
from domain.adjustments.kinds import AdjustmentKind as Kind
from domain.cases.errors import NotDoneYet
from domain.cases.exception_case import ExceptionCase
from domain.cases.reasons import ResolutionReason as Reason
from domain.cases.truthful import require_truthful
from domain.orders.order import Order
from domain.orders.payment_signals import RefundedPieces, RefundFailed
from domain.orders.purchase_signals import OrderCancelled
from domain.orders.relation_signals import OrderRelated, OrderRelation
from domain.orders.return_signals import ReturnReceived
from domain.orders.signals import Signal
from tests.application.flows import BEGINS, read_line, span
from tests.application.in_memory_service import InMemoryService
from tests.application.money_service import MoneyService
from tests.domain.money import eur
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
    lines = (ProposedLine(line="kettle", quantity=1),)
    one = service.approve(service.propose("900.00", Kind.REFUND, lines=lines), "finn")
    service.paid(service.execute(one, "fay"), "re_1")
    require(service, Reason.REFUNDED, "line:kettle")
    with pytest.raises(NotDoneYet, match="for line:cup"):
        require(service, Reason.REFUNDED, "line:kettle", "line:cup")


def test_a_refund_that_names_nothing_counts_for_every_part(service: MoneyService) -> None:
    service.take(refunded(6, "5.00", "EUR", order="o-1"), at=after(6))
    require(service, Reason.PARTIALLY_REFUNDED, "line:kettle", "line:cup")
    rest = refunded(7, "895.00", "EUR", order="o-1", id="rest")
    service.take(rest, at=after(8))
    require(service, Reason.REFUNDED, "line:kettle", "line:cup")


def test_a_part_of_what_a_line_cost_is_a_partial_refund(service: MoneyService) -> None:
    given = refunded(6, "5.00", "EUR", order="o-1")
    for n, named in enumerate(({}, {"lines": (RefundedPieces(line="kettle", quantity=1),)})):
        story = MoneyService("900.00")
        story.take(structs.replace(given, id=str(n), **named), at=after(6))
        require(story, Reason.PARTIALLY_REFUNDED, "line:kettle")
        require(story, Reason.REFUNDED)
        with pytest.raises(
            NotDoneYet, match=r"5.00 EUR were given back, and its pieces cost 900.00"
        ):
            require(story, Reason.REFUNDED, "line:kettle")


def test_a_partial_refund_of_ours_is_no_refund_of_the_line(service: MoneyService) -> None:
    lines = (ProposedLine(line="kettle", amount=eur("40.00")),)
    one = service.approve(service.propose("40.00", Kind.PARTIAL_REFUND, lines=lines), "tia")
    service.paid(service.execute(one, "fay"), "re_1")
    require(service, Reason.PARTIALLY_REFUNDED, "line:kettle")
    with pytest.raises(NotDoneYet, match="Resolve it as partially_refunded"):
        require(service, Reason.REFUNDED, "line:kettle")


def test_a_part_of_what_a_lost_parcel_held_is_a_partial_refund() -> None:
    some = {"3d psp refund.issued": {"amount": "5.00", "lines": ["1 of A"]}}
    case, order = lost_parcel(some)
    require_truthful(Reason.PARTIALLY_REFUNDED, case, order, ("parcel:P1",))
    with pytest.raises(NotDoneYet, match="for parcel:P1"):
        require_truthful(Reason.REFUNDED, case, order, ("parcel:P1",))
    rest = {"4d psp refund.issued": {"amount": "15.00"}}
    case, order = lost_parcel(some, rest)
    require_truthful(Reason.REFUNDED, case, order, ("parcel:P1",))


def test_a_return_that_was_given_back_less_its_fees_is_refunded() -> None:
    paid = {"1m psp payment.captured": {"amount": "50.00"}}
    came = {"3d dhl shipment.delivered": {"shipment": "P2"}}
    back = {
        "5d wms return.received": {
            "lines": ["1 of B"],
            "fees": [{"kind": "restocking", "amount": "5.00"}],
        }
    }
    given = {"6d psp refund.issued": {"amount": "25.00", "lines": ["1 of B"]}}
    case, order = lost_parcel(paid, came, back, given)
    require_truthful(Reason.REFUNDED, case, order, ("line:B",))
    less = {"6d psp refund.issued": {"amount": "15.00", "lines": ["1 of B"]}}
    case, order = lost_parcel(paid, came, back, less)
    with pytest.raises(NotDoneYet):
        require_truthful(Reason.REFUNDED, case, order, ("line:B",))


PARCELS: tuple[dict[str, dict[str, object]], ...] = (
    {
        "0m shop order.placed": {
            "tenders": [],
            "lines": [
                {"id": "A", "sku": "POT", "price": "20.00"},
                {"id": "B", "sku": "CUP", "price": "30.00"},
            ],
        }
    },
    {"1d wms shipment.handed_over": {"shipment": "P1", "lines": ["1 of A"]}},
    {"1d wms shipment.handed_over": {"shipment": "P2", "lines": ["1 of B"]}},
    {"2d dhl shipment.lost": {"shipment": "P1"}},
)


def lost_parcel(*later: dict[str, dict[str, object]]) -> tuple[ExceptionCase, Order]:
    """The case of a lost parcel whose pieces are known, which reached us after the other signals."""
    service = InMemoryService()
    signals = [read_line(n, one) for n, one in enumerate((*PARCELS, *later), 1)]
    service.take(*signals, at=BEGINS + span("9d"))
    return service.only_case("lost"), service.order("O-1")


@pytest.mark.parametrize(
    ("reason", "later"),
    [
        (Reason.REFUNDED, {"3d psp refund.issued": {"amount": "20.00", "lines": ["1 of A"]}}),
        (
            Reason.RESHIPPED,
            {"3d wms shipment.handed_over": {"shipment": "P3", "lines": ["1 of A"]}},
        ),
        (
            Reason.RESHIPPED,
            {"3d wms shipment.label_created": {"shipment": "P3", "lines": [{"sku": "POT"}]}},
        ),
        (Reason.CANCELLED, {"3d shop order.cancelled": {"lines": ["1 of A"]}}),
    ],
)
def test_what_was_done_for_the_lines_of_a_lost_parcel_shows_it(
    reason: Reason, later: dict[str, dict[str, object]]
) -> None:
    case, order = lost_parcel(later)
    require_truthful(reason, case, order, ("parcel:P1",))


@pytest.mark.parametrize(
    ("reason", "later"),
    [
        (Reason.REFUNDED, {"3d psp refund.issued": {"amount": "30.00", "lines": ["1 of B"]}}),
        (
            Reason.RESHIPPED,
            {"3d wms shipment.handed_over": {"shipment": "P3", "lines": ["1 of B"]}},
        ),
        (
            Reason.RESHIPPED,
            {"3d wms shipment.label_created": {"shipment": "P3", "lines": [{"sku": "CUP"}]}},
        ),
        (
            Reason.RESHIPPED,
            {"3d wms shipment.label_created": {"shipment": "P3", "direction": "back"}},
        ),
        (Reason.RESHIPPED, {"2d1h wms shipment.label_created": {"shipment": "P1"}}),
        (Reason.CANCELLED, {"3d shop order.cancelled": {"lines": ["1 of B"]}}),
    ],
)
def test_what_was_done_for_other_lines_does_not_show_it(
    reason: Reason, later: dict[str, dict[str, object]]
) -> None:
    case, order = lost_parcel(later)
    with pytest.raises(NotDoneYet, match="for parcel:P1"):
        require_truthful(reason, case, order, ("parcel:P1",))


def test_a_reshipment_whose_label_was_cancelled_is_none() -> None:
    label = {"3d wms shipment.label_created": {"shipment": "P3", "lines": ["1 of A"]}}
    dropped = {"3d1h wms shipment.cancelled": {"shipment": "P3"}}
    case, order = lost_parcel(label, dropped)
    with pytest.raises(NotDoneYet):
        require_truthful(Reason.RESHIPPED, case, order, ("parcel:P1",))
