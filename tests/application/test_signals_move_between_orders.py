"""Signals without their order are where their references lead by now, not where they led on arrival."""

from __future__ import annotations

from msgspec import structs

from application.log.recorder import ReferenceRow
from domain.orders.held_signals import held_name
from domain.orders.order import order_stream
from domain.orders.references import HeldReason
from domain.orders.shipment_signals import ShipmentLost
from domain.orders.signal_body import OWN_SOURCE, Promise, Refs, order_key
from domain.orders.signals import Signal
from domain.orders.standing import standing
from tests.application.in_memory_service import SHIPPED_RULEBOOK, InMemoryService
from tests.application.test_signals_find_their_order import (
    REPORTING,
    label,
    outcomes,
    parcel,
    referring,
)
from tests.domain.signals import (
    LAST_DAY,
    after,
    approved,
    captured,
    delivered,
    placed,
    scanned,
    signal_fields,
    taken_back,
)

DAY = 24


def counting(service: InMemoryService, key: str = "o-1") -> list[str]:
    """The statements of others that count in the order."""
    order = service.orders.refreshed([order_stream(key)]).get(order_stream(key))
    signals = standing(order.signals.values()) if order is not None else []
    return sorted(one.key for one in signals if one.source != OWN_SOURCE)


def is_waiting(service: InMemoryService, signal: Signal) -> HeldReason | None:
    """Why the signal is held, if it is."""
    held = service.intake.held.load([held_name(signal)]).get(held_name(signal))
    return held.why if held is not None and not held.joined else None


def test_a_scan_between_the_labels_of_two_orders_is_told_to_both() -> None:
    service = InMemoryService()
    scan = referring(delivered(20), tracking=parcel("J1"))
    service.take(label("o-1", "J1", 10), at=after(21))
    assert outcomes(service, scan, at=22) == ["recorded"]
    service.take(label("o-2", "J1", 11), at=after(23))
    for key in ("o-1", "o-2"):
        assert "test/delivered" in counting(service, key)
        stream = order_stream(key)
        found = service.orders.refreshed([stream])[stream].signals["test/delivered"]
        assert (found.event_time, found.refs) == (after(20), scan.refs)
    assert outcomes(service, scan, at=24) == ["duplicate"]


def test_a_scan_of_a_code_that_was_used_again_moves_to_the_order_of_the_newer_label() -> None:
    service = InMemoryService()
    lost = ShipmentLost(**signal_fields(50 * DAY, "lost"), tracking="J1")
    at = 50 * DAY + 1
    service.take(placed(), label("o-1", "J1", 10), at=after(11))
    service.take(referring(lost, tracking=parcel("J1")), at=after(at))
    assert service.only_case("lost").order == "o-1"
    service.take(label("o-2", "J1", 49 * DAY), at=after(at + 1))
    assert "test/lost" in counting(service, "o-2")
    assert "test/lost" not in counting(service, "o-1")
    states = {case.order: case for case in service.found() if case.kind == "lost"}
    assert states["o-1"].cleared or states["o-1"].is_resolved
    assert states["o-2"].state == "open"
    (line,) = [
        line
        for line in service.log.trail(order_stream("o-1"))
        if getattr(getattr(line.event, "signal", None), "source", "") == OWN_SOURCE
    ]
    assert (line.actor.principal, line.recorded_at) == ("system:policy", after(at + 1))
    assert (line.event.signal.of_source, line.event.signal.of) == ("test", "lost")
    assert line.event.signal.reason == "its references lead to o-2"


def test_a_reference_that_a_second_shop_names_within_a_day_is_ambiguous_after_all() -> None:
    service = InMemoryService()
    pay = referring(captured(3), order_number="#1")
    service.take(placed(shop="fr", refs=Refs(order_number="#1")), at=after(4))
    assert outcomes(service, pay, at=5) == ["recorded"]
    service.take(placed(2, shop="de", refs=Refs(order_number="#1")), at=after(6))
    assert is_waiting(service, pay) is HeldReason.AMBIGUOUS
    assert counting(service, order_key("o-1", "fr")) == ["test/placed"]
    assert outcomes(service, pay, at=7) == ["held"]


def test_a_reference_that_another_order_names_days_later_is_another_use() -> None:
    service = InMemoryService()
    service.take(placed(shop="fr", refs=Refs(order_number="#1")), at=after(4))
    service.take(referring(captured(3), order_number="#1"), at=after(5))
    service.take(placed(30, shop="de", refs=Refs(order_number="#1")), at=after(31))
    assert "test/captured" in counting(service, order_key("o-1", "fr"))


def test_an_ambiguous_signal_joins_once_one_of_the_statements_is_taken_back() -> None:
    service = InMemoryService()
    pay = referring(captured(3), payment="pi_1")
    service.take(approved(payment="pi_1"), approved(order="o-2", payment="pi_1"), at=after(4))
    assert outcomes(service, pay) == ["held"]
    service.take(taken_back(5, "approved", order="o-2"), at=after(6))
    assert "test/captured" in counting(service)
    assert is_waiting(service, pay) is None


def test_an_ambiguous_signal_joins_once_a_more_precise_reference_is_known() -> None:
    service = InMemoryService()
    pay = referring(captured(3), order_number="#1", payment="pi_1")
    for key in ("o-1", "o-2"):
        service.take(placed(order=key, refs=Refs(order_number="#1")), at=after(4))
    assert outcomes(service, pay) == ["held"]
    service.take(approved(order="o-2", payment="pi_1"), at=after(6))
    assert "test/captured" in counting(service, "o-2")


def test_what_a_replaced_statement_taught_leads_nowhere_and_its_replacement_does() -> None:
    service = InMemoryService()
    scan = referring(scanned(20), tracking=parcel("J2"))
    service.take(label("o-1", "J2", 10), at=after(21))
    assert outcomes(service, scan, at=22) == ["recorded"]
    right = structs.replace(label("o-1", "J1", 10), id="right", replaces="label-10")
    service.take(right, at=after(23))
    assert counting(service) == ["wms/right"]
    assert is_waiting(service, scan) is HeldReason.UNKNOWN
    service.take(label("o-2", "J2", 11), at=after(24))
    assert "test/scanned" in counting(service, "o-2")
    again = structs.replace(label("o-1", "J2", 12), id="again")
    service.take(again, at=after(25))
    assert "test/scanned" in counting(service)


def test_a_signal_may_return_to_an_order_that_it_was_taken_out_of() -> None:
    service = InMemoryService()
    scan = referring(scanned(20), tracking=parcel("J1"))
    service.take(label("o-1", "J1", 10), at=after(21))
    service.take(scan, at=after(22))
    for n in range(3):
        back = taken_back(23, f"label-{10 if n == 0 else 10 + n}", f"back-{n}", source="wms")
        service.take(back, at=after(23 + n))
        assert is_waiting(service, scan) is HeldReason.UNKNOWN
        service.take(label("o-1", "J1", 11 + n), at=after(23.5 + n))
        assert "test/scanned" in counting(service)


def test_a_retraction_that_only_the_retracted_statement_leads_to_its_order_stays_there() -> None:
    service = InMemoryService()
    service.take(placed(), approved(payment="pi_1"), at=after(3))
    wrong = referring(taken_back(4, "approved"), payment="pi_1")
    assert outcomes(service, wrong) == ["recorded"]
    assert counting(service) == ["test/placed", "test/taken-back"]
    assert outcomes(service, wrong, at=6) == ["duplicate"]


def test_a_found_signal_that_comes_again_with_its_order_is_of_that_order() -> None:
    service = InMemoryService()
    pay = captured(3, refs=Refs(payment="pi_1"))
    service.take(approved(payment="pi_1"), at=after(2))
    service.take(structs.replace(pay, order=""), at=after(4))
    service.take(structs.replace(pay, order="o-2"), at=after(5))
    assert counting(service, "o-2") == ["test/captured"]
    assert counting(service) == ["test/approved"]


def test_the_reason_of_a_held_signal_is_the_one_of_now() -> None:
    service = InMemoryService()
    pay = referring(captured(3), payment="pi_1")
    assert outcomes(service, pay, at=4) == ["held"]
    assert is_waiting(service, pay) is HeldReason.UNKNOWN
    service.take(approved(payment="pi_1"), approved(order="o-2", payment="pi_1"), at=after(5))
    assert is_waiting(service, pay) is HeldReason.AMBIGUOUS


def test_a_signal_that_is_held_again_for_too_long_has_a_second_case() -> None:
    service = InMemoryService(REPORTING)
    pay = referring(captured(3), payment="pi_1")
    service.take(pay, at=after(4))
    service.timekeeper.tick_due(after(40))
    service.take(approved(39, payment="pi_1"), at=after(41))
    service.take(taken_back(41, "approved"), at=after(42))
    service.timekeeper.tick_due(after(43))
    service.timekeeper.tick_due(after(70))
    cases = [case for case in service.found() if case.kind == "unmatched_signal"]
    assert [(case.occurrence, case.is_resolved) for case in cases] == [(1, True), (2, False)]


def test_the_timekeeper_tells_an_order_what_a_process_left_behind() -> None:
    """The process died after it recorded the second label, and before it looked at earlier scans."""
    service = InMemoryService(SHIPPED_RULEBOOK)
    promise = Promise(delivery_date=LAST_DAY)
    for key in ("o-1", "o-2"):
        paid = captured(1, order=key, payment=f"pi_{key}")
        service.take(placed(order=key, promise=promise), paid, at=after(2))
    service.take(label("o-1", "J1", 20), at=after(21))
    service.take(referring(delivered(60), tracking=parcel("J1")), at=after(61))
    dying = service.another_process()
    dying.intake.held.join_taught = lambda *_: []  # type: ignore[method-assign]
    dying.take(label("o-2", "J1", 21), at=after(62))
    assert "test/delivered" not in counting(service, "o-2")
    service.tick(after(400))
    assert "test/delivered" in counting(service, "o-2")
    late = [case for case in service.found() if case.kind == "delivery_late"]
    assert [(case.order, case.is_resolved) for case in late] == [("o-2", True)]


def test_orders_without_references_ask_for_none() -> None:
    service = InMemoryService()
    asked: list[object] = []

    def select(wanted: object) -> list[ReferenceRow]:
        asked.append(wanted)
        return []

    service.recorder.select_references = select  # type: ignore[method-assign, assignment]
    service.take(placed(), approved(payment="pi_1"), label("o-1", "J1"), at=after(11))
    service.take(taken_back(12, "approved"), at=after(13))
    assert asked == []


def test_scans_of_one_orders_parcel_look_for_no_other_order() -> None:
    service = InMemoryService()
    service.take(label("o-1", "J1", 10), at=after(11))
    service.take(referring(scanned(20), tracking=parcel("J1")), at=after(21))
    settled: list[object] = []
    service.intake.held._settle = lambda *told: settled.append(told) or []  # type: ignore
    service.take(referring(scanned(22, id="next"), tracking=parcel("J1")), at=after(23))
    assert settled == []
    assert "test/next" in counting(service)


def test_a_signal_that_two_processes_move_is_moved_once() -> None:
    service = InMemoryService()
    other = service.another_process()
    service.take(label("o-1", "J1", 10), at=after(21))
    other.take(referring(scanned(20), tracking=parcel("J1")), at=after(22))
    service.take(label("o-2", "J1", 11), at=after(23))
    other.take(label("o-2", "J1", 12), at=after(24))
    order = other.orders.refreshed([order_stream("o-2")])[order_stream("o-2")]
    assert sorted(order.signals) == ["test/scanned", "wms/label-11", "wms/label-12"]
