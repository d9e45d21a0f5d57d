"""The own codes of single carriers, as their tracking answers give them.

Names are compared without spaces, hyphens and case. A code that is not listed means nothing.
Raise a mapping's version when you change it.
"""

from typing import Final

from domain.orders.carrier_mapping import (
    BACK,
    DONE,
    ERROR,
    FAILED,
    MOVING,
    OUT,
    PRE,
    UNKNOWN,
    WAITING,
    CarrierMapping,
    Meaning,
)
from domain.orders.scan_status import IncidentReason as Why
from domain.orders.scan_status import ScanStatus


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
        "PU": MOVING,
        "PL": MOVING,
        "PO": MOVING,
        "AF": MOVING,
        "AR": MOVING,
        "DF": MOVING,
        "RW": MOVING,
        "CR": MOVING,
        "WC": OUT,
        "OK": DONE,
        "CC": WAITING,
        "RT": BACK,
        "OH": (ERROR, Why.UNKNOWN),
        "BA": (FAILED, Why.CONSIGNEE_INCORRECT_ADDRESS),
        "CA": (FAILED, Why.CONSIGNEE_BUSINESS_CLOSED),
        "CM": (FAILED, Why.CONSIGNEE_INCORRECT_ADDRESS),
        "NH": (FAILED, Why.CONSIGNEE_NOT_HOME),
        "RD": (FAILED, Why.CONSIGNEE_REFUSED),
        "ND": FAILED,
    },
)
DHL_PARCEL_DE: Final = CarrierMapping(
    name="dhl_parcel_de",
    version="1",
    codes={
        # standard-event-code
        "ES": MOVING,
        "AE": MOVING,
        "AA": MOVING,
        "EE": MOVING,
        "PO": OUT,
        "ZU": DONE,
        # ice
        "SHRCU": MOVING,
        "PCKDU": MOVING,
        "LDTMV": MOVING,
        "ULFMV": MOVING,
        "SRTED": OUT,
        "DLVRD": DONE,
        # statusCode of the answer that all companies of DHL share
        "pre-transit": PRE,
        "transit": MOVING,
        "delivered": DONE,
        "failure": FAILED,
        "unknown": UNKNOWN,
    },
)
# An answer of `dhl` may come from either company.
DHL: Final = CarrierMapping(name="dhl", version="1", codes=same_in_both(DHL_EXPRESS, DHL_PARCEL_DE))
UPS: Final = CarrierMapping(
    name="ups",
    version="1",
    codes={
        # status.type
        "M": PRE,
        "MV": ScanStatus.CANCELLED,
        "P": MOVING,
        "I": MOVING,
        "O": OUT,
        "D": DONE,
        "X": (ERROR, Why.UNKNOWN),
        "RS": BACK,
        # status.statusCode
        "003": PRE,
        "005": MOVING,
        "006": OUT,
        "007": ScanStatus.CANCELLED,
        "011": DONE,
        "012": MOVING,
        "013": (ERROR, Why.UNKNOWN),
        "014": MOVING,
        "017": WAITING,
        "021": OUT,
        "022": FAILED,
        "023": FAILED,
        "024": FAILED,
        "032": (MOVING, Why.WEATHER_DELAY),
        "038": MOVING,
        "040": WAITING,
    },
    # status.code: released by customs.
    details={"SR": MOVING},
)
USPS: Final = CarrierMapping(
    name="usps",
    version="1",
    codes={
        "GX": PRE,
        "MA": PRE,
        "03": MOVING,
        "07": MOVING,
        "10": MOVING,
        "A1": MOVING,
        "OA": MOVING,
        "SF": MOVING,
        "T1": MOVING,
        "TL": MOVING,
        "06": MOVING,
        "08": (MOVING, Why.CARRIER_SORTING_ERROR),
        "OF": OUT,
        "01": DONE,
        "02": FAILED,
        "16": WAITING,
        "04": (ERROR, Why.CONSIGNEE_REFUSED),
        "05": (ERROR, Why.CONSIGNEE_INCORRECT_ADDRESS),
        "21": (ERROR, Why.CONSIGNEE_INCORRECT_ADDRESS),
        "22": (ERROR, Why.CONSIGNEE_INCORRECT_ADDRESS),
        "23": (ERROR, Why.CONSIGNEE_INCORRECT_ADDRESS),
        "09": BACK,
    },
)
DPD: Final = CarrierMapping(
    name="dpd",
    version="1",
    codes={
        "SHIPMENT": PRE,
        "PickedUp": MOVING,
        "Depot": MOVING,
        "BetweenDepots": MOVING,
        "Courier": OUT,
        "ParcelShop": WAITING,
        "Delivered": DONE,
        "DeliveryFailure": FAILED,
        # Back at the depot after an attempt that failed.
        "ReturningFromDelivery": FAILED,
    },
)
CANADA_POST: Final = CarrierMapping(
    name="canadapost",
    version="1",
    codes={
        "0100": MOVING,
        "0173": (MOVING, Why.CONSIGNEE_INCORRECT_ADDRESS),
        "0174": OUT,
        "1496": DONE,
        # A signature was recorded: says nothing about where the parcel is.
        "20": UNKNOWN,
    },
)
BPOST: Final = CarrierMapping(
    name="bpost", version="1", codes={"T00": MOVING, "L00": OUT, "U01": DONE}
)
HERMES: Final = CarrierMapping(
    name="hermes", version="1", codes={"0000": PRE, "2000": MOVING, "3000": OUT, "3500": DONE}
)
ASENDIA: Final = CarrierMapping(
    name="asendia", version="1", codes={"PU": MOVING, "IT": MOVING, "DL": DONE}
)
PARCELONE: Final = CarrierMapping(
    name="parcelone",
    version="1",
    codes={
        "REGISTERED": PRE,
        "IN_TRANSIT": MOVING,
        "ARRIVED": MOVING,
        "OUT_FOR_DELIVERY": OUT,
        "DELIVERED": DONE,
        "UNKNOWN": UNKNOWN,
    },
)
SENDLE: Final = CarrierMapping(
    name="sendle",
    version="1",
    codes={
        "Pickup Attempted": (PRE, Why.UNKNOWN),
        "Pickup": MOVING,
        "In Transit": MOVING,
        "Out for Delivery": OUT,
        "Delivered": DONE,
    },
)
SMARTKARGO: Final = CarrierMapping(
    name="smartkargo",
    version="1",
    codes={"BKD": PRE, "RCS": MOVING, "DEP": MOVING, "PND": MOVING, "DDL": DONE},
)
SPRING: Final = CarrierMapping(
    name="spring", version="1", codes={"20": MOVING, "9301": OUT, "100": DONE}
)
TELESHIP: Final = CarrierMapping(
    name="teleship",
    version="1",
    codes={
        "collected": MOVING,
        "picked_up": MOVING,
        "in_hub": MOVING,
        "in_transit": MOVING,
        "customs_cleared": MOVING,
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
