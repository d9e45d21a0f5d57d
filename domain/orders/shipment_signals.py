"""Signals about parcels.

A carrier's raw code is kept beside our status and incident, with the name and version of the mapping
(`carrier_codes.py`): a mapping can be wrong, and is then corrected.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, structs

from domain.orders.carrier_codes import find_mapping, read_code
from domain.orders.scan_status import IncidentReason, ScanStatus
from domain.orders.signal_body import (
    PiecesOfLines,
    Promise,
    ReasonText,
    SignalBody,
    SourceId,
    given,
)
from domain.orders.signal_times import Moment, normalize_moment
from domain.texts import Text, form

Estimate = Annotated[
    str,
    form(
        r"\d{4}-\d\d-\d\d([Tt ][0-9:.,+\-Zz]{1,30})?",
        "a day such as 2026-12-24, or a time of RFC 3339",
        "The carrier's own estimate, never a promise: a day or a time.",
    ),
]


ShipmentId = Annotated[
    SourceId,
    Meta(
        description="The parcel; without it, tracking code and fulfilment, it is about every parcel "
        "stated before it."
    ),
]


class Direction(StrEnum):
    OUT = "out"
    BACK = "back"


class ParcelSignal(SignalBody, frozen=True, kw_only=True):
    """The fields that every signal about a parcel may have; it names the parcel by `shipment`, or by
    carrier and tracking code."""

    fulfilment: SourceId | UnsetType = UNSET
    direction: Direction | UnsetType = UNSET
    rma: Text | UnsetType = UNSET
    """The return that a parcel on its way back belongs to."""
    lines: PiecesOfLines | UnsetType = UNSET
    promise: Promise | UnsetType = UNSET
    ship_by: Moment | UnsetType = UNSET
    estimate: Estimate | UnsetType = UNSET
    collect_by: Moment | UnsetType = UNSET
    """Until when it can be collected."""
    proof: Text | UnsetType = UNSET
    """The proof of delivery: who signed, or where the picture is."""

    def __post_init__(self) -> None:
        SignalBody.__post_init__(self)
        for name in ("ship_by", "collect_by"):
            if isinstance(getattr(self, name), datetime):
                normalize_moment(self, name)

    @property
    def parcel(self) -> str | None:
        """The parcel's identity within the order; None if the signal names none."""
        shipment: str | None = getattr(self, "shipment", None)
        if shipment is not None:
            return shipment
        carrier, tracking = getattr(self, "carrier", ""), getattr(self, "tracking", "")
        if isinstance(tracking, str) and tracking:
            return f"{carrier if isinstance(carrier, str) else ''}:{tracking}"
        return None


class LabelCreated(ParcelSignal, frozen=True, kw_only=True, tag="shipment.label_created"):
    """A label was created: the carrier knows of the parcel, but does not have it yet."""

    shipment: ShipmentId | None = None
    carrier: Text = ""
    tracking: Text = ""
    location: Text | UnsetType = UNSET


class ShipmentCancelled(ParcelSignal, frozen=True, kw_only=True, tag="shipment.cancelled"):
    """The parcel will not be sent: its pieces are to be sent otherwise."""

    shipment: ShipmentId | None = None
    carrier: Text = ""
    tracking: Text = ""
    location: Text | UnsetType = UNSET
    reason: ReasonText = ""


class HandedOver(ParcelSignal, frozen=True, kw_only=True, tag="shipment.handed_over"):
    """The parcel was handed to the carrier."""

    shipment: ShipmentId | None = None
    carrier: Text = ""
    tracking: Text = ""
    location: Text | UnsetType = UNSET


class Scanned(ParcelSignal, frozen=True, kw_only=True, tag="shipment.scanned"):
    """A carrier's scan of the parcel; without a status, the mapping reads the carrier's code."""

    status: ScanStatus | None = None
    shipment: ShipmentId | None = None
    carrier: Text = ""
    code: Text = ""
    """The carrier's raw code."""
    location: Text = ""
    incident: IncidentReason | None = None
    mapping: Text = ""
    """The mapping that gave status and incident, e.g. aftership."""
    mapping_version: Text = ""
    tracking: Text | UnsetType = UNSET
    reason: ReasonText | UnsetType = UNSET

    def __post_init__(self) -> None:
        ParcelSignal.__post_init__(self)
        if self.status is None:
            if not self.code:
                raise ValueError("give the `status`, or the carrier's `code` and its `mapping`")
            _read_code(self)


class Delivered(ParcelSignal, frozen=True, kw_only=True, tag="shipment.delivered"):
    """The parcel was delivered, or fetched where it waited. Without a parcel, it is about every parcel that was
    stated before it."""

    shipment: ShipmentId | None = None
    carrier: Text | UnsetType = UNSET
    tracking: Text | UnsetType = UNSET
    location: Text | UnsetType = UNSET


class DeliveryFailed(ParcelSignal, frozen=True, kw_only=True, tag="shipment.delivery_failed"):
    """The carrier tried to deliver the parcel, and could not."""

    shipment: ShipmentId | None = None
    reason: ReasonText = ""
    code: Text = ""
    incident: IncidentReason | None = None
    mapping: Text = ""
    """The mapping that gave status and incident, e.g. aftership."""
    mapping_version: Text = ""
    carrier: Text | UnsetType = UNSET
    tracking: Text | UnsetType = UNSET
    location: Text | UnsetType = UNSET

    def __post_init__(self) -> None:
        ParcelSignal.__post_init__(self)
        if self.code and self.mapping and not self.mapping_version and self.incident is None:
            _read_code(self)


class DamageReported(ParcelSignal, frozen=True, kw_only=True, tag="shipment.damage_reported"):
    """The customer, or support for the customer, reports that the goods arrived damaged."""

    shipment: ShipmentId | None = None
    reason: ReasonText = ""
    carrier: Text | UnsetType = UNSET
    tracking: Text | UnsetType = UNSET
    location: Text | UnsetType = UNSET


class ShipmentLost(ParcelSignal, frozen=True, kw_only=True, tag="shipment.lost"):
    """The carrier, or the shop after a search, says that the parcel is lost."""

    shipment: ShipmentId | None = None
    reason: ReasonText = ""
    carrier: Text | UnsetType = UNSET
    tracking: Text | UnsetType = UNSET
    location: Text | UnsetType = UNSET


class ClaimKind(StrEnum):
    NOT_RECEIVED = "not_received"
    DAMAGED = "damaged"
    WRONG_ITEM = "wrong_item"
    MISSING_ITEM = "missing_item"
    NOT_AS_DESCRIBED = "not_as_described"


class CustomerClaimed(ParcelSignal, frozen=True, kw_only=True, tag="customer.claimed"):
    """The customer says what is wrong with what came, or that nothing came."""

    kind: ClaimKind
    shipment: ShipmentId | None = None
    summary: ReasonText = ""


def _read_code(signal: Scanned | DeliveryFailed) -> None:
    """Fill in what the mapping reads from the carrier's code; a code that none reads is `unknown`."""
    refs = given(signal.refs)
    carrier = given(signal.carrier) or ""
    if not carrier and refs is not None and refs.tracking is not None:
        carrier = refs.tracking.carrier
    known = find_mapping(signal.mapping, carrier)
    read = read_code(signal.mapping, carrier, signal.code)
    if read is not None and known is not None:
        _, incident, version = read
        structs.force_setattr(signal, "mapping", signal.mapping or known.name)
        structs.force_setattr(signal, "mapping_version", version)
        if signal.incident is None:
            structs.force_setattr(signal, "incident", incident)
    if isinstance(signal, Scanned):
        structs.force_setattr(signal, "status", read[0] if read else ScanStatus.UNKNOWN)
