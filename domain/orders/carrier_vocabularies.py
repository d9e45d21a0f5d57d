"""The vocabularies of EasyPost, AfterShip, ShipEngine and karrio, which each read many carriers.

A code that is not listed means nothing. Raise a mapping's version when you change it. Where a vocabulary
names no party at fault, the mapping names none.
"""

from typing import Final

from domain.orders.carrier_mapping import CarrierMapping
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

EASYPOST: Final = CarrierMapping(
    name="easypost",
    version="2",
    codes={status.value: status for status in ScanStatus},
    # Values of status_detail that are no status.
    details={
        "address_correction": (_MOVING, Why.CONSIGNEE_INCORRECT_ADDRESS),
        "arrived_at_destination": _MOVING,
        "arrived_at_facility": _MOVING,
        "arrived_at_pickup_location": _WAITING,
        "awaiting_information": (_ERROR, Why.UNKNOWN),
        "damaged": Why.CARRIER_DAMAGED_PARCEL,
        "delayed": (_MOVING, Why.UNKNOWN),
        "delivery_exception": (_ERROR, Why.UNKNOWN),
        "departed_facility": _MOVING,
        "departed_origin_facility": _MOVING,
        "expired": _UNKNOWN,
        # Held at the customer's wish or for a problem: the status says more.
        "held": _ERROR,
        "label_created": _PRE,
        "lost": Why.CARRIER_PARCEL_LOST,
        "missorted": (_MOVING, Why.CARRIER_SORTING_ERROR),
        "received_at_destination_facility": _MOVING,
        "received_at_origin_facility": _MOVING,
        "refused": Why.CONSIGNEE_REFUSED,
        "return": _BACK,
        "status_update": _UNKNOWN,
        "transferred_to_destination_carrier": _MOVING,
        "transit_exception": (_ERROR, Why.UNKNOWN),
        "weather_delay": (_MOVING, Why.WEATHER_DELAY),
    },
)

AFTERSHIP: Final = CarrierMapping(
    name="aftership",
    version="2",
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
        "AttemptFail_001": _FAILED,
        "AttemptFail_002": (_FAILED, Why.CONSIGNEE_NOT_AVAILABLE),
        "AttemptFail_003": (_FAILED, Why.CONSIGNEE_BUSINESS_CLOSED),
        "AvailableForPickup_001": _WAITING,
        "InfoReceived_001": _PRE,
        "Expired_001": _UNKNOWN,
        "OutForDelivery_001": _OUT,
        "OutForDelivery_003": _OUT,
        "OutForDelivery_004": _OUT,
        **{f"Delivered_{number:03}": _DONE for number in range(1, 6)},
        **{f"InTransit_{number:03}": _MOVING for number in range(1, 10)},
        **{f"Pending_{number:03}": _UNKNOWN for number in range(1, 7)},
    },
)

SHIPENGINE: Final = CarrierMapping(
    name="shipengine",
    version="2",
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
    details={
        "SHIPMENT_CREATED": _PRE,
        "AWAITING_PICKUP_DROP_OFF": _PRE,
        "AWAITING_DESPATCH": _PRE,
        "AWAITING_ELECTRONIC_ADVICE": _PRE,
        "COLLECTION_FAILED": (_PRE, Why.UNKNOWN),
        "COLLECTION_REQUESTED": _PRE,
        "ELEC_ADVICE_RECD_BY_CARRIER": _PRE,
        "NOT_YET_RECEIVED_BY_CARRIER": (_PRE, Why.RETAILER_NOT_READY),
        "DESPATCHED": _MOVING,
        "COLLECTION_MADE": _MOVING,
        "PICKED_UP": _MOVING,
        "RECEIVED_BY_CARRIER": _MOVING,
        "RECD_BY_CARRIER_NO_ELEC_ADVICE": _MOVING,
        "RECEIVED_LOCAL_DELIVERY_DEPOT": _MOVING,
        "CUSTOMS_CLEARED": _MOVING,
        "DELIVERY_ARRANGED_WITH_RECIPIENT": _MOVING,
        "DELIVERY_SCHEDULED": _MOVING,
        "DELIVERY_RESCHEDULED": (_MOVING, Why.UNKNOWN),
        "HUB_SCAN_IN": _MOVING,
        "HUB_SCAN_OUT": _MOVING,
        "HUB_PROCESSING": _MOVING,
        "IN_TRANSIT": _MOVING,
        "PARCEL_OVER_LABELLED": _MOVING,
        "PARCEL_REDIRECTED": _MOVING,
        "PARCEL_REPACKED": (_MOVING, Why.UNKNOWN),
        "SUB_CONTRACTOR_EVENT": _MOVING,
        "SUB_CONTRACTOR_RECEIVED": _MOVING,
        # A part of the parcel's goods: it is not delivered, and somebody has to look.
        "DELIVERED_IN_PART": (_MOVING, Why.UNKNOWN),
        "CARRIER_DELAYS": (_MOVING, Why.UNKNOWN),
        "DELAYED_NOT_CARRIER": (_MOVING, Why.UNKNOWN),
        "MISSORTED": (_MOVING, Why.CARRIER_SORTING_ERROR),
        "ROUTING_ERROR": (_MOVING, Why.CARRIER_SORTING_ERROR),
        "INFORMATION": _UNKNOWN,
        "PARCEL_UPDATE_NOTIFICATION": _UNKNOWN,
        "PARCEL_UPDATE_NOTIFICATION_VIA_EMAIL": _UNKNOWN,
        "PARCEL_UPDATE_NOTIFICATION_VIA_SMS": _UNKNOWN,
        "POST_TRANSIT_STATUS": _UNKNOWN,
        "COD_AMOUNT_PAID": _UNKNOWN,
        "OUT_FOR_DELIVERY": _OUT,
        "ATTEMPTED_DELIVERY": _FAILED,
        "ATTEMPTED_DELIVERY_2ND": _FAILED,
        "ATTEMPTED_DELIVERY_3RD": _FAILED,
        "ATTEMPTED_DELIVERY_FINAL": _FAILED,
        "CUSTOMER_CARDED": _FAILED,
        "COD_AMOUNT_NOT_PAID": (_FAILED, Why.UNKNOWN),
        "INVALID_METHOD_OF_PAYMENT": (_FAILED, Why.UNKNOWN),
        "CUSTOMER_IDENTIFICATION_FAILED": (_FAILED, Why.CONSIGNEE_VERIFICATION_FAILED),
        "NO_ACCESS_TO_RECIPIENTS_ADDRESS": (_FAILED, Why.CONSIGNEE_ACCESS_RESTRICTED),
        "DELIVERED": _DONE,
        "DELIVERED_DAMAGED": (_DONE, Why.CARRIER_DAMAGED_PARCEL),
        "DELIVERED_SPECIFIED_SAFE_PLACE": _DONE,
        "DELIVERED_TO_NEIGHBOUR": _DONE,
        "DELIVERED_TO_PO_BOX": _DONE,
        "PARCEL_COLLECTED_FROM_PICKUP_POINT": _DONE,
        "PROOF_OF_DELIVERY": _DONE,
        "AWAITING_COLLECTION_FROM_PICKUP_POINT": _WAITING,
        "COLLECT_AT_LOCAL_PO": _WAITING,
        "CUSTOMER_TO_COLLECT_FROM_CARRIER": _WAITING,
        "DELIVERED_TO_ALTERNATIVE_DELIVERY_LOCATION": _WAITING,
        "DELIVERED_TO_LOCKER_COLLECTION_POINT": _WAITING,
        "CANCELLED": ScanStatus.CANCELLED,
        "CANCELLED_BEFORE_DESPATCH": ScanStatus.CANCELLED,
        "RETURN_TO_SENDER": _BACK,
        "NOT_DELIVERED": _BACK,
        "CUSTOMER_MOVED": (_BACK, Why.CONSIGNEE_INCORRECT_ADDRESS),
        "HAZARDOUS_PROHIBITED": (_BACK, Why.RETAILER_INCORRECT_PARCEL),
        "NOT_COLLECTED_FROM_PICKUP_POINT": (_BACK, Why.CONSIGNEE_NOT_AVAILABLE),
        "PARCEL_OUTSIDE_OF_SERVICE_CAPABILITY": (_BACK, Why.RETAILER_INCORRECT_DIMENSIONS),
        "REFUSED_BY_CUSTOMER": (_BACK, Why.CONSIGNEE_REFUSED),
        "ADDRESS_QUERY": (_ERROR, Why.CONSIGNEE_INCORRECT_ADDRESS),
        "HELD_BY_CARRIER": (_ERROR, Why.UNKNOWN),
        "HELD_BY_CARRIER_FOR_CLEARANCE_PRE_PROCESSING": (_ERROR, Why.CUSTOMS_DELAY),
        "HELD_BY_CUSTOMS": (_ERROR, Why.CUSTOMS_DELAY),
        "HELD_BY_EXPORT_CUSTOMS": (_ERROR, Why.CUSTOMS_DELAY),
        "HELD_BY_IMPORT_CUSTOMS": (_ERROR, Why.CUSTOMS_DELAY),
        "INCORRECT_DECLARATION": (_ERROR, Why.RETAILER_INCORRECT_DIMENSIONS),
        "NOT_DELIVERED_ADDRESSEE_DECEASED": (_ERROR, Why.CONSIGNEE_NOT_AVAILABLE),
        "PARCEL_DAMAGED": (_ERROR, Why.CARRIER_DAMAGED_PARCEL),
        "PARCEL_DISPOSED": (_ERROR, Why.UNKNOWN),
        "PARCEL_LOST": (_ERROR, Why.CARRIER_PARCEL_LOST),
    },
)

KARRIO: Final = CarrierMapping(
    name="karrio",
    version="2",
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
    # `unknown` alone is the status.
    details={reason.value: reason for reason in Why if reason is not Why.UNKNOWN},
)
