"""Signals: the statements of outside systems about an order, each with its source, id and time.

Each subject has a module of its own (`payment_signals.py`, …); this module unites them.
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
    purchase.OrderPlaced
    | purchase.OrderCancelled
    | payments.PaymentAuthorized
    | payments.PaymentCaptured
    | payments.PaymentFailed
    | purchase.FraudScreened
    | purchase.AddressChecked
    | stock.StockAllocated
    | stock.StockUnavailable
    | stock.Released
    | shipments.HandedOver
    | shipments.Scanned
    | shipments.Delivered
    | shipments.DeliveryFailed
    | returns.ReturnRequested
    | returns.ReturnReceived
    | payments.RefundIssued
    | purchase.DuplicateSuspected
    | purchase.PriceFlagged
    | purchase.FraudDecided
    | stock.AllocationFailed
    | stock.StockLevelTold
    | stock.StockCounted
    | stock.Backordered
    | stock.SubstitutionProposed
    | stock.SubstitutionDecided
    | shipments.LabelCreated
    | shipments.DamageReported
    | returns.ReturnAuthorized
    | returns.ReturnRefused
    | returns.ReturnLabelCreated
    | returns.ReturnLabelFailed
    | payments.RefundRequested
    | systems_of_record.SystemStated
    | messages.MessageSent
    | messages.MessageReceived
    | messages.WarehouseNoted
)


def event_time_key(signal: Signal) -> tuple[datetime, str]:
    """Sort key of signals: by event time, ties by identity, never by arrival."""
    return signal.event_time, signal.key
