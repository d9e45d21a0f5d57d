"""Real answers of 17 carriers are read whole, and as their normalised twins read them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.mappings.mapped import types
from tests.mappings.payloads import HERE, PAYLOADS, check, results, scans

CARRIERS: dict[str, int] = {
    "asendia/raw_TrackingResponse.json": 3,
    "australiapost/raw_TrackingResponse.json": 27,
    "australiapost/sample_tracking_response.json": 15,
    "bpost/raw_TrackingResponse.xml": 3,
    "canadapost/raw_TrackingResponseXml.xml": 6,
    "dhl_express/raw_IntransitTrackingResponseXML.xml": 1,
    "dhl_express/raw_TrackingResponseXML.xml": 19,
    "dhl_parcel_de/raw_TrackingResponseXML.xml": 7,
    "dhl_parcel_de/sample_tracking_response.json": 1,
    "dhl_poland/raw_TrackingResponseXML.xml": 2,
    "dpd/raw_TrackingResponse.xml": 15,
    "asendia/sample_tracking_response.json": 3,
    "sendle/sample_tracking_response.json": 9,
    "smartkargo/sample_partner_tracking_response.json": 1,
    "smartkargo/sample_tracking_response.json": 2,
    "hermes/raw_TrackingResponse.json": 4,
    "hermes/sample_tracking_response.json": 4,
    "mydhl/raw_TrackingResponse.json": 2,
    "mydhl/sample_tracking_response.json": 3,
    "parcelone/raw_TrackingResponseJSON.json": 5,
    "parcelone/sample_tracking_response.json": 3,
    "sendle/raw_TrackingResponse.json": 9,
    "smartkargo/raw_DotNetTicksTrackingResponse.json": 1,
    "smartkargo/raw_PartnerTrackingResponse.json": 2,
    "smartkargo/raw_TrackingResponse.json": 2,
    "spring/raw_TrackingResponse.json": 2,
    "spring/sample_tracking_response.json": 2,
    "teleship/raw_TrackingResponse.json": 5,
    "teleship/sample_tracking_response.json": 4,
    "ups/sample_tracking_response.json": 2,
    "usps/raw_TrackingResponse.json": 12,
}


def answers() -> list[str]:
    """What carriers answered; `request` is what they were asked."""
    found = (file for kind in ("raw_*", "sample_*") for file in PAYLOADS.glob(f"carriers/*/{kind}"))
    names = sorted(f"{file.parent.name}/{file.name}" for file in found)
    return [name for name in names if "request" not in name.lower()]


@HERE
@pytest.mark.parametrize("name", answers())
def test_carriers(name: str) -> None:
    """An answer that says that something failed is understood, and states nothing."""
    (result,) = results(name.partition("/")[0], PAYLOADS / "carriers" / name)
    if name == "usps/sample_tracking_responses.json":
        # A page of the schema has words in the place of codes.
        assert [(one.table, one.code) for one in result.unknown_codes] == [("usps", "string")]
        assert result.unread.keys() <= {"[].extendRetentionExtraServiceCodeOptions[]"}
        assert types(result) == scans(13)
    elif name == "ups/raw_TrackingResponseJSON.json":
        check(result, {"shipment.scanned": 1, "payment.pending": 1})
    else:
        check(result, scans(CARRIERS.get(name, 0)))


def twins() -> list[tuple[str, str]]:
    found = []
    for name in answers():
        carrier, _, file = name.partition("/")
        twin = file.replace("raw_", "normalized_Parsed").replace("Intransit", "InTransit")
        for word in ("XML", "Xml", "JSON"):
            twin = twin.replace(word, "")
        twin = f"{twin.rpartition('.')[0]}.json"
        if (
            file.startswith("raw_")
            and CARRIERS.get(name)
            and (PAYLOADS / "carriers" / carrier / twin).is_file()
        ):
            found.append((name, twin))
    return found


def events(normalised: Any) -> Iterator[Any]:
    if isinstance(normalised, list):
        for one in normalised:
            yield from events(one)
    elif isinstance(normalised, dict):
        yield from normalised.get("events", ())


SAME = {"in_transit": "in_transit", "out_for_delivery": "out_for_delivery", "delivered": "delivered", "ready_for_pickup": "available_for_pickup", "delivery_failed": "failure"}  # fmt: skip
NOT_SO = {
    # karrio reads the state of the whole parcel as that of each of its events
    "australiapost",
    # its hours are read without their `PM`
    "dpd",
    # it reads these as local times; the carrier tells the time in UTC beside it
    "usps",
    "sendle",
}
CLOSER = {("bpost", "L00"), ("dhl_parcel_de", "PO"), ("dpd", "ReturningFromDelivery")}
"""On its way to the door is closer than `in_transit`; back from the door is a failed delivery."""


@HERE
@pytest.mark.parametrize(("name", "twin"), twins())
def test_scans_say_what_their_normalised_twins_say(name: str, twin: str) -> None:
    carrier = name.partition("/")[0]
    (result,) = results(carrier, PAYLOADS / "carriers" / name)
    told = list(
        events(json.loads((PAYLOADS / "carriers" / carrier / twin).read_text(encoding="utf-8")))
    )
    assert told
    mine = [one for one in result.signals if one.document["type"] == "shipment.scanned"]
    if carrier != "australiapost":
        assert len(mine) == len(told)
    local = {str(one.document["event_time"])[:16].replace(" ", "T"): one for one in mine}
    by_code = {}
    for one in mine:
        code = str(one.document["code"]).rpartition("/")[2]
        by_code[code] = one
    for theirs in told:
        at = (theirs.get("timestamp") or "")[:16]
        if carrier not in NOT_SO:
            assert at in local, theirs
        code = theirs.get("code")
        if code is not None and carrier not in {"mydhl"}:
            assert str(code) in by_code, theirs
        expected = SAME.get(theirs.get("status") or "")
        if expected and code is not None and (carrier, code) not in CLOSER:
            signal: Any = by_code[str(code)].signal
            assert signal.status == expected, theirs
