"""Every code of four vocabularies has one meaning, and an unlisted code keeps its own text."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from domain.orders.carrier_codes import (
    AFTERSHIP,
    EASYPOST,
    KARRIO,
    MAPPINGS,
    SHIPENGINE,
    map_carrier_code,
)
from domain.orders.facts import facts_of
from domain.orders.scan_status import FaultParty, IncidentReason, ScanStatus
from domain.orders.shipment_signals import Scanned
from tests.domain.signals import signal_fields

EXCEPTIONS = [
    "001",
    "002",
    "003",
    "004",
    "005",
    "006",
    "007",
    "008",
    "009",
    "010",
    "011",
    "012",
    "013",
    "016",
    "017",
    "018",
]

# As the vocabularies list them.
LISTED = {
    "easypost": [
        "unknown",
        "pre_transit",
        "in_transit",
        "out_for_delivery",
        "delivered",
        "available_for_pickup",
        "return_to_sender",
        "failure",
        "cancelled",
        "error",
    ],
    "aftership": [
        "InfoReceived",
        "InTransit",
        "OutForDelivery",
        "AttemptFail",
        "Delivered",
        "AvailableForPickup",
        "Exception",
        "Expired",
        "Pending",
    ]
    + [f"Exception_{number}" for number in EXCEPTIONS]
    + [f"AttemptFail_00{number}" for number in range(1, 4)]
    + [f"Delivered_00{number}" for number in range(1, 6)]
    + [f"InTransit_00{number}" for number in range(1, 10)]
    + [f"OutForDelivery_00{number}" for number in (1, 3, 4)]
    + [f"Pending_00{number}" for number in range(1, 7)]
    + ["AvailableForPickup_001", "InfoReceived_001", "Expired_001"],
    "shipengine": [
        "UN",
        "AC",
        "IT",
        "DE",
        "EX",
        "AT",
        "NY",
        "SP",
        "CUSTOMS_PROCESSING",
        "DROPPED_OFF",
        "CARRIER_STATUS_NOT_MAPPED",
    ],
    "karrio": [
        "pending",
        "picked_up",
        "on_hold",
        "in_transit",
        "out_for_delivery",
        "ready_for_pickup",
        "delivered",
        "delivery_failed",
        "delivery_delayed",
        "return_to_sender",
        "cancelled",
        "unknown",
    ],
}
CODES = [(MAPPINGS[name], code) for name, codes in LISTED.items() for code in codes]
MEAN_NOTHING = {
    "unknown",
    "UN",
    "Pending",
    "Expired",
    "Expired_001",
    "CARRIER_STATUS_NOT_MAPPED",
    *(f"Pending_00{number}" for number in range(1, 7)),
}


def scan(reading: Any) -> Scanned:
    return Scanned(**signal_fields(20, "scan"), **structs.asdict(reading))


def test_every_vocabulary_is_mapped_in_full_and_has_no_extra_codes() -> None:
    assert {name: sorted(codes) for name, codes in LISTED.items()} == {
        name: sorted(mapping.codes) for name, mapping in MAPPINGS.items()
    }


@pytest.mark.parametrize(("mapping", "code"), CODES, ids=lambda one: getattr(one, "name", one))
def test_a_listed_code_has_a_meaning_and_is_kept(mapping, code) -> None:
    reading = map_carrier_code(mapping, code)
    assert (reading.status is ScanStatus.UNKNOWN) == (code in MEAN_NOTHING)
    assert (reading.code, reading.mapping, reading.mapping_version) == (code, mapping.name, "2")
    assert scan(reading).code == code


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=list(MAPPINGS))
@pytest.mark.parametrize("code", ["", "LT", "Exception_099", "deliver ed"])
def test_an_unlisted_code_is_unknown_and_is_kept(mapping, code) -> None:
    reading = map_carrier_code(mapping, code)
    assert (reading.status, reading.incident) == (ScanStatus.UNKNOWN, None)
    assert scan(reading).code == code


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=list(MAPPINGS))
def test_case_and_blanks_around_a_code_make_no_other_code(mapping) -> None:
    code = next(iter(mapping.codes))
    reading = map_carrier_code(mapping, f" {code.upper()} ")
    assert reading.status == map_carrier_code(mapping, code).status
    assert scan(reading).code == f" {code.upper()} "


@pytest.mark.parametrize(
    ("mapping", "code", "status", "incident"),
    [
        (EASYPOST, "failure", ScanStatus.FAILURE, None),
        (AFTERSHIP, "AttemptFail", ScanStatus.FAILURE, None),
        (AFTERSHIP, "Exception_003", ScanStatus.ERROR, IncidentReason.CONSIGNEE_REFUSED),
        (AFTERSHIP, "Exception_011", ScanStatus.RETURN_TO_SENDER, None),
        (AFTERSHIP, "Exception_012", ScanStatus.ERROR, IncidentReason.CARRIER_DAMAGED_PARCEL),
        (AFTERSHIP, "Exception_013", ScanStatus.ERROR, IncidentReason.CARRIER_PARCEL_LOST),
        (SHIPENGINE, "AT", ScanStatus.FAILURE, None),
        (SHIPENGINE, "SP", ScanStatus.AVAILABLE_FOR_PICKUP, None),
        (KARRIO, "on_hold", ScanStatus.ERROR, IncidentReason.UNKNOWN),
    ],
)
def test_a_code_has_the_meaning_of_its_vocabulary(mapping, code, status, incident) -> None:
    reading = map_carrier_code(mapping, code)
    assert (reading.status, reading.incident) == (status, incident)


@pytest.mark.parametrize("reason", IncidentReason)
def test_a_reason_beside_the_status_names_the_party_at_fault(reason) -> None:
    reading = map_carrier_code(KARRIO, "in_transit", reason.value)
    assert reading.incident is reason
    assert reading.code == f"in_transit/{reason}"
    facts = facts_of([scan(reading)])
    assert (facts.incident.reason, facts.incident.fault_party) == (reason, reason.fault_party)


def test_an_unlisted_reason_is_unknown() -> None:
    assert map_carrier_code(KARRIO, "in_transit", "dog").incident is IncidentReason.UNKNOWN


def test_the_prefix_of_a_reason_is_the_party_at_fault() -> None:
    parties = {reason: reason.fault_party for reason in IncidentReason}
    assert parties[IncidentReason.CUSTOMS_DELAY] is FaultParty.CUSTOMS
    assert parties[IncidentReason.RETAILER_NOT_READY] is FaultParty.RETAILER
    assert parties[IncidentReason.CONSIGNEE_REFUSED] is FaultParty.CONSIGNEE
    assert parties[IncidentReason.CARRIER_SORTING_ERROR] is FaultParty.CARRIER
    assert parties[IncidentReason.WEATHER_DELAY] is FaultParty.NOBODY
    assert parties[IncidentReason.PARCEL_BEING_RESEARCHED] is FaultParty.UNKNOWN
    assert set(parties.values()) == set(FaultParty)
