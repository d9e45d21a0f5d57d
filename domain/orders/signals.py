"""Signals: the statements of outside systems about an order, each with its source, id and time.

Each subject has a module of its own (`payment_signals.py`, …); this module collects them.
"""

from datetime import datetime
from typing import TypeAlias

from domain.orders.message_signals import Channel, MessageReceived, MessageSent, WarehouseNoted
from domain.orders.payment_signals import (
    PaymentAuthorized,
    PaymentCaptured,
    PaymentFailed,
    PaymentStage,
    RefundIssued,
    RefundRequested,
)
from domain.orders.purchase_signals import (
    Address,
    AddressChecked,
    AddressVerdict,
    Customer,
    DuplicateSuspected,
    FraudDecided,
    FraudDecision,
    FraudScreened,
    FraudVerdict,
    Line,
    OrderCancelled,
    OrderPlaced,
    PriceFlagged,
    Promise,
)
from domain.orders.return_signals import (
    ReturnAuthorized,
    ReturnLabelCreated,
    ReturnLabelFailed,
    ReturnReceived,
    ReturnRefused,
    ReturnRequested,
)
from domain.orders.shipment_signals import (
    DamageReported,
    Delivered,
    DeliveryFailed,
    FaultParty,
    HandedOver,
    IncidentReason,
    LabelCreated,
    Scanned,
    ScanStatus,
)
from domain.orders.stock_signals import (
    AllocationFailed,
    Backordered,
    Released,
    StockAllocated,
    StockCounted,
    StockLevelTold,
    StockUnavailable,
    SubstitutionDecided,
    SubstitutionProposed,
)
from domain.orders.systems_of_record import StatedField, System, SystemStated

Signal: TypeAlias = (
    OrderPlaced
    | OrderCancelled
    | PaymentAuthorized
    | PaymentCaptured
    | PaymentFailed
    | FraudScreened
    | AddressChecked
    | StockAllocated
    | StockUnavailable
    | Released
    | HandedOver
    | Scanned
    | Delivered
    | DeliveryFailed
    | ReturnRequested
    | ReturnReceived
    | RefundIssued
    | DuplicateSuspected
    | PriceFlagged
    | FraudDecided
    | AllocationFailed
    | StockLevelTold
    | StockCounted
    | Backordered
    | SubstitutionProposed
    | SubstitutionDecided
    | LabelCreated
    | DamageReported
    | ReturnAuthorized
    | ReturnRefused
    | ReturnLabelCreated
    | ReturnLabelFailed
    | RefundRequested
    | SystemStated
    | MessageSent
    | MessageReceived
    | WarehouseNoted
)


def event_time_key(signal: Signal) -> tuple[datetime, str]:
    """Sort key of signals: by event time, ties by identity, never by arrival."""
    return signal.event_time, signal.key
