"""A signal may name its order by references; it is held until they lead to one order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec import UNSET, structs

from application.orders.receipts import SignalOutcome
from domain.errors import Invalid, SignalIdReused, SourceReserved
from domain.orders.held_signals import HeldReported, HeldSignalJoined, SignalHeld
from domain.orders.order import order_stream
from domain.orders.references import HeldReason
from domain.orders.shipment_signals import LabelCreated
from domain.orders.signal_body import Refs, SignalRetracted, TrackingRef, order_key
from domain.orders.signals import Signal
from domain.policy.document import References
from domain.policy.rulebook import Rulebook
from tests.application.in_memory_service import UNTIMED_RULEBOOK, InMemoryService
from tests.domain.signals import after, approved, captured, delivered, placed, scanned

REPORTING = Rulebook(
    structs.replace(
        UNTIMED_RULEBOOK.document, references=References(held_at_most=timedelta(hours=24))
    )
)


def referring(signal: Signal, **refs: Any) -> Signal:
    """The signal without its order, with these references."""
    return structs.replace(signal, order="", refs=Refs(**refs))


def parcel(code: str, carrier: str = "") -> TrackingRef:
    return TrackingRef(code=code, carrier=carrier)


def label(order: str, code: str, hours: float = 10, **more: Any) -> LabelCreated:
    return LabelCreated(
        source="wms",
        id=f"label-{hours}",
        order=order,
        event_time=after(hours),
        tracking=code,
        **more,
    )


def outcomes(service: InMemoryService, *signals: Signal, at: float = 5) -> list[str]:
    return [str(r.outcome) for r in service.take(*signals, at=after(at))]


def recorded(service: InMemoryService, key: str = "o-1") -> list[str]:
    order = service.orders.current([order_stream(key)]).get(order_stream(key))
    return sorted(order.signals) if order is not None else []


def held_events(service: InMemoryService) -> list[object]:
    return [
        line.event
        for line in service.log.read(0, 1000)
        if isinstance(line.event, SignalHeld | HeldSignalJoined | HeldReported)
    ]


def test_a_signal_is_recorded_in_the_order_that_its_reference_leads_to() -> None:
    service = InMemoryService()
    service.take(placed(), approved(payment="pi_1"), at=after(2))
    (receipt,) = service.take(referring(captured(3), payment="pi_1"), at=after(4))
    assert (receipt.outcome, receipt.orders) == (SignalOutcome.RECORDED, ("o-1",))
    assert "test/captured" in recorded(service)


@pytest.mark.parametrize(
    ("teacher", "refs"),
    [
        (placed(refs=Refs(order_number="#1001")), {"order_number": "#1001"}),
        (placed(refs=Refs(checkout="c_1")), {"checkout": "c_1"}),
        (label("o-1", "JJD 00-1", shipment="s-1"), {"shipment": "s-1"}),
        (label("o-1", "jjd 00-1"), {"tracking": parcel("JJD001")}),
        (label("o-1", "J1", fulfilment="f-1"), {"fulfilment": "f-1"}),
        (label("o-1", "J1", carrier="DHL"), {"tracking": parcel("J1", "dhl")}),
    ],
)
def test_every_reference_that_a_statement_names_leads_to_its_order(teacher, refs) -> None:
    service = InMemoryService()
    assert outcomes(service, teacher) == ["recorded"]
    assert outcomes(service, referring(captured(11), **refs), at=12) == ["recorded"]
    assert "test/captured" in recorded(service)


def test_a_parcel_of_another_carrier_with_the_same_code_is_another_parcel() -> None:
    service = InMemoryService()
    service.take(label("o-1", "J1", carrier="dhl"), at=after(11))
    assert outcomes(service, referring(scanned(12), tracking=parcel("J1", "ups")), at=13) == [
        "held"
    ]


def test_a_signal_that_leads_nowhere_is_held_and_says_why() -> None:
    service = InMemoryService()
    (receipt,) = service.take(referring(captured(3), payment="pi_9"), at=after(4))
    assert receipt.outcome is SignalOutcome.HELD
    assert receipt.held is not None
    assert receipt.held.why is HeldReason.UNKNOWN
    assert recorded(service) == []


def test_a_held_signal_joins_in_the_request_that_teaches_its_reference() -> None:
    service = InMemoryService()
    service.take(referring(captured(3), payment="pi_1"), at=after(4))
    service.take(placed(), approved(payment="pi_1"), at=after(6))
    order = service.orders.current([order_stream("o-1")])[order_stream("o-1")]
    joined = order.signals["test/captured"]
    assert joined.event_time == after(3)
    assert joined.refs == Refs(payment="pi_1")
    trail = service.log.trail(order_stream("o-1"))
    assert trail[-1].recorded_at == after(6)
    assert isinstance(held_events(service)[-1], HeldSignalJoined)


def test_the_facts_of_an_order_are_those_of_signals_that_named_it() -> None:
    told, found = InMemoryService(), InMemoryService()
    told.take(placed(), approved(payment="pi_1"), captured(3, payment="pi_1"), at=after(6))
    found.take(referring(captured(3), payment="pi_1"), at=after(4))
    found.take(placed(), approved(payment="pi_1"), at=after(6))
    stream = order_stream("o-1")
    assert (
        found.orders.current([stream])[stream].facts == told.orders.current([stream])[stream].facts
    )


def test_a_chain_of_references_joins_at_once() -> None:
    service = InMemoryService()
    service.take(referring(captured(3, id="third"), refund="re_1"), at=after(4))
    service.take(referring(captured(3, id="second"), payment="pi_1", refund="re_1"), at=after(4))
    service.take(placed(), approved(payment="pi_1"), at=after(6))
    assert {"test/second", "test/third"} <= {*recorded(service)}


def test_a_batch_may_tell_the_reference_after_the_signal_that_needs_it() -> None:
    service = InMemoryService()
    batch = (referring(captured(3), payment="pi_1"), placed(), approved(payment="pi_1"))
    assert outcomes(service, *batch) == ["recorded"] * 3
    assert held_events(service) == []


def test_a_held_signal_that_comes_again_is_held_once() -> None:
    service = InMemoryService()
    signal = referring(captured(3), payment="pi_1")
    assert outcomes(service, signal, signal) == ["held", "held"]
    assert outcomes(service, signal) == ["held"]
    assert len(held_events(service)) == 1


def test_a_held_signal_with_other_content_is_refused() -> None:
    service = InMemoryService()
    service.take(referring(captured(3), payment="pi_1"), at=after(4))
    (receipt,) = service.take(referring(captured(4), payment="pi_1"), at=after(5))
    assert isinstance(receipt.problem, SignalIdReused)


def test_what_was_held_and_comes_again_with_its_order_is_one_statement() -> None:
    service = InMemoryService()
    signal = captured(3)
    service.take(referring(signal, payment="pi_1"), at=after(4))
    assert outcomes(service, signal) == ["recorded"]
    assert recorded(service).count("test/captured") == 1
    assert isinstance(held_events(service)[-1], HeldSignalJoined)
    assert outcomes(service, signal, referring(signal, payment="pi_1"), at=7) == ["duplicate"] * 2


def test_what_joined_and_comes_again_with_its_order_is_a_duplicate() -> None:
    service = InMemoryService()
    signal = captured(3)
    service.take(referring(signal, payment="pi_1"), at=after(4))
    service.take(placed(), approved(payment="pi_1"), at=after(6))
    assert outcomes(service, signal, at=7) == ["duplicate"]
    assert outcomes(service, captured(3.5), at=7) == ["refused"]


@pytest.mark.parametrize("kind", ["payment", "order_number"])
def test_a_reference_to_several_orders_is_ambiguous(kind) -> None:
    service = InMemoryService()
    for key in ("o-1", "o-2"):
        service.take(placed(order=key, refs=Refs(**{kind: "x"})), at=after(1))
    (receipt,) = service.take(referring(captured(3), **{kind: "x"}), at=after(4))
    assert receipt.held is not None
    assert receipt.held.why is HeldReason.AMBIGUOUS
    assert receipt.held.orders == ("o-1", "o-2")


def test_two_references_lead_to_the_order_that_has_both() -> None:
    service = InMemoryService()
    for key, payment in (("o-1", "pi_1"), ("o-2", "pi_2")):
        refs = Refs(order_number="#1", payment=payment)
        service.take(placed(order=key, refs=refs), at=after(1))
    both = referring(captured(3), order_number="#1", payment="pi_2")
    (receipt,) = service.take(both, at=after(4))
    assert receipt.orders == ("o-2",)


def test_the_shop_decides_between_orders_with_one_number() -> None:
    service = InMemoryService()
    for shop in ("de", "fr"):
        service.take(placed(shop=shop, refs=Refs(order_number="#1")), at=after(1))
    signal = structs.replace(referring(captured(3), order_number="#1"), shop="fr")
    (receipt,) = service.take(signal, at=after(4))
    assert receipt.orders == (order_key("o-1", "fr"),)
    assert recorded(service, order_key("o-1", "de")) == ["test/placed"]
    assert recorded(service, order_key("o-1", "fr")) == ["test/captured", "test/placed"]


def test_without_a_shop_any_shop_fits_if_only_one_does() -> None:
    service = InMemoryService()
    service.take(placed(shop="fr", refs=Refs(order_number="#1")), at=after(1))
    (receipt,) = service.take(referring(captured(3), order_number="#1"), at=after(4))
    assert receipt.orders == (order_key("o-1", "fr"),)
    order = service.orders.current([order_stream(receipt.orders[0])])
    assert order[order_stream(receipt.orders[0])].signals["test/captured"].shop == "fr"


def test_orders_of_two_shops_with_one_id_are_two_orders() -> None:
    service = InMemoryService()
    assert outcomes(service, placed(), placed(shop="fr"), placed(shop="default")) == [
        "recorded",
        "recorded",
        "duplicate",
    ]


def test_a_scan_is_told_to_each_order_in_the_parcel() -> None:
    service = InMemoryService()
    for key in ("o-1", "o-2"):
        service.take(label(key, "J1"), at=after(11))
    (receipt,) = service.take(referring(delivered(60), tracking=parcel("J1")), at=after(61))
    assert (receipt.outcome, receipt.orders) == (SignalOutcome.RECORDED, ("o-1", "o-2"))
    assert all("test/delivered" in recorded(service, key) for key in receipt.orders)


@pytest.mark.parametrize(
    ("days_after_second", "order"), [(-30, "o-1"), (1, "o-2"), (89, "o-2"), (91, None)]
)
def test_a_code_that_was_used_again_is_of_the_newest_label(days_after_second, order) -> None:
    service = InMemoryService()
    second = 24 * 80
    service.take(label("o-1", "J1", 0), label("o-2", "J1", second), at=after(second))
    at = second + 24 * days_after_second
    (receipt,) = service.take(referring(scanned(at), tracking=parcel("J1")), at=after(at))
    assert receipt.orders == ((order,) if order else ())


def test_a_retracted_statement_leads_nowhere() -> None:
    service = InMemoryService()
    wrong = SignalRetracted(source="test", id="r", order="o-1", event_time=after(2), of="approved")
    service.take(placed(), approved(payment="pi_1"), wrong, at=after(3))
    assert outcomes(service, referring(captured(3), payment="pi_1")) == ["held"]


def test_a_held_signal_of_our_own_source_is_refused() -> None:
    service = InMemoryService()
    signal = structs.replace(referring(captured(3), payment="pi_1"), source="casetrail")
    (receipt,) = service.take(signal, at=after(4))
    assert isinstance(receipt.problem, SourceReserved)


# time


def test_the_timekeeper_joins_what_a_race_left_behind() -> None:
    """Another process told the order while this one held the signal, and died before it joined them."""
    service = InMemoryService()
    other = service.another_process()
    service.take(referring(captured(3), payment="pi_1"), at=after(4))
    other.intake.held.join_taught = lambda *_: []  # type: ignore[method-assign]
    other.take(placed(), approved(payment="pi_1"), at=after(4))
    assert "test/captured" not in recorded(service)
    service.tick(after(4, seconds=6))
    assert "test/captured" in recorded(service)
    assert service.recorder.take_due(after(999), 10, timedelta(0)) == []


def test_a_signal_that_is_held_for_too_long_is_reported_once() -> None:
    service = InMemoryService(REPORTING)
    service.take(referring(captured(3), payment="pi_1"), at=after(4))
    for hour in range(5, 60):
        service.timekeeper.tick_due(after(hour))
    reports = [e for e in held_events(service) if isinstance(e, HeldReported)]
    assert reports == [HeldReported(held_at=after(4))]


def test_a_reported_signal_still_joins() -> None:
    service = InMemoryService(REPORTING)
    service.take(referring(captured(3), payment="pi_1"), at=after(4))
    service.timekeeper.tick_due(after(40))
    service.take(placed(), approved(payment="pi_1"), at=after(50))
    assert "test/captured" in recorded(service)


def test_the_case_of_a_reported_signal_resolves_itself_once_its_order_is_found() -> None:
    service = InMemoryService()
    service.take(referring(captured(3), payment="pi_1"), at=after(4))
    service.timekeeper.tick_due(after(40))
    case = service.only_case("unmatched_signal")
    assert case.state == "open"
    service.take(placed(), approved(payment="pi_1"), at=after(50))
    case = service.only_case("unmatched_signal")
    assert case.state == "resolved"
    assert case.resolution is not None
    assert case.resolution.evidence == ("test/captured",)
    assert service.log.trail(case.id)[-1].actor.principal == "system:policy"


def test_without_a_limit_in_the_policy_nothing_is_reported() -> None:
    service = InMemoryService(Rulebook(structs.replace(UNTIMED_RULEBOOK.document, references=None)))
    service.take(referring(captured(3), payment="pi_1"), at=after(4))
    for hour in range(5, 60):
        service.timekeeper.tick_due(after(hour))
    assert len(held_events(service)) == 1


# clocks


def test_a_statement_more_than_a_day_ahead_is_refused() -> None:
    service = InMemoryService()
    for signal in (captured(30), referring(captured(30), payment="pi_1")):
        (receipt,) = service.take(signal, at=after(5))
        assert isinstance(receipt.problem, Invalid)
        (fault,) = receipt.problem.faults
        assert fault.pointer == "/event_time"
        assert "more than 24 hours ahead of our clock" in fault.detail


def test_a_statement_up_to_a_day_ahead_is_recorded_once() -> None:
    service = InMemoryService()
    assert outcomes(service, captured(29)) == ["recorded"]
    assert outcomes(service, captured(29)) == ["duplicate"]


def test_a_duplicate_is_no_new_statement_ahead_of_the_clock() -> None:
    service = InMemoryService()
    service.take(captured(29), at=after(5))
    assert outcomes(service, captured(29), at=1) == ["duplicate"]


def test_a_signal_is_compared_without_its_references() -> None:
    service = InMemoryService()
    service.take(captured(3, refs=Refs(payment="pi_1")), at=after(4))
    assert outcomes(service, captured(3)) == ["duplicate"]
    assert captured(3).refs is UNSET
