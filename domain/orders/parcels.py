"""The parcels of an order, each by all statements about it.

A statement names its parcel by the shipment, by carrier and tracking code, or by the fulfilment; one
that names none is about every parcel that was stated before it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
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
    begins: dict[str, datetime] = {}
    for statement, name in zip(stated, names, strict=True):
        if name is not None:
            begins.setdefault(name, statement.event_time)
    for statement, name in zip(stated, names, strict=True):
        for one in (name,) if name is not None else _begun(begins, statement.event_time):
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


def _begun(begins: Mapping[str, datetime], at: datetime) -> Iterable[str]:
    """The parcels of which somebody had told by then; all of them if none was."""
    return [name for name, begin in begins.items() if begin <= at] or begins


def _directed(parcel: Parcel, labels: Mapping[str, ReturnLabelCreated]) -> Parcel:
    """A parcel with the code of a return's label comes back, unless it has a label of its own."""
    label = labels.get((parcel.tracking or "").casefold())
    if label is None or parcel.labelled_at is not None or parcel.rma is not None:
        return parcel
    return structs.replace(parcel, direction=Direction.BACK, rma=label.rma or None)
