"""Maps the status codes of four carrier vocabularies to our scan status and incident reason.

The raw code is kept beside the result, with the mapping's name and version, since mappings can be
wrong. A code that is not listed maps to `unknown`. Raise a mapping's version when you change it.
Where a vocabulary names no party at fault, the mapping names none.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from domain.orders.scan_status import IncidentReason as Why
from domain.orders.scan_status import ScanStatus

_Meaning = ScanStatus | tuple[ScanStatus, Why]

_UNKNOWN: Final = ScanStatus.UNKNOWN
_PRE: Final = ScanStatus.PRE_TRANSIT
_MOVING: Final = ScanStatus.IN_TRANSIT
_OUT: Final = ScanStatus.OUT_FOR_DELIVERY
_DONE: Final = ScanStatus.DELIVERED
_WAITING: Final = ScanStatus.AVAILABLE_FOR_PICKUP
_BACK: Final = ScanStatus.RETURN_TO_SENDER
_FAILED: Final = ScanStatus.FAILURE
_ERROR: Final = ScanStatus.ERROR


class CarrierMapping(Struct, frozen=True):
    name: str
    version: str
    codes: Mapping[str, _Meaning]
    reasons: Mapping[str, Why] = MappingProxyType({})
    """For vocabularies that give the reason of an incident in a code of its own."""


class CodeMeaning(Struct, frozen=True):
    """The fields of a scan that a carrier's code determines."""

    status: ScanStatus
    incident: Why | None
    code: str
    mapping: str
    mapping_version: str


EASYPOST: Final = CarrierMapping(
    name="easypost", version="1", codes={status.value: status for status in ScanStatus}
)

AFTERSHIP: Final = CarrierMapping(
    name="aftership",
    version="1",
    codes={
        "Pending": _UNKNOWN,
        "InfoReceived": _PRE,
        "InTransit": _MOVING,
        "OutForDelivery": _OUT,
        "AttemptFail": _FAILED,
        "Delivered": _DONE,
        "AvailableForPickup": _WAITING,
        "Exception": _ERROR,
        # Thirty days without a scan: nothing is known; the tracking-gap rule finds it.
        "Expired": _UNKNOWN,
        "Exception_001": _ERROR,
        "Exception_002": (_ERROR, Why.CONSIGNEE_INCORRECT_ADDRESS),
        "Exception_003": (_ERROR, Why.CONSIGNEE_REFUSED),
        "Exception_004": (_ERROR, Why.CUSTOMS_DELAY),
        "Exception_005": (_ERROR, Why.FORCE_MAJEURE),
        "Exception_006": (_ERROR, Why.CUSTOMS_DUTIES_UNPAID),
        "Exception_007": (_ERROR, Why.CONSIGNEE_INCORRECT_ADDRESS),
        "Exception_008": (_ERROR, Why.CONSIGNEE_NOT_AVAILABLE),
        # Rejected by the carrier: the parcel, the data or the carrier may be at fault.
        "Exception_009": (_ERROR, Why.UNKNOWN),
        "Exception_010": _BACK,
        "Exception_011": _BACK,
        "Exception_012": (_ERROR, Why.CARRIER_DAMAGED_PARCEL),
        "Exception_013": (_ERROR, Why.CARRIER_PARCEL_LOST),
        "Exception_016": (_ERROR, Why.UNKNOWN),
        "Exception_017": (_ERROR, Why.WEATHER_DELAY),
        "Exception_018": (_ERROR, Why.CUSTOMS_DOCUMENTATION),
    },
)

SHIPENGINE: Final = CarrierMapping(
    name="shipengine",
    version="1",
    codes={
        "UN": _UNKNOWN,
        "AC": _MOVING,
        "IT": _MOVING,
        "DE": _DONE,
        "EX": _ERROR,
        "AT": _FAILED,
        "NY": _PRE,
        "SP": _WAITING,
        # Values of status_detail_code, which is more exact than status_code where it is given.
        "CUSTOMS_PROCESSING": _MOVING,
        "DROPPED_OFF": _MOVING,
        "CARRIER_STATUS_NOT_MAPPED": _UNKNOWN,
    },
)

KARRIO: Final = CarrierMapping(
    name="karrio",
    version="1",
    codes={
        "pending": _PRE,
        "picked_up": _MOVING,
        "on_hold": (_ERROR, Why.UNKNOWN),
        "in_transit": _MOVING,
        "out_for_delivery": _OUT,
        "ready_for_pickup": _WAITING,
        "delivered": _DONE,
        "delivery_failed": _FAILED,
        "delivery_delayed": (_MOVING, Why.UNKNOWN),
        "return_to_sender": _BACK,
        "cancelled": ScanStatus.CANCELLED,
        "unknown": _UNKNOWN,
    },
    reasons={reason.value: reason for reason in Why},
)

MAPPINGS: Final[Mapping[str, CarrierMapping]] = MappingProxyType(
    {mapping.name: mapping for mapping in (EASYPOST, AFTERSHIP, SHIPENGINE, KARRIO)}
)


def map_carrier_code(mapping: CarrierMapping, code: str, reason: str = "") -> CodeMeaning:
    """Map a carrier's code, and its reason code where the vocabulary has one."""
    meaning = mapping.codes.get(code, _UNKNOWN)
    status, incident = meaning if isinstance(meaning, tuple) else (meaning, None)
    if reason:
        incident = mapping.reasons.get(reason, Why.UNKNOWN)
    return CodeMeaning(
        status=status,
        incident=incident,
        code=f"{code}/{reason}" if reason else code,
        mapping=mapping.name,
        mapping_version=mapping.version,
    )


def read_code(mapping: str, carrier: str, code: str) -> tuple[ScanStatus, Why | None, str] | None:
    """Status, incident and mapping version of a code; None if no mapping reads it.

    The mapping is named, else it is the carrier's own.
    """
    known = MAPPINGS.get((mapping or carrier).lower())
    if known is None or code not in known.codes:
        return None
    read = map_carrier_code(known, code)
    return read.status, read.incident, read.mapping_version
