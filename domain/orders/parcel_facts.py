"""Facts about parcels: where they are by the carriers' scans, and which party caused an incident.

A signal without a shipment is about every parcel of the order. Scans of a parcel are expected only
if a label or a hand-over gave its tracking number.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final

from msgspec import Struct

from domain.orders.fact_metadata import SignalsByType, derived_from, growing, lasting
from domain.orders.purchase_signals import OrderPlaced
from domain.orders.scan_status import FaultParty, IncidentReason, ScanStatus
from domain.orders.shipment_signals import (
    DamageReported,
    Delivered,
    DeliveryFailed,
    HandedOver,
    LabelCreated,
    Scanned,
)
from domain.orders.signals import event_time_key

_PARCEL_SIGNALS = (LabelCreated, HandedOver, Scanned, Delivered)


class ParcelFacts(Struct, frozen=True, gc=False):
    known: Annotated[Decimal | None, growing(LabelCreated, HandedOver)] = None
    """The number of parcels that labels and hand-overs name."""
    more_than_allowed: Annotated[bool | None, lasting(OrderPlaced, LabelCreated, HandedOver)] = None
    """There are more parcels than the customer allows."""
    last_heard_at: Annotated[datetime | None, derived_from(*_PARCEL_SIGNALS)] = None
    """The last hand-over or scan of the tracked parcel on its way without a scan for longest."""
    on_the_way: Annotated[bool | None, derived_from(*_PARCEL_SIGNALS)] = None
    """A tracked parcel was handed over, and has no final status and waits at no pickup point."""
    all_arrived: Annotated[bool | None, derived_from(*_PARCEL_SIGNALS)] = None
    """Every known parcel was delivered, or fetched from its pickup point."""
    contradicted: Annotated[bool, lasting(*_PARCEL_SIGNALS)] = False
    """A parcel was scanned on its way after its delivery."""
    contradicted_now: Annotated[bool | None, derived_from(*_PARCEL_SIGNALS)] = None
    """It was scanned on its way after its last delivery."""
    delivery_failed: Annotated[bool, lasting(DeliveryFailed, Scanned)] = False
    returning: Annotated[bool, lasting(Scanned)] = False
    """The carrier returns a parcel to the sender."""
    lost: Annotated[bool, lasting(DeliveryFailed, Scanned)] = False
    """The carrier lost a parcel."""
    damaged: Annotated[bool, lasting(DeliveryFailed, Scanned, DamageReported)] = False
    """The carrier or the customer reports damage."""


class IncidentFacts(Struct, frozen=True, gc=False):
    """Why a parcel does not move as it should.

    `by_…` leave out lost and damaged parcels and failed delivery attempts: each is a problem of its
    own.
    """

    by_carrier: Annotated[bool, lasting(Scanned)] = False
    by_retailer: Annotated[bool, lasting(Scanned)] = False
    by_consignee: Annotated[bool, lasting(Scanned)] = False
    by_customs: Annotated[bool, lasting(Scanned)] = False
    by_nobody: Annotated[bool, lasting(Scanned)] = False
    """Weather, a disaster, or the law."""
    unexplained: Annotated[bool, lasting(Scanned)] = False
    """The carrier reports a problem without a cause."""
    reason: Annotated[str | None, derived_from(Scanned, DeliveryFailed)] = None
    """The reason of the last incident."""
    fault_party: Annotated[str | None, derived_from(Scanned, DeliveryFailed)] = None
    """The party that caused the last incident."""


NO_PARCEL: Final = ParcelFacts()
NO_INCIDENT: Final = IncidentFacts()
_SOURCE_SIGNALS: Final = frozenset([*_PARCEL_SIGNALS, DeliveryFailed, DamageReported])
_FINAL_STATUSES: Final = frozenset(
    [
        ScanStatus.DELIVERED,
        ScanStatus.RETURN_TO_SENDER,
        ScanStatus.CANCELLED,
        ScanStatus.AVAILABLE_FOR_PICKUP,
    ]
)
_UNDELIVERED_STATUSES: Final = frozenset(
    [
        ScanStatus.IN_TRANSIT,
        ScanStatus.OUT_FOR_DELIVERY,
        ScanStatus.FAILURE,
        ScanStatus.RETURN_TO_SENDER,
    ]
)
_BY_PARTIES: Final = tuple(party for party in FaultParty if party is not FaultParty.UNKNOWN)
_LOST: Final = IncidentReason.CARRIER_PARCEL_LOST
_DAMAGED: Final = IncidentReason.CARRIER_DAMAGED_PARCEL


def parcel_facts(signals: SignalsByType) -> ParcelFacts:
    if _SOURCE_SIGNALS.isdisjoint(signals):
        return NO_PARCEL
    scans: list[Scanned] = signals.get(Scanned, [])
    incidents = {signal.incident for signal in _incident_signals(signals)}
    parcels = _parcels(signals)
    last_scans = [p.scanned_at[-1] for p in parcels if p.scanned_at and not p.has_ended]
    return ParcelFacts(
        known=_count_named_parcels(signals),
        more_than_allowed=_more_than_allowed(signals),
        last_heard_at=min(last_scans, default=None),
        on_the_way=bool(last_scans) if any(p.scanned_at for p in parcels) else None,
        contradicted=any(p.contradicted for p in parcels),
        contradicted_now=any(p.contradicted_now for p in parcels) if Scanned in signals else None,
        all_arrived=all(p.has_arrived for p in parcels) if parcels else None,
        delivery_failed=DeliveryFailed in signals
        or any(s.status is ScanStatus.FAILURE for s in scans),
        returning=any(s.status is ScanStatus.RETURN_TO_SENDER for s in scans),
        lost=_LOST in incidents,
        damaged=_DAMAGED in incidents or DamageReported in signals,
    )


def _incident_signals(signals: SignalsByType) -> list[Scanned | DeliveryFailed]:
    return [*signals.get(Scanned, []), *signals.get(DeliveryFailed, [])]


class _Parcel(Struct, frozen=True):
    """One parcel, by the signals about it and about all parcels."""

    scanned_at: list[datetime]
    """The times of its hand-over and scans; empty if it has no tracking number."""
    has_ended: bool
    """No further scan is expected."""
    has_arrived: bool
    contradicted: bool
    contradicted_now: bool


def _parcels(signals: SignalsByType) -> list[_Parcel]:
    """The parcel of each shipment id; one parcel without an id if no signal has one."""
    found = [signal for kind in _PARCEL_SIGNALS for signal in signals.get(kind, [])]
    if not found:
        return []
    names = {signal.shipment for signal in found} - {None} or {None}
    return [_parcel([s for s in found if s.shipment in (name, None)]) for name in names]


def _parcel(signals: list[LabelCreated | HandedOver | Scanned | Delivered]) -> _Parcel:
    scans = [s for s in signals if isinstance(s, Scanned)]
    statuses = {scan.status for scan in scans}
    arrivals = [s.event_time for s in signals if _is_arrival(s)]
    moves_on = [scan.event_time for scan in scans if scan.status in _UNDELIVERED_STATUSES]
    is_tracked = any(s.tracking for s in signals if isinstance(s, LabelCreated | HandedOver))
    scanned_at = sorted(s.event_time for s in signals if isinstance(s, HandedOver | Scanned))
    return _Parcel(
        scanned_at=scanned_at if is_tracked else [],
        has_ended=bool(arrivals)
        or not _FINAL_STATUSES.isdisjoint(statuses)
        or any(scan.incident is _LOST for scan in scans),
        has_arrived=bool(arrivals),
        contradicted=bool(arrivals and moves_on) and max(moves_on) > min(arrivals),
        contradicted_now=bool(arrivals and moves_on) and max(moves_on) > max(arrivals),
    )


def _is_arrival(signal: LabelCreated | HandedOver | Scanned | Delivered) -> bool:
    return isinstance(signal, Delivered) or (
        isinstance(signal, Scanned) and signal.status is ScanStatus.DELIVERED
    )


def _count_named_parcels(signals: SignalsByType) -> Decimal | None:
    names = {s.shipment for kind in (LabelCreated, HandedOver) for s in signals.get(kind, [])} - {
        None
    }
    return Decimal(len(names)) if names else None


def _more_than_allowed(signals: SignalsByType) -> bool | None:
    placed: list[OrderPlaced] = signals.get(OrderPlaced, [])
    limits = [1 for p in placed if p.ship_complete]
    limits += [p.max_parcels for p in placed if p.max_parcels is not None]
    named = _count_named_parcels(signals)
    return named > min(limits) if limits and named is not None else None


def incident_facts(signals: SignalsByType) -> IncidentFacts:
    scans: list[Scanned] = signals.get(Scanned, [])
    incidents = [s for s in _incident_signals(signals) if s.incident is not None]
    parties = {_fault_party(scan) for scan in scans} - {None}
    if not incidents and not parties:
        return NO_INCIDENT
    newest = max(incidents, key=event_time_key).incident if incidents else None
    return IncidentFacts(
        **{f"by_{party}": party in parties for party in _BY_PARTIES},
        unexplained=FaultParty.UNKNOWN in parties,
        reason=newest.value if newest else None,
        fault_party=newest.fault_party.value if newest else None,
    )


def _fault_party(scan: Scanned) -> FaultParty | None:
    """The party at fault by a scan; None if it is a loss, a damage or a failed delivery."""
    if scan.status is ScanStatus.FAILURE or scan.incident in (_LOST, _DAMAGED):
        return None
    if scan.incident is None:
        return FaultParty.UNKNOWN if scan.status is ScanStatus.ERROR else None
    return scan.incident.fault_party
