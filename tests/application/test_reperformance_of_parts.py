"""Re-performance of decisions about parts of an order, about corrected statements, and about signals that
were recorded ahead of their time."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from domain.orders.scan_status import ScanStatus
from domain.orders.shipment_signals import Delivered, HandedOver, Scanned, ShipmentLost
from domain.orders.signal_body import Promise, SignalRetracted
from domain.orders.signals import Signal
from domain.recorded_event import RecordedEvent
from tests.application.in_memory_service import InMemoryService
from tests.application.test_reperformance import again, differing, with_altered
from tests.domain.policies import small_policy
from tests.domain.signals import (
    BOUNDED_SETTINGS,
    LAST_DAY,
    WEEK_BEFORE,
    after,
    promising,
    signal_fields,
    signals,
)

PARCELS = small_policy(
    automation="automatic",
    bucket="inventory_conflict",
    reopen_within="P5D",
    cleared_when={
        "all": [
            {"fact": "part.delivered_at", "known": True},
            {"fact": "part.returning_since", "known": False},
        ]
    },
    detect=[
        {"rule": "lost", "each": "parcel", "when": {"fact": "part.lost_open", "is": True}},
        {"rule": "failed", "each": "parcel", "when": {"fact": "part.failure_open", "is": True}},
    ],
    expect=[
        {
            "rule": "delivered",
            "each": "parcel",
            "due": {"by_end_of_day": "part.promised_by"},
            "met_by": "part.delivered_at",
        },
        {
            "rule": "kept",
            "each": "parcel",
            "due": {"after": "part.handed_over_at", "within": "PT24H"},
            "met_when": {"fact": "part.lost_open", "is": False},
        },
    ],
)
EVERY_DECISION = {
    *("case.detected", "case.enriched", "case.routed", "case.reopened"),
    *("case.part_joined", "case.part_cleared", "case.signal_joined", "case.resolved"),
    "order.expectation_met",
}


def sent(hours: float, shipment: str = "A", **more: Any) -> HandedOver:
    return HandedOver(
        shipment=shipment, **signal_fields(hours, more.pop("id", f"sent-{shipment}"), **more)
    )


def lost(hours: float, shipment: str = "A", **more: Any) -> ShipmentLost:
    return ShipmentLost(
        shipment=shipment,
        **signal_fields(hours, more.pop("id", f"lost-{shipment}-{hours}"), **more),
    )


def arrived(hours: float, shipment: str = "A", **more: Any) -> Delivered:
    return Delivered(
        shipment=shipment,
        **signal_fields(hours, more.pop("id", f"arrived-{shipment}-{hours}"), **more),
    )


def retracting(hours: float, of: str) -> SignalRetracted:
    return SignalRetracted(of=of, **signal_fields(hours, f"retracted-{of}"))


def decided(service: InMemoryService) -> Counter[str]:
    """The decisions that come out as recorded, by type. Every one is repeated."""
    redone = again(service)
    assert differing(redone) == []
    assert not [one for one in redone if one.differs_by_reading]
    made = Counter(one.type for one in redone)
    recorded = Counter(
        line.type for line in service.lines() if line.type in EVERY_DECISION and cites(line)
    )
    assert {name: made[name] for name in recorded} == recorded
    return made


def cites(line: RecordedEvent) -> bool:
    """Whether policy decided the event. A signal may also join without a decision."""
    fields = [getattr(line.event, name, None) for name in ("decision", "clearing")]
    return line.type == "case.enriched" or any(one is not None for one in fields)


def service_with_parts() -> InMemoryService:
    """Two parcels are lost one after the other, one arrives, then the other; then a third one is lost."""
    service = InMemoryService(PARCELS)
    service.take(promising(), sent(1), sent(1, "B"), at=after(2))
    service.tick(after(30))
    service.take(lost(40), at=after(41))
    service.take(lost(42, "B"), at=after(43))
    service.take(arrived(50), at=after(51))
    service.take(arrived(60, "B"), at=after(61))
    service.take(sent(69, "C"), lost(70, "C"), at=after(71))
    return service


def test_parts_that_join_clear_and_reopen_a_case_are_repeated() -> None:
    service = service_with_parts()
    made = decided(service)
    assert set(made) >= EVERY_DECISION
    assert made["case.part_cleared"] == 2
    assert service.only_case("trouble").parts.keys() == {"parcel:A", "parcel:B", "parcel:C"}


def test_parts_that_miss_one_deadline_are_repeated() -> None:
    service = InMemoryService(PARCELS)
    service.take(promising(), sent(1), sent(1, "B"), sent(2, "C"), at=after(3))
    service.take(arrived(20, "C"), at=after(21))
    service.tick(after(400))
    service.take(arrived(100), arrived(400, "B"), at=after(410))
    made = decided(service)
    assert (made["case.detected"], made["case.part_joined"]) == (1, 1)
    assert made["case.part_cleared"] == 2


def test_a_case_of_a_retracted_and_of_a_replaced_statement_is_repeated() -> None:
    for correction in (
        retracting(45, "lost-A-40"),
        arrived(39, replaces="lost-A-40"),
        structs.replace(lost(44, "B", id="other"), replaces="lost-A-40"),
    ):
        service = InMemoryService(PARCELS)
        service.take(promising(), sent(1), sent(1, "B"), at=after(2))
        service.take(lost(40), at=after(41))
        service.take(correction, at=after(46))
        service.tick(after(400))
        made = decided(service)
        assert made["case.part_cleared"] >= 1
        (cleared, *_) = service.events(service.found()[0].id, "case.part_cleared")
        assert cleared.corrected is True


def test_an_expectation_that_is_missed_after_a_correction_is_repeated() -> None:
    service = InMemoryService(PARCELS)
    service.take(promising(), sent(1), arrived(50), at=after(51))
    service.tick(after(300))
    service.take(retracting(310, "arrived-A-50"), at=after(311))
    made = decided(service)
    assert made["case.detected"] == 1


def test_signals_ahead_of_their_time_are_repeated_at_their_time() -> None:
    service = InMemoryService(PARCELS)
    service.take(promising(), sent(1), sent(1, "B"), lost(20), lost(22, "B"), at=after(2))
    assert service.found() == []
    # One write acts on both batches and on the signal that it brings.
    service.take(arrived(30), at=after(31))
    made = decided(service)
    assert (made["case.detected"], made["case.part_joined"], made["case.part_cleared"]) == (1, 1, 1)
    (joined,) = service.events(service.only_case("trouble").id, "case.part_joined")
    assert joined.part == "parcel:B"


def test_an_altered_part_deadline_or_verdict_is_found() -> None:
    service = service_with_parts()
    tried = set()
    for line in service.lines():
        event: Any = line.event
        changes: list[dict[str, Any]] = []
        if line.type in ("case.detected", "case.part_joined", "case.reopened", "case.part_cleared"):
            # This one does not have the problem then, or has it still.
            other = {"parcel:A": "parcel:B", "parcel:B": "parcel:C", "parcel:C": "parcel:A"}
            changes.append({"part": other[event.part]})
        if line.type == "case.part_cleared":
            first, *rest = event.clearing.verdicts
            read = structs.replace(first, read="2018-01-01T00:00:00Z")
            changes.append({"clearing": structs.replace(event.clearing, verdicts=(read, *rest))})
        if line.type == "order.expectation_met":
            changes += [{"deadline": after(7)}, {"part": "parcel:C"}]
        for change in changes:
            altered = with_altered(service, line, structs.replace(event, **change))
            found = [one.position for one in again(altered) if one.differs]
            assert line.position in found, (line.type, change)
            tried.add(line.type)
    assert tried == {
        *("case.detected", "case.part_joined", "case.reopened", "case.part_cleared"),
        "order.expectation_met",
    }


@st.composite
def parcel_signals(draw: st.DrawFn, n: int, now: float) -> Signal:
    """A signal about one of three parcels, or one that corrects an earlier one; some are still to come."""
    hours = draw(st.integers(0, int(now) + 20))
    shipment = draw(st.sampled_from(["A", "B", "C"]))
    fields = signal_fields(hours, str(n), source=draw(st.sampled_from(["wms", "carrier"])))
    kind = draw(st.sampled_from([HandedOver, ShipmentLost, Delivered, Scanned, SignalRetracted]))
    if n and kind is SignalRetracted:
        return SignalRetracted(of=str(draw(st.integers(0, n - 1))), **fields)
    if n and draw(st.integers(0, 4)) == 0:
        fields["replaces"] = str(draw(st.integers(0, n - 1)))
    if kind is Scanned:
        return Scanned(shipment=shipment, status=draw(st.sampled_from([*ScanStatus])), **fields)
    if kind in (HandedOver, SignalRetracted):
        days = st.sampled_from([None, WEEK_BEFORE, LAST_DAY])
        if (day := draw(days)) is not None:
            fields["promise"] = Promise(delivery_date=day, time_zone="UTC")
        return HandedOver(shipment=shipment, **fields)
    return kind(shipment=shipment, **fields)


@BOUNDED_SETTINGS
@given(st.data())
def test_reperformance_agrees_for_any_parcels_and_corrections(data: st.DataObject) -> None:
    policies = [PARCELS, InMemoryService().rulebook]
    service = InMemoryService(data.draw(st.sampled_from(policies)))
    now, number = 0.0, 0
    for _ in range(data.draw(st.integers(1, 6))):
        now += data.draw(st.floats(0, 150))
        batch = []
        for _ in range(data.draw(st.integers(0, 4))):
            batch.append(
                data.draw(
                    st.one_of(
                        parcel_signals(number, now),
                        parcel_signals(number, now),
                        signals(number, hours=(0, int(now) + 20)),
                    )
                )
            )
            number += 1
        service.take(*batch, at=after(now))
        if data.draw(st.booleans()):
            service.tick(after(now + 1))
        for case in service.found():
            if not case.is_resolved and data.draw(st.booleans()):
                service.resolve(case, after(now + 1))
    decided(service)
