"""The parcels of an order, each by all statements about it.

A statement names its parcel by the shipment, by carrier and tracking code, or by the fulfilment; one
that names none is about every parcel on its way to the customer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import UNSET, Struct

from domain.orders.fact_metadata import SignalsByType
from domain.orders.parcel_names import names_of, tracking_of
from domain.orders.promise_days import end_of_promise
from domain.orders.scan_status import IncidentReason, ScanStatus
from domain.orders.shipment_signals import (
    ClaimKind,
    CustomerClaimed,
    DamageReported,
    Delivered,
    DeliveryFailed,
    Direction,
    HandedOver,
    LabelCreated,
    ParcelSignal,
    Scanned,
    ShipmentCancelled,
    ShipmentLost,
)
from domain.orders.signal_body import LinePieces, Promise
from domain.orders.signals import event_time_key

COLLECTED_WITHIN: Final = timedelta(days=7)
"""How long a parcel waits to be collected, where nobody says until when."""
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
MOVING: Final = frozenset(
    [
        ScanStatus.IN_TRANSIT,
        ScanStatus.OUT_FOR_DELIVERY,
        ScanStatus.FAILURE,
        ScanStatus.RETURN_TO_SENDER,
        ScanStatus.AVAILABLE_FOR_PICKUP,
        ScanStatus.DELIVERED,
    ]
)
"""A parcel with such a scan was handed over by then."""
_UNDELIVERED: Final = frozenset(
    [
        ScanStatus.IN_TRANSIT,
        ScanStatus.OUT_FOR_DELIVERY,
        ScanStatus.FAILURE,
        ScanStatus.RETURN_TO_SENDER,
    ]
)
_FINAL: Final = frozenset(
    [
        ScanStatus.DELIVERED,
        ScanStatus.RETURN_TO_SENDER,
        ScanStatus.CANCELLED,
        ScanStatus.AVAILABLE_FOR_PICKUP,
    ]
)


_TOLD: Final = ("lines", "direction", "rma", "carrier", "promise", "ship_by", "collect_by")


class Parcel(Struct, frozen=True, kw_only=True):
    """A parcel. Times are the first at which it was so, unless a field says otherwise."""

    id: str
    """The shipment's id, else carrier and tracking code; empty for an only parcel without either."""
    told: tuple[LinePieces, ...] | None = None
    """The pieces by the last statement that has any; None if none has."""
    is_named: bool = True
    direction: Direction = Direction.OUT
    rma: str | None = None
    carrier: str | None = None
    tracking: str | None = None
    promise: Promise | None = None
    ship_by: datetime | None = None
    labelled_at: datetime | None = None
    cancelled_at: datetime | None = None
    handed_over_at: datetime | None = None
    heard_at: tuple[datetime, ...] = ()
    """The hand-over and scans, if it has a tracking code."""
    delivered_at: datetime | None = None
    returning_since: datetime | None = None
    back_at: datetime | None = None
    """When it was delivered back to us, after the carrier returned it."""
    waiting_since: datetime | None = None
    """Since when it waits to be collected."""
    collect_by: datetime | None = None
    failed_at: datetime | None = None
    """When the last attempt failed."""
    lost_at: datetime | None = None
    damaged_at: datetime | None = None
    has_ended: bool = False
    """No further scan is expected."""
    contradicted: bool = False
    """It was scanned on its way after its delivery."""
    contradicted_now: bool = False
    """And not delivered since."""
    unread_code: str | None = None
    """The last scan's code, if no mapping reads it."""
    not_received_at: datetime | None = None
    """When the customer claimed that it did not come."""

    @property
    def goes_out(self) -> bool:
        return self.direction is Direction.OUT and self.cancelled_at is None

    @property
    def is_handed_over(self) -> bool:
        return self.handed_over_at is not None

    def holds_as(self, other: Parcel) -> bool:
        """Whether its pieces are where those of the other are: with a carrier, delivered, lost or back."""
        return (
            self.told is other.told
            and self.id == other.id
            and self.goes_out == other.goes_out
            and self.handed_over_at == other.handed_over_at
            and self.delivered_at == other.delivered_at
            and self.lost_at == other.lost_at
            and self.back_at == other.back_at
        )

    @property
    def promised_by(self) -> datetime | None:
        return end_of_promise(self.promise)


def parcels_of(signals: SignalsByType) -> tuple[Parcel, ...]:
    """The parcels, in the order in which they were first named."""
    stated: list[ParcelSignal] = [s for kind in PARCEL_SIGNALS for s in signals.get(kind, ())]
    if not stated:
        return ()
    stated.sort(key=event_time_key)  # type: ignore[arg-type]
    names = names_of(stated)
    ids = list(dict.fromkeys(name for s in stated if (name := names[s.key]) is not None))
    claims: list[CustomerClaimed] = signals.get(CustomerClaimed, [])
    if not ids:
        return (_parcel("", stated, claims, is_named=False),)
    return tuple(
        _parcel(
            name,
            [s for s in stated if names[s.key] == name or names[s.key] is None],
            [c for c in claims if c.parcel in (name, None)],
            is_named=True,
        )
        for name in ids
    )


def _parcel(
    name: str, stated: Sequence[ParcelSignal], claims: Sequence[CustomerClaimed], *, is_named: bool
) -> Parcel:
    scans = [s for s in stated if isinstance(s, Scanned)]
    returning = _first(s.event_time for s in scans if s.status is ScanStatus.RETURN_TO_SENDER)
    arrivals = [s.event_time for s in stated if is_arrival(s)]
    back = [at for at in arrivals if returning is not None and at >= returning]
    came = [at for at in arrivals if returning is None or at < returning]
    moves = [s.event_time for s in scans if s.status in _UNDELIVERED]
    waits = _first(s.event_time for s in scans if s.status is ScanStatus.AVAILABLE_FOR_PICKUP)
    labels = [s.event_time for s in stated if isinstance(s, LabelCreated)]
    stopped = [s.event_time for s in stated if isinstance(s, ShipmentCancelled)]
    is_stopped = bool(stopped) and (not labels or stopped[-1] >= labels[-1])
    handed_over = [
        s.event_time
        for s in stated
        if isinstance(s, HandedOver | Delivered | DeliveryFailed)
        or (isinstance(s, Scanned) and s.status in MOVING)
    ]
    tracked = any(isinstance(s, LabelCreated | HandedOver) and tracking_of(s) for s in stated)
    heard = tuple(s.event_time for s in stated if isinstance(s, HandedOver | Scanned))
    lost = [s.event_time for s in stated if _is_lost(s)]
    told = _last_told(stated)
    return Parcel(
        id=name,
        is_named=is_named,
        told=told.get("lines"),
        direction=told.get("direction") or Direction.OUT,
        rma=told.get("rma"),
        carrier=told.get("carrier"),
        tracking=_last(tracking_of(s) for s in stated),
        promise=told.get("promise"),
        ship_by=told.get("ship_by"),
        labelled_at=_first(labels),
        cancelled_at=stopped[-1] if is_stopped and not handed_over else None,
        handed_over_at=_first(handed_over),
        heard_at=heard if tracked else (),
        delivered_at=_first(came),
        returning_since=returning,
        back_at=_first(back),
        waiting_since=waits,
        collect_by=told.get("collect_by")
        or (waits + COLLECTED_WITHIN if waits is not None else None),
        failed_at=_last(s.event_time for s in stated if _is_failure(s)),
        lost_at=_first(lost),
        damaged_at=_first(
            [s.event_time for s in stated if _is_damage(s)]
            + [c.event_time for c in claims if c.kind is ClaimKind.DAMAGED and c.parcel]
        ),
        has_ended=bool(arrivals) or any(s.status in _FINAL for s in scans) or bool(lost),
        contradicted=bool(came and moves) and max(moves) > min(came),
        contradicted_now=bool(came and moves) and max(moves) > max(came),
        unread_code=_unread_code(scans),
        not_received_at=_first(c.event_time for c in claims if c.kind is ClaimKind.NOT_RECEIVED),
    )


def is_arrival(signal: ParcelSignal) -> bool:
    """Whether the statement says that the parcel was delivered."""
    return isinstance(signal, Delivered) or (
        isinstance(signal, Scanned) and signal.status is ScanStatus.DELIVERED
    )


def _is_failure(signal: ParcelSignal) -> bool:
    return isinstance(signal, DeliveryFailed) or (
        isinstance(signal, Scanned) and signal.status is ScanStatus.FAILURE
    )


def _is_lost(signal: ParcelSignal) -> bool:
    return isinstance(signal, ShipmentLost) or (
        isinstance(signal, Scanned | DeliveryFailed)
        and signal.incident is IncidentReason.CARRIER_PARCEL_LOST
    )


def _is_damage(signal: ParcelSignal) -> bool:
    return isinstance(signal, DamageReported) or (
        isinstance(signal, Scanned | DeliveryFailed)
        and signal.incident is IncidentReason.CARRIER_DAMAGED_PARCEL
    )


def _unread_code(scans: Sequence[Scanned]) -> str | None:
    if not scans or not scans[-1].code or scans[-1].status is not ScanStatus.UNKNOWN:
        return None
    return None if scans[-1].mapping_version else scans[-1].code


def _first(times: Iterable[datetime]) -> datetime | None:
    return min(times, default=None)


def _last(values: Iterable[Any]) -> Any:
    """The last value that is given; None without one."""
    found = None
    for value in values:
        if value is not None and value != "":
            found = value
    return found


def _last_told(stated: Iterable[ParcelSignal]) -> dict[str, Any]:
    """Each field that a later statement replaces, by the last statement that gives it."""
    found: dict[str, Any] = {}
    for signal in stated:
        for name in _TOLD:
            value = getattr(signal, name, UNSET)
            if value is not UNSET and value not in ("", None):
                found[name] = value
    return found
