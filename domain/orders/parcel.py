"""One parcel, read from all statements about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import UNSET, Struct

from domain.orders.parcel_names import tracking_of
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
    Scanned,
    ShipmentCancelled,
    ShipmentLost,
)
from domain.orders.signal_body import LinePieces, Promise

COLLECTED_WITHIN: Final = timedelta(days=7)
"""How long a parcel waits to be collected, where nobody says until when."""
_MOVING: Final = frozenset(
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


class Parcel(Struct, frozen=True, kw_only=True):
    """A parcel. Times are the first at which it was so, unless a field says otherwise."""

    id: str
    """The shipment's id, else carrier and tracking code; empty for an only parcel without either."""
    told: tuple[LinePieces, ...] | None = None
    """The pieces by the last statement that has any; None if none has."""
    told_by: str = ""
    """The key of that statement."""
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
    delivered_last_at: datetime | None = None
    """When it was last reported as delivered."""
    returning_since: datetime | None = None
    back_at: datetime | None = None
    """When it was delivered back to us, after the carrier returned it."""
    waiting_since: datetime | None = None
    """Since when it waits to be collected."""
    collect_by: datetime | None = None
    failed_at: datetime | None = None
    """When the last attempt failed."""
    lost_at: datetime | None = None
    lost_last_at: datetime | None = None
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
            and self.returning_since == other.returning_since
        )

    @property
    def promised_by(self) -> datetime | None:
        return end_of_promise(self.promise)


_FIELDS: Final = ("direction", "rma", "promise", "ship_by", "collect_by")
"""The fields of which the last statement counts that has them."""


def read_parcel(
    id: str, stated: Sequence[Any], claims: Sequence[CustomerClaimed], *, is_named: bool = True
) -> Parcel:
    """The parcel by its statements, sorted by time. Each is read once."""
    told: dict[str, Any] = {}
    labelled = labelled_last = stopped = moved = underway = None
    returning = waits = failed = lost = lost_last = None
    heard: list[datetime] = []
    arrivals: list[datetime] = []
    damaged = [c.event_time for c in claims if c.kind is ClaimKind.DAMAGED and c.parcel]
    last_scan: Scanned | None = None
    tracked = ended = False
    for s in stated:
        kind, at = type(s), s.event_time
        for field in _FIELDS:
            if value := getattr(s, field):
                told[field] = value
        if s.lines is not UNSET:
            told["told"], told["told_by"] = s.lines, s.key
        if carrier := getattr(s, "carrier", ""):
            told["carrier"] = carrier
        if code := tracking_of(s):
            told["tracking"] = code
        if kind is Scanned:
            last_scan, status = s, s.status
            heard.append(at)
            ended = ended or status in _FINAL
            if status in _MOVING:
                moved = moved or at
            if status in _UNDELIVERED:
                underway = at
            if status is ScanStatus.DELIVERED:
                arrivals.append(at)
            elif status is ScanStatus.RETURN_TO_SENDER:
                returning = returning or at
            elif status is ScanStatus.AVAILABLE_FOR_PICKUP:
                waits = waits or at
            elif status is ScanStatus.FAILURE:
                failed = at
        elif kind is HandedOver:
            heard.append(at)
            moved, tracked = moved or at, tracked or code is not None
        elif kind is LabelCreated:
            labelled, labelled_last = labelled or at, at
            tracked = tracked or code is not None
        elif kind is Delivered:
            moved = moved or at
            arrivals.append(at)
        elif kind is DeliveryFailed:
            moved, failed = moved or at, at
        elif kind is ShipmentCancelled:
            stopped = at
        elif kind is ShipmentLost:
            lost, lost_last = lost or at, at
        elif kind is DamageReported:
            damaged.append(at)
        if kind is Scanned or kind is DeliveryFailed:
            if s.incident is IncidentReason.CARRIER_PARCEL_LOST:
                lost, lost_last = lost or at, at
            elif s.incident is IncidentReason.CARRIER_DAMAGED_PARCEL:
                damaged.append(at)
    # What is delivered after its return to the sender is back with us.
    came = [at for at in arrivals if returning is None or at < returning]
    back = arrivals[len(came) :]
    is_stopped = stopped is not None and (labelled_last is None or stopped >= labelled_last)
    if waits is not None:
        told.setdefault("collect_by", waits + COLLECTED_WITHIN)
    return Parcel(
        id=id,
        is_named=is_named,
        **told,
        labelled_at=labelled,
        cancelled_at=stopped if is_stopped and moved is None else None,
        handed_over_at=moved,
        heard_at=tuple(heard) if tracked else (),
        delivered_at=came[0] if came else None,
        delivered_last_at=came[-1] if came else None,
        returning_since=returning,
        back_at=back[0] if back else None,
        waiting_since=waits,
        failed_at=failed,
        lost_at=lost,
        lost_last_at=lost_last,
        damaged_at=min(damaged, default=None),
        has_ended=bool(arrivals) or ended or lost is not None,
        contradicted=bool(came) and underway is not None and underway > came[0],
        contradicted_now=bool(came) and underway is not None and underway > came[-1],
        unread_code=_unread_code(last_scan),
        not_received_at=min(
            [c.event_time for c in claims if c.kind is ClaimKind.NOT_RECEIVED], default=None
        ),
    )


def _unread_code(scan: Scanned | None) -> str | None:
    if scan is None or not scan.code or scan.status is not ScanStatus.UNKNOWN:
        return None
    return None if scan.mapping_version else scan.code
