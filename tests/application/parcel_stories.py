"""Stories of parcels and returns with problems."""

from __future__ import annotations

from typing import Any

from domain.orders.scan_status import IncidentReason
from domain.orders.signals import Signal
from tests.application.stories import Story
from tests.domain.exception_signals import (
    broken,
    not_delivered,
    return_allowed,
    return_asked,
    return_labelled,
    return_not_labelled,
    return_refused,
    scan,
)
from tests.domain.signals import delivered, handed_over, refunded, returned, taken_back


def tracked(hours: float = 20, **more: Any) -> Signal:
    return handed_over(hours, tracking="T-1", **more)


def incident(reason: IncidentReason, status: str = "error") -> Signal:
    return scan(30, status, incident=reason)


PARCEL_STORIES = {
    "silence after the hand-over": Story(
        "scan_gap", [tracked(20)], [handed_over(20)], delivered(93), 92
    ),
    "silence after a scan": Story(
        "scan_gap",
        [tracked(20), scan(50)],
        [tracked(20), scan(50, "delivered")],
        delivered(200),
        122,
    ),
    "one parcel of two is silent": Story(
        "scan_gap",
        [
            tracked(20, id="a", shipment="a"),
            tracked(21, id="b", shipment="b"),
            delivered(40, shipment="a"),
        ],
        [
            tracked(20, id="a", shipment="a"),
            tracked(21, id="b", shipment="b"),
            delivered(40, shipment="a"),
            scan(50, "available_for_pickup", shipment="b"),
        ],
        delivered(94, id="second", shipment="b"),
        93,
    ),
    "a delivery failed": Story(
        "delivery_failed",
        [not_delivered(40, incident=IncidentReason.CONSIGNEE_NOT_HOME)],
        [scan(40, "out_for_delivery")],
        delivered(60),
    ),
    "a scan tells of a failed delivery": Story(
        "delivery_failed", [scan(40, "failure")], [scan(40, "error")], scan(60, "delivered")
    ),
    "scanned on its way after its delivery": Story(
        "carrier_conflict",
        [delivered(60), scan(60.1)],
        [scan(60), delivered(60), scan(90, "available_for_pickup")],
        scan(70, "delivered"),
    ),
    "lost": Story(
        "lost",
        [incident(IncidentReason.CARRIER_PARCEL_LOST)],
        [incident(IncidentReason.PARCEL_BEING_RESEARCHED)],
        delivered(60),
    ),
    "damaged on its way": Story(
        "damaged",
        [incident(IncidentReason.CARRIER_DAMAGED_PARCEL)],
        [incident(IncidentReason.RETAILER_PACKAGING_ISSUE)],
        refunded(60),
    ),
    "the customer says it came damaged": Story(
        "damaged", [delivered(), broken(70)], [delivered()], refunded(90)
    ),
    "a carrier's problem without a reason": Story(
        "carrier_exception", [scan(30, "error")], [scan(30, "unknown")], delivered(60)
    ),
    "back to the sender": Story(
        "return_to_sender",
        [scan(30, "return_to_sender")],
        [scan(30, "failure")],
        # Delivered after this, it would be back with us.
        taken_back(31, "scan-30"),
    ),
    "nobody answered a return": Story(
        "return_not_authorized",
        [return_asked(70)],
        [return_asked(70), return_refused(118)],
        return_allowed(120),
        118,
    ),
    "a return has no label": Story(
        "return_label_failed",
        [return_asked(70), return_allowed(71)],
        [return_asked(70), return_allowed(71), return_labelled(95)],
        return_labelled(99),
        95,
    ),
    "a label failed": Story(
        "return_label_failed",
        [return_labelled(72), return_not_labelled(73)],
        [return_labelled(72)],
        returned(80),
    ),
    "a return does not come": Story(
        "return_not_received",
        [return_labelled(72)],
        [return_labelled(72), returned(72 + 14 * 24)],
        returned(72 + 15 * 24),
        72 + 14 * 24,
    ),
}
