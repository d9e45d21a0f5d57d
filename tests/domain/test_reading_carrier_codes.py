"""A carrier's code is read by the mapping that is named, else by the carrier's own."""

import json
from pathlib import Path

import pytest

from domain.orders.carrier_codes import MAPPINGS, find_mapping, read_code
from domain.orders.carrier_own_codes import OTHER_NAMES, OWN
from domain.orders.scan_status import IncidentReason as Why
from domain.orders.scan_status import ScanStatus
from domain.orders.shipment_signals import Scanned
from tests.domain.signals import signal_fields

CARRIERS = Path(__file__).resolve().parents[3] / "shared" / "data" / "payloads" / "carriers"


@pytest.mark.parametrize(
    ("mapping", "code", "status", "incident"),
    [
        ("easypost", "in_transit", ScanStatus.IN_TRANSIT, None),
        ("EasyPost", "Out_For_Delivery", ScanStatus.OUT_FOR_DELIVERY, None),
        ("easypost", "label_created", ScanStatus.PRE_TRANSIT, None),
        ("easypost", "lost", ScanStatus.ERROR, Why.CARRIER_PARCEL_LOST),
        ("easypost", "in_transit/weather_delay", ScanStatus.IN_TRANSIT, Why.WEATHER_DELAY),
        ("easypost", "delivered/arrived_at_destination", ScanStatus.DELIVERED, None),
        ("easypost", "available_for_pickup/held", ScanStatus.AVAILABLE_FOR_PICKUP, None),
        ("easypost", "error/damaged", ScanStatus.ERROR, Why.CARRIER_DAMAGED_PARCEL),
        ("easypost", "unknown/status_update", ScanStatus.UNKNOWN, None),
        ("easypost", "in_transit/", ScanStatus.IN_TRANSIT, None),
        ("easypost", "in_transit/new_detail", ScanStatus.IN_TRANSIT, None),
        ("aftership", "DELIVERED", ScanStatus.DELIVERED, None),
        ("aftership", "attemptfail_003", ScanStatus.FAILURE, Why.CONSIGNEE_BUSINESS_CLOSED),
        ("aftership", "Exception/Exception_011", ScanStatus.RETURN_TO_SENDER, None),
        ("aftership", "Exception/Exception_013", ScanStatus.ERROR, Why.CARRIER_PARCEL_LOST),
        ("shipengine", "de", ScanStatus.DELIVERED, None),
        ("shipengine", "EX/RETURN_TO_SENDER", ScanStatus.RETURN_TO_SENDER, None),
        ("shipengine", "IT/OUT_FOR_DELIVERY", ScanStatus.OUT_FOR_DELIVERY, None),
        ("shipengine", "AT/REFUSED_BY_CUSTOMER", ScanStatus.FAILURE, Why.CONSIGNEE_REFUSED),
        ("shipengine", "EX/INFORMATION", ScanStatus.ERROR, None),
        ("shipengine", "PARCEL_LOST", ScanStatus.ERROR, Why.CARRIER_PARCEL_LOST),
        ("karrio", "On_Hold", ScanStatus.ERROR, Why.UNKNOWN),
        ("karrio", "in_transit/customs_delay", ScanStatus.IN_TRANSIT, Why.CUSTOMS_DELAY),
        ("karrio", "consignee_not_home", ScanStatus.ERROR, Why.CONSIGNEE_NOT_HOME),
        ("karrio", "unknown", ScanStatus.UNKNOWN, None),
    ],
)
def test_a_code_is_read_by_the_mapping_that_is_named(mapping, code, status, incident) -> None:
    version = MAPPINGS[mapping.lower()].version
    assert read_code(mapping, "ups", code) == (status, incident, version)


@pytest.mark.parametrize(
    ("carrier", "code", "status", "incident"),
    [
        ("DHL Express", "OK", ScanStatus.DELIVERED, None),
        ("mydhl", "wc", ScanStatus.OUT_FOR_DELIVERY, None),
        ("dhl-parcel-de", "ZU", ScanStatus.DELIVERED, None),
        ("DHL", "DLVRD", ScanStatus.DELIVERED, None),
        ("DHL", "NH", ScanStatus.FAILURE, Why.CONSIGNEE_NOT_HOME),
        ("UPS", "D", ScanStatus.DELIVERED, None),
        ("ups", "X/SR", ScanStatus.IN_TRANSIT, None),
        ("ups", "040", ScanStatus.AVAILABLE_FOR_PICKUP, None),
        ("USPS", "of", ScanStatus.OUT_FOR_DELIVERY, None),
        ("usps", "09", ScanStatus.RETURN_TO_SENDER, None),
        ("dpd", "returningfromdelivery", ScanStatus.FAILURE, None),
        ("Canada Post", "0173", ScanStatus.IN_TRANSIT, Why.CONSIGNEE_INCORRECT_ADDRESS),
        ("bpost", "L00", ScanStatus.OUT_FOR_DELIVERY, None),
        ("Hermes", "0000", ScanStatus.PRE_TRANSIT, None),
        ("sendle", "in transit", ScanStatus.IN_TRANSIT, None),
    ],
)
def test_without_a_mapping_the_carrier_s_own_reads_the_code(
    carrier, code, status, incident
) -> None:
    assert read_code("", carrier, code) == (status, incident, "1")
    assert read_code(carrier, "", code) == (status, incident, "1")


@pytest.mark.parametrize(
    ("mapping", "carrier", "code"),
    [
        ("", "", "delivered"),
        ("", "fedex", "OD"),
        ("easypost", "ups", "D"),
        ("mine", "ups", "D"),
        ("", "ups", ""),
        ("easypost", "", "teleported/lost"),
        ("aftership", "", "Exception_099"),
        # On its way with DHL Express, out for delivery with DHL's parcel company.
        ("", "dhl", "PO"),
    ],
)
def test_a_code_that_no_mapping_reads_has_no_meaning(mapping, carrier, code) -> None:
    assert read_code(mapping, carrier, code) is None


@pytest.mark.parametrize("mapping", [*OWN, *MAPPINGS.values()], ids=lambda one: one.name)
def test_a_code_is_listed_once_in_any_case(mapping) -> None:
    assert find_mapping(mapping.name, "") is mapping
    listed = [code.casefold() for code in (*mapping.codes, *mapping.details)]
    assert len(listed) == len(set(listed))
    for code in (*mapping.codes, *mapping.details):
        read = read_code(mapping.name, "", code)
        assert read is not None
        assert read == read_code(mapping.name.upper(), "", code.upper())
        assert read[2] == mapping.version


def test_an_alias_is_not_the_name_of_another_carrier() -> None:
    assert not {*OTHER_NAMES} & {mapping.name.replace("_", "") for mapping in OWN}


def test_a_scan_keeps_the_code_and_the_mapping_that_read_it() -> None:
    scan = Scanned(**signal_fields(20, "scan"), carrier="UPS", code="011")
    assert (scan.status, scan.code) == (ScanStatus.DELIVERED, "011")
    assert (scan.mapping, scan.mapping_version) == ("ups", "1")
    unread = Scanned(**signal_fields(21, "scan"), carrier="UPS", code="9X9")
    assert (unread.status, unread.code) == (ScanStatus.UNKNOWN, "9X9")
    assert (unread.mapping, unread.mapping_version) == ("", "")


NO_CODES = {"dhl_poland", "australiapost"}
"""Their answers have placeholders or words instead of codes."""
# karrio reads these otherwise; their own descriptions say what we say.
OTHERWISE = {
    ("bpost", "L00"),  # out for distribution
    ("dpd", "ReturningFromDelivery"),  # back at the depot after a failed attempt
    ("mydhl", "PU"),  # picked up
    ("sendle", "Pickup Attempted"),  # it was not picked up
    ("ups", "SR"),  # released by customs
    ("dhl_parcel_de", "PO"),  # loaded onto the delivery vehicle
}


@pytest.mark.skipif(not CARRIERS.is_dir(), reason="../shared/data/payloads/carriers is not here")
def test_the_codes_of_real_answers_are_read_as_karrio_reads_them() -> None:
    seen, differ = 0, set()
    for file in sorted(CARRIERS.rglob("normalized_Parsed*.json")):
        carrier = file.parent.name
        answers = json.loads(file.read_text(encoding="utf-8"))
        if carrier in NO_CODES or not isinstance(answers, list):
            continue
        for event in (event for one in answers[0] for event in one.get("events", [])):
            read = read_code("", carrier, event["code"])
            assert read is not None, (carrier, event["code"])
            seen += 1
            status = event.get("status")
            if status is None:
                continue
            other = read_code("karrio", "", status)
            assert other is not None, status
            if read[0] != other[0]:
                differ.add((carrier, event["code"]))
    assert seen > 70
    assert differ == OTHERWISE
