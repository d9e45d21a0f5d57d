"""Resolution reasons and root causes."""

from enum import StrEnum


class ResolutionReason(StrEnum):
    RESOLVED_AS_EXPECTED = "resolved_as_expected"
    CORRECTED_AND_RELEASED = "corrected_and_released"
    RESHIPPED = "reshipped"
    REROUTED = "rerouted"
    REFUNDED = "refunded"
    PARTIALLY_REFUNDED = "partially_refunded"
    APPEASED = "appeased"
    STORE_CREDIT = "store_credit"
    SUBSTITUTED = "substituted"
    CANCELLED = "cancelled"
    RETURNED = "returned"
    FALSE_POSITIVE = "false_positive"
    DUPLICATE = "duplicate"
    SOURCE_CLEARED = "source_cleared"
    SOURCE_CORRECTED = "source_corrected"
    CUSTOMER_CONFIRMED = "customer_confirmed"
    INSUFFICIENT_INFORMATION = "insufficient_information"
    OPERATIONAL_ERROR = "operational_error"
    POLICY_EXCEPTION_GRANTED = "policy_exception_granted"
    NO_FAULT_FOUND = "no_fault_found"


class RootCause(StrEnum):
    """What caused the problem."""

    AGENT_ERROR = "agent_error"
    """A person of the desks made a mistake."""
    UNCLEAR_POLICY = "unclear_policy"
    SYSTEM_DEFECT = "system_defect"
    UPSTREAM_DATA = "upstream_data"
    """A system sent wrong data, or sent it late."""
    CARRIER = "carrier"
    """Lost, damaged, delayed or wrongly delivered on the way."""
    WAREHOUSE = "warehouse"
    """Picked, packed, counted or shipped wrongly, or late."""
    SUPPLIER = "supplier"
    """Not supplied, supplied late, or defective."""
    PAYMENT_PROVIDER = "payment_provider"
    CUSTOMER = "customer"
    """For example a wrong address, or a parcel that was not collected."""
    FRAUD = "fraud"
    EXTERNAL_EVENT = "external_event"
    """Such as weather, a strike or customs."""
