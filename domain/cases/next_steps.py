"""The vocabulary of next steps, for policy and cases: actions of tasks, and holds."""

from enum import StrEnum


class NextAction(StrEnum):
    """The action of a task."""

    NOTIFY_CUSTOMER = "notify_customer"
    ASK_CUSTOMER = "ask_customer"
    ASK_WAREHOUSE = "ask_warehouse"
    ASK_CARRIER = "ask_carrier"
    ASK_PAYMENT_PROVIDER = "ask_payment_provider"
    REROUTE = "reroute"
    FILE_CLAIM = "file_claim"
    CORRECT_RECORD = "correct_record"
    CHECK = "check"
    OTHER = "other"


class HoldOn(StrEnum):
    """The process that a hold stops."""

    FULFILMENT = "fulfilment"
    SHIPMENT = "shipment"
    PAYMENT_CAPTURE = "payment_capture"
    REFUND = "refund"


class HoldReason(StrEnum):
    """Shopify's reasons for a fulfilment hold."""

    AWAITING_PAYMENT = "awaiting_payment"
    AWAITING_RETURN_ITEMS = "awaiting_return_items"
    HIGH_RISK_OF_FRAUD = "high_risk_of_fraud"
    INCORRECT_ADDRESS = "incorrect_address"
    INVENTORY_OUT_OF_STOCK = "inventory_out_of_stock"
    UNKNOWN_DELIVERY_DATE = "unknown_delivery_date"
    OTHER = "other"
