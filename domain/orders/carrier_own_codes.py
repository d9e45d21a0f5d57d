"""The own codes of single carriers, as their tracking answers give them.

Names are compared without spaces, hyphens and case. A code that is not listed means nothing.
Raise a mapping's version when you change it.
"""

from typing import Final

from domain.orders.carrier_mapping import CarrierMapping, Meaning
from domain.orders.scan_status import IncidentReason as Why
from domain.orders.scan_status import ScanStatus

_UNKNOWN: Final = ScanStatus.UNKNOWN
_PRE: Final = ScanStatus.PRE_TRANSIT
_MOVING: Final = ScanStatus.IN_TRANSIT
_OUT: Final = ScanStatus.OUT_FOR_DELIVERY
_DONE: Final = ScanStatus.DELIVERED
_WAITING: Final = ScanStatus.AVAILABLE_FOR_PICKUP
_BACK: Final = ScanStatus.RETURN_TO_SENDER
_FAILED: Final = ScanStatus.FAILURE
_ERROR: Final = ScanStatus.ERROR


def same_in_both(one: CarrierMapping, other: CarrierMapping) -> dict[str, Meaning]:
    """The codes of both, without those that mean one thing here and another there."""
    clash = {
        code for code in one.codes.keys() & other.codes if one.codes[code] != other.codes[code]
    }
    return {code: mean for code, mean in {**one.codes, **other.codes}.items() if code not in clash}


DHL_EXPRESS: Final = CarrierMapping(
    name="dhl_express",
    version="1",
    codes={
        "PU": _MOVING,
        "PL": _MOVING,
        "PO": _MOVING,
        "AF": _MOVING,
        "AR": _MOVING,
        "DF": _MOVING,
        "RW": _MOVING,
        "CR": _MOVING,
        "WC": _OUT,
        "OK": _DONE,
        "CC": _WAITING,
        "RT": _BACK,
        "OH": (_ERROR, Why.UNKNOWN),
        "BA": (_FAILED, Why.CONSIGNEE_INCORRECT_ADDRESS),
        "CA": (_FAILED, Why.CONSIGNEE_BUSINESS_CLOSED),
        "CM": (_FAILED, Why.CONSIGNEE_INCORRECT_ADDRESS),
        "NH": (_FAILED, Why.CONSIGNEE_NOT_HOME),
        "RD": (_FAILED, Why.CONSIGNEE_REFUSED),
        "ND": _FAILED,
    },
)
DHL_PARCEL_DE: Final = CarrierMapping(
    name="dhl_parcel_de",
    version="1",
    codes={
        # standard-event-code
        "ES": _MOVING,
        "AE": _MOVING,
        "AA": _MOVING,
        "EE": _MOVING,
        "PO": _OUT,
        "ZU": _DONE,
        # ice
        "SHRCU": _MOVING,
        "PCKDU": _MOVING,
        "LDTMV": _MOVING,
        "ULFMV": _MOVING,
        "SRTED": _OUT,
        "DLVRD": _DONE,
        # statusCode of the answer that all companies of DHL share
        "pre-transit": _PRE,
        "transit": _MOVING,
        "delivered": _DONE,
        "failure": _FAILED,
        "unknown": _UNKNOWN,
    },
)
# An answer of `dhl` may come from either company.
DHL: Final = CarrierMapping(name="dhl", version="1", codes=same_in_both(DHL_EXPRESS, DHL_PARCEL_DE))
UPS: Final = CarrierMapping(
    name="ups",
    version="1",
    codes={
        # status.type
        "M": _PRE,
        "MV": ScanStatus.CANCELLED,
        "P": _MOVING,
        "I": _MOVING,
        "O": _OUT,
        "D": _DONE,
        "X": (_ERROR, Why.UNKNOWN),
        "RS": _BACK,
        # status.statusCode
        "003": _PRE,
        "005": _MOVING,
        "006": _OUT,
        "007": ScanStatus.CANCELLED,
        "011": _DONE,
        "012": _MOVING,
        "013": (_ERROR, Why.UNKNOWN),
        "014": _MOVING,
        "017": _WAITING,
        "021": _OUT,
        "022": _FAILED,
        "023": _FAILED,
        "024": _FAILED,
        "032": (_MOVING, Why.WEATHER_DELAY),
        "038": _MOVING,
        "040": _WAITING,
    },
    # status.code: released by customs.
    details={"SR": _MOVING},
)
USPS: Final = CarrierMapping(
    name="usps",
    version="1",
    codes={
        "GX": _PRE,
        "MA": _PRE,
        "03": _MOVING,
        "07": _MOVING,
        "10": _MOVING,
        "A1": _MOVING,
        "OA": _MOVING,
        "SF": _MOVING,
        "T1": _MOVING,
        "TL": _MOVING,
        "06": _MOVING,
        "08": (_MOVING, Why.CARRIER_SORTING_ERROR),
        "OF": _OUT,
        "01": _DONE,
        "02": _FAILED,
        "16": _WAITING,
        "04": (_ERROR, Why.CONSIGNEE_REFUSED),
        "05": (_ERROR, Why.CONSIGNEE_INCORRECT_ADDRESS),
        "21": (_ERROR, Why.CONSIGNEE_INCORRECT_ADDRESS),
        "22": (_ERROR, Why.CONSIGNEE_INCORRECT_ADDRESS),
        "23": (_ERROR, Why.CONSIGNEE_INCORRECT_ADDRESS),
        "09": _BACK,
    },
)
DPD: Final = CarrierMapping(
    name="dpd",
    version="1",
    codes={
        "SHIPMENT": _PRE,
        "PickedUp": _MOVING,
        "Depot": _MOVING,
        "BetweenDepots": _MOVING,
        "Courier": _OUT,
        "ParcelShop": _WAITING,
        "Delivered": _DONE,
        "DeliveryFailure": _FAILED,
        # Back at the depot after an attempt that failed.
        "ReturningFromDelivery": _FAILED,
    },
)
CANADA_POST: Final = CarrierMapping(
    name="canadapost",
    version="1",
    codes={
        "0100": _MOVING,
        "0173": (_MOVING, Why.CONSIGNEE_INCORRECT_ADDRESS),
        "0174": _OUT,
        "1496": _DONE,
        # A signature was recorded: says nothing about where the parcel is.
        "20": _UNKNOWN,
    },
)
BPOST: Final = CarrierMapping(
    name="bpost", version="1", codes={"T00": _MOVING, "L00": _OUT, "U01": _DONE}
)
HERMES: Final = CarrierMapping(
    name="hermes", version="1", codes={"0000": _PRE, "2000": _MOVING, "3000": _OUT, "3500": _DONE}
)
ASENDIA: Final = CarrierMapping(
    name="asendia", version="1", codes={"PU": _MOVING, "IT": _MOVING, "DL": _DONE}
)
PARCELONE: Final = CarrierMapping(
    name="parcelone",
    version="1",
    codes={
        "REGISTERED": _PRE,
        "IN_TRANSIT": _MOVING,
        "ARRIVED": _MOVING,
        "OUT_FOR_DELIVERY": _OUT,
        "DELIVERED": _DONE,
        "UNKNOWN": _UNKNOWN,
    },
)
SENDLE: Final = CarrierMapping(
    name="sendle",
    version="1",
    codes={
        "Pickup Attempted": (_PRE, Why.UNKNOWN),
        "Pickup": _MOVING,
        "In Transit": _MOVING,
        "Out for Delivery": _OUT,
        "Delivered": _DONE,
    },
)
SMARTKARGO: Final = CarrierMapping(
    name="smartkargo",
    version="1",
    codes={"BKD": _PRE, "RCS": _MOVING, "DEP": _MOVING, "PND": _MOVING, "DDL": _DONE},
)
SPRING: Final = CarrierMapping(
    name="spring", version="1", codes={"20": _MOVING, "9301": _OUT, "100": _DONE}
)
TELESHIP: Final = CarrierMapping(
    name="teleship",
    version="1",
    codes={
        "collected": _MOVING,
        "picked_up": _MOVING,
        "in_hub": _MOVING,
        "in_transit": _MOVING,
        "customs_cleared": _MOVING,
    },
)

OWN: Final = (
    DHL,
    DHL_EXPRESS,
    DHL_PARCEL_DE,
    UPS,
    USPS,
    DPD,
    CANADA_POST,
    BPOST,
    HERMES,
    ASENDIA,
    PARCELONE,
    SENDLE,
    SMARTKARGO,
    SPRING,
    TELESHIP,
)
OTHER_NAMES: Final = {
    "mydhl": DHL_EXPRESS,
    "dhlparcel": DHL_PARCEL_DE,
    "deutschepost": DHL_PARCEL_DE,
}
