"""Signals: the statements of outside systems about an order, each with its source, id and time.

Each subject has a module of its own (`payment_signals.py`, …); this module unites them.
"""

from datetime import datetime
from typing import TypeAlias

from domain.orders import message_signals as messages
from domain.orders import payment_signals as payments
from domain.orders import purchase_signals as purchase
from domain.orders import relation_signals as relations
from domain.orders import return_signals as returns
from domain.orders import screening_signals as screening
from domain.orders import shipment_signals as shipments
from domain.orders import stock_signals as stock
from domain.orders import systems_of_record
from domain.orders.signal_body import SignalRetracted

Signal: TypeAlias = (
    purchase.OrderPlaced
    | purchase.OrderCancelled
    | payments.PaymentAuthorized
    | payments.PaymentCaptured
    | payments.PaymentFailed
    | screening.FraudScreened
    | screening.AddressChecked
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
    | relations.DuplicateSuspected
    | purchase.PriceFlagged
    | screening.FraudDecided
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
    | purchase.OrderEdited
    | relations.OrderRelated
    | payments.PaymentPending
    | payments.PaymentVoided
    | payments.PaymentExpired
    | payments.RefundFailed
    | payments.DisputeOpened
    | payments.DisputeEvidenceSent
    | payments.DisputeClosed
    | payments.FraudWarned
    | shipments.ShipmentCancelled
    | shipments.ShipmentLost
    | shipments.CustomerClaimed
    | stock.FulfilmentHeld
    | stock.FulfilmentUnheld
    | stock.FulfilmentRejected
    | returns.ReturnCancelled
    | returns.ReturnClosed
    | SignalRetracted
)


def event_time_key(signal: Signal) -> tuple[datetime, str]:
    """Sort key of signals: by event time, ties by identity, never by arrival."""
    return signal.event_time, signal.key
