"""The parcels of an order, each by all statements about it.

A statement names its parcel by the shipment, by carrier and tracking code, or by the fulfilment; one
that names none is about every parcel on its way to the customer.
"""

from typing import Any, Final

from domain.orders.fact_metadata import SignalsByType
from domain.orders.parcel import Parcel, read_parcel
from domain.orders.parcel_names import names_of
from domain.orders.shipment_signals import (
    CustomerClaimed,
    DamageReported,
    Delivered,
    DeliveryFailed,
    HandedOver,
    LabelCreated,
    Scanned,
    ShipmentCancelled,
    ShipmentLost,
)
from domain.orders.signals import event_time_key

__all__ = ["PARCEL_SIGNALS", "Parcel", "parcels_of"]

PARCEL_SIGNALS: Final = (
    LabelCreated,
    ShipmentCancelled,
    HandedOver,
    Scanned,
    Delivered,
    DeliveryFailed,
    DamageReported,
    ShipmentLost,
)


def parcels_of(signals: SignalsByType) -> tuple[Parcel, ...]:
    """The parcels, in the order in which they were first named."""
    stated: list[Any] = [s for kind in PARCEL_SIGNALS for s in signals.get(kind, ())]
    if not stated:
        return ()
    if len(stated) > 1:
        stated.sort(key=event_time_key)
    names = names_of(stated)
    claims: list[CustomerClaimed] = signals.get(CustomerClaimed, [])
    about: dict[str, list[Any]] = {name: [] for name in names if name is not None}
    if not about:
        return (read_parcel("", stated, claims, is_named=False),)
    for statement, name in zip(stated, names, strict=True):
        for one in about if name is None else (name,):
            about[one].append(statement)
    return tuple(
        [
            read_parcel(name, own, [c for c in claims if c.parcel in (name, None)])
            for name, own in about.items()
        ]
    )
