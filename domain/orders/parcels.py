"""The parcels of an order, each by all statements about it.

A statement names its parcel by the shipment, by carrier and tracking code, or by the fulfilment; one
that names none is about every parcel on its way to the customer.
"""

from collections.abc import Sequence
from typing import Any, Final

from domain.orders.fact_metadata import SignalsByType
from domain.orders.parcel import Parcel, read_parcel, tracking_of
from domain.orders.shipment_signals import (
    CustomerClaimed,
    DamageReported,
    Delivered,
    DeliveryFailed,
    HandedOver,
    LabelCreated,
    ParcelSignal,
    Scanned,
    ShipmentCancelled,
    ShipmentLost,
)
from domain.orders.signal_body import given
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
    names = _names_of(stated)
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


def _names_of(stated: Sequence[ParcelSignal]) -> list[str | None]:
    """The parcel of each statement; None for all parcels."""
    by_code: dict[str, str] = {}
    by_fulfilment: dict[str, set[str]] = {}
    carriers: dict[str, str] = {}
    named: list[tuple[str | None, str | None, str | None]] = []
    for s in stated:
        shipment: str | None = getattr(s, "shipment", None)
        code, fulfilment = tracking_of(s), given(s.fulfilment)
        named.append((shipment, code, fulfilment))
        if code is not None:
            if shipment is not None:
                by_code.setdefault(code.casefold(), shipment)
            if carrier := getattr(s, "carrier", ""):
                carriers.setdefault(code.casefold(), carrier)
        if shipment is not None and fulfilment is not None:
            by_fulfilment.setdefault(fulfilment, set()).add(shipment)
    found: list[str | None] = []
    for name, code, fulfilment in named:
        if name is None and code is not None:
            key = code.casefold()
            name = by_code.get(key) or f"{carriers.get(key, '')}:{code}"
        if name is None and fulfilment is not None:
            known = by_fulfilment.get(fulfilment, set())
            name = next(iter(known)) if len(known) == 1 else None if known else fulfilment
        found.append(name)
    return found
