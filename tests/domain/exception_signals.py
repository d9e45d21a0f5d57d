"""Builders of the signals that few orders have."""

from __future__ import annotations

from datetime import date
from typing import Any

from domain.orders.payment_signals import PaymentFailed, PaymentStage, RefundRequested
from domain.orders.purchase_signals import PriceFlagged
from domain.orders.relation_signals import DuplicateSuspected
from domain.orders.return_signals import (
    ReturnAuthorized,
    ReturnLabelCreated,
    ReturnLabelFailed,
    ReturnRefused,
    ReturnRequested,
)
from domain.orders.scan_status import ScanStatus
from domain.orders.screening_signals import (
    AddressChecked,
    AddressVerdict,
    FraudDecided,
    FraudDecision,
    FraudScreened,
    FraudVerdict,
)
from domain.orders.shipment_signals import DamageReported, DeliveryFailed, LabelCreated, Scanned
from domain.orders.stock_signals import (
    AllocationFailed,
    Backordered,
    StockCounted,
    StockLevelTold,
    SubstitutionDecided,
    SubstitutionProposed,
)
from domain.orders.systems_of_record import StatedField, System, SystemStated
from tests.domain.signals import money, signal_fields


def failed(hours: float, stage: str | None = None) -> PaymentFailed:
    return PaymentFailed(
        stage=PaymentStage(stage) if stage else None, **signal_fields(hours, "failed")
    )


def screened(hours: float, verdict: str, id: str = "screened") -> FraudScreened:
    return FraudScreened(verdict=FraudVerdict(verdict), **signal_fields(hours, id))


def decided(hours: float, decision: str, id: str = "decided") -> FraudDecided:
    return FraudDecided(decision=FraudDecision(decision), **signal_fields(hours, id))


def checked(hours: float, verdict: str, id: str = "checked") -> AddressChecked:
    return AddressChecked(verdict=AddressVerdict(verdict), **signal_fields(hours, id))


def suspected(hours: float, other: str = "o-2") -> DuplicateSuspected:
    return DuplicateSuspected(other=other, **signal_fields(hours, "suspected"))


def priced(price: str, usual: str, currency: str = "BRL") -> PriceFlagged:
    prices = {"price": money(price), "usual_price": money(usual, currency)}
    return PriceFlagged(sku="kettle", **prices, **signal_fields(1, "priced"))


def not_allocated(hours: float, *skus: str) -> AllocationFailed:
    return AllocationFailed(skus=skus, **signal_fields(hours, "not-allocated"))


def level(hours: float, on_hand: int, allocated: int | None = None, **more: Any) -> StockLevelTold:
    more = {"id": f"level-{hours}", "sku": "kettle", **more}
    return StockLevelTold(on_hand=on_hand, allocated=allocated, **signal_fields(hours, **more))


def counted(hours: float, counted: int, system: int, **more: Any) -> StockCounted:
    more = {"id": f"count-{hours}", "sku": "kettle", **more}
    return StockCounted(counted=counted, system=system, **signal_fields(hours, **more))


def backordered(hours: float, until: date | None, id: str = "backordered") -> Backordered:
    return Backordered(expected_on=until, **signal_fields(hours, id))


def proposed(hours: float, sku: str = "kettle") -> SubstitutionProposed:
    return SubstitutionProposed(
        sku=sku, substitute="pot", **signal_fields(hours, f"proposed-{sku}")
    )


def answered(hours: float, sku: str = "kettle", approved: bool = True) -> SubstitutionDecided:
    return SubstitutionDecided(
        sku=sku, approved=approved, **signal_fields(hours, f"answered-{sku}")
    )


def labelled(hours: float, shipment: str | None, tracking: str = "") -> LabelCreated:
    name = f"label-{shipment}"
    return LabelCreated(shipment=shipment, tracking=tracking, **signal_fields(hours, name))


def scan(hours: float, status: str = "in_transit", **more: Any) -> Scanned:
    more = {"id": f"scan-{hours}", **more}
    return Scanned(status=ScanStatus(status), **signal_fields(hours, **more))


def not_delivered(hours: float, **more: Any) -> DeliveryFailed:
    return DeliveryFailed(**signal_fields(hours, "not-delivered", **more))


def broken(hours: float) -> DamageReported:
    return DamageReported(**signal_fields(hours, "broken"))


def return_asked(hours: float) -> ReturnRequested:
    return ReturnRequested(**signal_fields(hours, "return-asked"))


def return_allowed(hours: float) -> ReturnAuthorized:
    return ReturnAuthorized(**signal_fields(hours, "return-allowed"))


def return_refused(hours: float) -> ReturnRefused:
    return ReturnRefused(**signal_fields(hours, "return-refused"))


def return_labelled(hours: float) -> ReturnLabelCreated:
    return ReturnLabelCreated(**signal_fields(hours, "return-labelled"))


def return_not_labelled(hours: float) -> ReturnLabelFailed:
    return ReturnLabelFailed(**signal_fields(hours, "return-not-labelled"))


def refund_asked(hours: float) -> RefundRequested:
    return RefundRequested(**signal_fields(hours, "refund-asked"))


def stated(hours: float, system: str, field: str, value: str) -> SystemStated:
    body = {"system": System(system), "field": StatedField(field), "value": value}
    return SystemStated(**body, **signal_fields(hours, f"{system}-{field}-{hours}"))
