"""Facts that everyday flows need: pickups, missing stock, second authorizations, parcels that came back."""

from __future__ import annotations

from domain.orders.facts import OrderFacts, facts_of
from domain.orders.signals import Signal
from tests.application.flows import BEGINS, read_line, span


def facts(*told: dict[str, dict[str, object]]) -> OrderFacts:
    """The facts of signals in the notation of `docs/flows.md`."""
    signals: list[Signal] = [read_line(number, one) for number, one in enumerate(told, 1)]
    return facts_of(signals)


PLACED = {
    "0m shop order.placed": {
        "tenders": ["card"],
        "lines": [{"id": "A", "price": "50.00"}, {"id": "B", "price": "40.00"}],
    }
}
OUT = {"1d wms shipment.handed_over": {"shipment": "P1"}}


def test_a_parcel_that_waits_to_be_collected_has_arrived() -> None:
    waits = {"2d dhl shipment.scanned": {"shipment": "P1", "status": "available_for_pickup"}}
    fetched = {"5d dhl shipment.delivered": {"shipment": "P1"}}
    (parcel,) = facts(PLACED, OUT, waits, fetched).parts.parcel
    assert (parcel.arrived_at, parcel.delivered_at) == (BEGINS + span("2d"), BEGINS + span("5d"))


def test_stock_is_all_unavailable_only_if_every_line_is() -> None:
    def missing(*lines: str) -> OrderFacts:
        return facts(PLACED, {"3h wms stock.unavailable": {"lines": [*lines]}})

    assert missing("1 of A").stock.all_unavailable_at is None
    assert missing("1 of A", "1 of B").stock.all_unavailable_at == BEGINS + span("3h")


def test_what_a_second_authorization_may_still_capture_is_not_underpaid() -> None:
    first = {"1m psp payment.captured": {"payment": "p1", "amount": "50.00"}}
    second = {"1d psp payment.authorized": {"payment": "p2", "amount": "40.00"}}
    assert facts(PLACED, first).payment.underpaid == 40
    assert facts(PLACED, first, second).payment.underpaid == 0


def test_a_refund_for_a_parcel_that_came_back_is_due_since_it_came_back() -> None:
    paid = {"1m psp payment.captured": {"payment": "p1", "amount": "90.00"}}
    turned = {"5d dhl shipment.scanned": {"shipment": "P1", "status": "return_to_sender"}}
    back = {"8d dhl shipment.delivered": {"shipment": "P1"}}
    refund = facts(PLACED, paid, OUT, turned, back).refund
    assert (refund.due, refund.due_since) == (90, BEGINS + span("8d"))


def test_a_cancellation_that_is_told_again_does_not_start_the_time_for_the_refund_again() -> None:
    paid = {"1m psp payment.captured": {"payment": "p1", "amount": "90.00"}}
    part = {"1h shop order.cancelled": {"lines": ["1 of A"]}}
    rest, again = {"2h shop order.cancelled": {}}, {"3d wms order.cancelled": {}}
    assert facts(PLACED, paid, part, again).refund.due_since == BEGINS + span("3d")
    refund = facts(PLACED, paid, part, rest, again).refund
    assert (refund.due, refund.due_since) == (90, BEGINS + span("2h"))


def test_an_edit_that_tells_the_same_again_does_not_start_the_time_for_the_refund_again() -> None:
    paid = {"1m psp payment.captured": {"payment": "p1", "amount": "90.00"}}
    lines = [{"id": "A", "price": "50.00"}]
    fewer = {"1h shop order.edited": {"lines": lines, "total": "50.00"}}
    same = {"2d shop order.edited": {"lines": lines, "total": "50.00"}}
    refund = facts(PLACED, paid, fewer, same).refund
    assert (refund.due, refund.due_since) == (40, BEGINS + span("1h"))
    no_total = {"50h shop order.edited": {"lines": lines}}
    assert facts(PLACED, paid, fewer, no_total).refund.due_since == BEGINS + span("1h")
    cheaper = {"3d shop order.edited": {"lines": [{"id": "A", "price": "45.00"}]}}
    refund = facts(PLACED, paid, fewer, same, cheaper).refund
    assert (refund.due, refund.due_since) == (45, BEGINS + span("3d"))


def test_a_statement_without_a_return_is_about_the_only_one() -> None:
    label = {"1d shop return.label_created": {"rma": "R1"}}
    received = {"2d wms return.received": {"lines": ["1 of A"]}}
    (one,) = facts(PLACED, label, received).parts.return_
    assert (one.id, one.received_at) == ("R1", BEGINS + span("2d"))


def test_an_edit_in_another_currency_changes_no_amounts_in_any_order_of_arrival() -> None:
    dear: dict[str, dict[str, object]] = {"1h shop order.edited": {"total": "99.00 USD"}}
    found = facts(PLACED, dear)
    assert (found.money.charge, found.money.currency) == (90, "EUR")
    assert [(one.signal, one.pointer) for one in found.goods.notices] == [
        ("shop/order.edited-2", "")
    ]
    assert facts(dear, PLACED).money.charge == 90
    whole = {"2h shop order.edited": {"lines": [{"id": "A", "price": "70.00 USD"}]}}
    found = facts(PLACED, dear, whole)
    assert (found.money.charge, found.money.currency) == (70, "USD")
