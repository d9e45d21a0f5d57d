"""The statuses of a parcel's scan, and the reasons and parties of an incident."""

from enum import StrEnum


class ScanStatus(StrEnum):
    """EasyPost's tracker statuses: the vocabulary that most carriers are mapped to."""

    UNKNOWN = "unknown"
    PRE_TRANSIT = "pre_transit"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"
    AVAILABLE_FOR_PICKUP = "available_for_pickup"
    RETURN_TO_SENDER = "return_to_sender"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    ERROR = "error"


class FaultParty(StrEnum):
    """The party that caused an incident: the prefix of its reason."""

    CARRIER = "carrier"
    RETAILER = "retailer"
    CONSIGNEE = "consignee"
    CUSTOMS = "customs"
    NOBODY = "nobody"
    UNKNOWN = "unknown"


class IncidentReason(StrEnum):
    """Why a parcel does not move as it should: karrio's reasons."""

    CARRIER_DAMAGED_PARCEL = "carrier_damaged_parcel"
    CARRIER_SORTING_ERROR = "carrier_sorting_error"
    CARRIER_ADDRESS_NOT_FOUND = "carrier_address_not_found"
    CARRIER_PARCEL_LOST = "carrier_parcel_lost"
    CARRIER_NOT_ENOUGH_TIME = "carrier_not_enough_time"
    CARRIER_VEHICLE_ISSUE = "carrier_vehicle_issue"
    CARRIER_CAPACITY_EXCEEDED = "carrier_capacity_exceeded"
    CARRIER_MECHANICAL_DELAY = "carrier_mechanical_delay"
    RETAILER_CANCELLED = "retailer_cancelled"
    RETAILER_INCORRECT_DATA = "retailer_incorrect_data"
    RETAILER_NOT_READY = "retailer_not_ready"
    RETAILER_INCORRECT_PARCEL = "retailer_incorrect_parcel"
    RETAILER_INCORRECT_DIMENSIONS = "retailer_incorrect_dimensions"
    RETAILER_PACKAGING_ISSUE = "retailer_packaging_issue"
    CONSIGNEE_REFUSED = "consignee_refused"
    CONSIGNEE_BUSINESS_CLOSED = "consignee_business_closed"
    CONSIGNEE_NOT_AVAILABLE = "consignee_not_available"
    CONSIGNEE_NOT_HOME = "consignee_not_home"
    CONSIGNEE_CANCELLED = "consignee_cancelled"
    CONSIGNEE_VERIFICATION_FAILED = "consignee_verification_failed"
    CONSIGNEE_INCORRECT_ADDRESS = "consignee_incorrect_address"
    CONSIGNEE_ACCESS_RESTRICTED = "consignee_access_restricted"
    CONSIGNEE_SAFE_PLACE_UNAVAILABLE = "consignee_safe_place_unavailable"
    CUSTOMS_DELAY = "customs_delay"
    CUSTOMS_DOCUMENTATION = "customs_documentation"
    CUSTOMS_DUTIES_UNPAID = "customs_duties_unpaid"
    CUSTOMS_PROHIBITED = "customs_prohibited"
    CUSTOMS_INSPECTION = "customs_inspection"
    WEATHER_DELAY = "weather_delay"
    NATURAL_DISASTER = "natural_disaster"
    FORCE_MAJEURE = "force_majeure"
    PARCEL_BEING_RESEARCHED = "parcel_being_researched"
    SECURITY_ISSUE = "security_issue"
    REGULATORY_HOLD = "regulatory_hold"
    UNKNOWN = "unknown"

    @property
    def fault_party(self) -> FaultParty:
        if self in (IncidentReason.UNKNOWN, IncidentReason.PARCEL_BEING_RESEARCHED):
            return FaultParty.UNKNOWN
        prefix = self.value.partition("_")[0]
        return FaultParty(prefix) if prefix in _PREFIXES else FaultParty.NOBODY


_PREFIXES = frozenset(party.value for party in FaultParty)
