"""The parcels of an order, each by all statements about it.

A statement names its parcel by the shipment, by carrier and tracking code, or by the fulfilment; one
that names none is about every parcel on its way to the customer.
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import structs

from domain.orders.fact_metadata import SignalsByType
from domain.orders.parcel import Parcel, read_parcel
from domain.orders.parcel_names import names_of
from domain.orders.return_signals import ReturnLabelCreated
from domain.orders.shipment_signals import (
    CustomerClaimed,
    DamageReported,
    Delivered,
    DeliveryFailed,
    Direction,
    HandedOver,
    LabelCreated,
    Scanned,
    ShipmentCancelled,
    ShipmentLost,
)
from domain.orders.signals import event_time_key

__all__ = ["PARCEL_FEEDS", "PARCEL_SIGNALS", "Parcel", "parcels_of"]

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
PARCEL_FEEDS: Final = (*PARCEL_SIGNALS, ReturnLabelCreated)
"""The signals that parcels are read from: the label of a return tells which parcel comes back."""


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
    parcels = [
        read_parcel(name, own, [c for c in claims if c.parcel in (name, None)])
        for name, own in about.items()
    ]
    if labels := {
        s.tracking.casefold(): s for s in signals.get(ReturnLabelCreated, ()) if s.tracking
    }:
        parcels = [_directed(parcel, labels) for parcel in parcels]
    return tuple(parcels)


def _directed(parcel: Parcel, labels: Mapping[str, ReturnLabelCreated]) -> Parcel:
    """A parcel with the code of a return's label comes back, unless it has a label of its own."""
    label = labels.get((parcel.tracking or "").casefold())
    if label is None or parcel.labelled_at is not None or parcel.rma is not None:
        return parcel
    return structs.replace(parcel, direction=Direction.BACK, rma=label.rma or None)
