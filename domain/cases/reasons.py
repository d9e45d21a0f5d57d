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
    AGENT_ERROR = "agent_error"
    UNCLEAR_POLICY = "unclear_policy"
    SYSTEM_DEFECT = "system_defect"
    UPSTREAM_DATA = "upstream_data"
