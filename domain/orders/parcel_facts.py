"""Facts about parcels: where they are by the carriers' word, and whose doing it is that they are not.

A statement without a shipment is about every parcel of the order. A carrier is expected to speak of
a parcel only if a label or a hand-over told its tracking number.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final

from msgspec import Struct

from domain.orders.fact_metadata import GROWING, LASTING, SignalsByType, derived_from, fact_meta
from domain.orders.signals import (
    DamageReported,
    Delivered,
    DeliveryFailed,
    FaultParty,
    HandedOver,
    IncidentReason,
    LabelCreated,
    OrderPlaced,
    Scanned,
    ScanStatus,
    event_time_key,
)

_PARCEL_SIGNALS = (LabelCreated, HandedOver, Scanned, Delivered)


class ParcelFacts(Struct, frozen=True, gc=False):
    known: Annotated[
        Decimal | None,
        fact_meta(
            GROWING, "How many parcels labels and hand-overs named.", (LabelCreated, HandedOver)
        ),
    ] = None
    more_than_allowed: Annotated[
        bool | None,
        fact_meta(
            LASTING,
            "More parcels were named than the customer takes.",
            (OrderPlaced, LabelCreated, HandedOver),
        ),
    ] = None
    last_heard_at: Annotated[datetime | None, derived_from(*_PARCEL_SIGNALS)] = None
    """The last hand-over or scan of the tracked parcel on its way that is silent for longest."""
    on_the_way: Annotated[bool | None, derived_from(*_PARCEL_SIGNALS)] = None
    """A tracked parcel has left, and has neither come to an end nor to a place to be fetched."""
    all_arrived: Annotated[bool | None, derived_from(*_PARCEL_SIGNALS)] = None
    """Every parcel that is known was delivered, or fetched from where it waited."""
    contradicted: Annotated[
        bool,
        fact_meta(
            LASTING, "It was scanned on its way after it was delivered.", (*_PARCEL_SIGNALS,)
        ),
    ] = False
    contradicted_now: Annotated[bool | None, derived_from(*_PARCEL_SIGNALS)] = None
    """And not delivered since."""
    delivery_failed: Annotated[
        bool, fact_meta(LASTING, "A delivery was tried, and failed.", (DeliveryFailed, Scanned))
    ] = False
    returning: Annotated[
        bool, fact_meta(LASTING, "The carrier takes it back to the sender.", (Scanned,))
    ] = False
    lost: Annotated[bool, fact_meta(LASTING, "The carrier lost it.", (DeliveryFailed, Scanned))] = (
        False
    )
    damaged: Annotated[
        bool,
        fact_meta(
            LASTING,
            "The carrier or the customer found it damaged.",
            (DeliveryFailed, Scanned, DamageReported),
        ),
    ] = False


class IncidentFacts(Struct, frozen=True, gc=False):
    """Why a parcel does not move as it should. `by_…` leaves out what is lost or damaged, and
    deliveries that were tried: these are problems of their own."""

    by_carrier: Annotated[bool, fact_meta(LASTING, "The carrier's doing.", (Scanned,))] = False
    by_retailer: Annotated[bool, fact_meta(LASTING, "Our own doing.", (Scanned,))] = False
    by_consignee: Annotated[bool, fact_meta(LASTING, "The recipient's doing.", (Scanned,))] = False
    by_customs: Annotated[bool, fact_meta(LASTING, "Customs hold it.", (Scanned,))] = False
    by_nobody: Annotated[bool, fact_meta(LASTING, "Weather, disaster, or the law.", (Scanned,))] = (
        False
    )
    unexplained: Annotated[
        bool, fact_meta(LASTING, "The carrier reports a problem, and not whose.", (Scanned,))
    ] = False
    reason: Annotated[str | None, derived_from(Scanned, DeliveryFailed)] = None
    """Of the last incident."""
    fault_party: Annotated[str | None, derived_from(Scanned, DeliveryFailed)] = None
    """Whose doing the last incident was."""


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
_LOST: Final = IncidentReason.CARRIER_PARCEL_LOST
_DAMAGED: Final = IncidentReason.CARRIER_DAMAGED_PARCEL


def parcel_facts(told: SignalsByType) -> ParcelFacts:
    if _SOURCE_SIGNALS.isdisjoint(told):
        return NO_PARCEL
    scans: list[Scanned] = told.get(Scanned, [])
    failures: list[DeliveryFailed] = told.get(DeliveryFailed, [])
    tellings: list[Scanned | DeliveryFailed] = [*scans, *failures]
    incidents = {one.incident for one in tellings}
    parcels = _parcels(told)
    waiting_for = [words[-1] for p in parcels if (words := p.words) and not p.has_ended]
    return ParcelFacts(
        known=_count_named_parcels(told),
        more_than_allowed=_more_than_allowed(told),
        last_heard_at=min(waiting_for, default=None),
        on_the_way=bool(waiting_for) if any(p.words for p in parcels) else None,
        contradicted=any(p.contradicted for p in parcels),
        contradicted_now=any(p.contradicted_now for p in parcels) if Scanned in told else None,
        all_arrived=all(p.has_arrived for p in parcels) if parcels else None,
        delivery_failed=bool(failures) or any(s.status is ScanStatus.FAILURE for s in scans),
        returning=any(s.status is ScanStatus.RETURN_TO_SENDER for s in scans),
        lost=_LOST in incidents,
        damaged=_DAMAGED in incidents or DamageReported in told,
    )


class _Parcel(Struct, frozen=True):
    """One parcel, by what is told of it and of all."""

    words: list[datetime]
    """When carriers spoke of it; empty if nobody tracks it."""
    has_ended: bool
    """The carrier has nothing more to tell."""
    has_arrived: bool
    contradicted: bool
    contradicted_now: bool


def _parcels(told: SignalsByType) -> list[_Parcel]:
    """Every parcel that is named; one without a name if none is."""
    said = [one for kind in _PARCEL_SIGNALS for one in told.get(kind, [])]
    names = {one.shipment for one in said if one.shipment is not None}
    if not said:
        return []
    return [_parcel([one for one in said if one.shipment in (name, None)]) for name in names] or [
        _parcel(said)
    ]


def _parcel(said: list[LabelCreated | HandedOver | Scanned | Delivered]) -> _Parcel:
    scans = [one for one in said if isinstance(one, Scanned)]
    statuses = {scan.status for scan in scans}
    arrivals = [one.event_time for one in said if _is_arrival(one)]
    moves_on = [scan.event_time for scan in scans if scan.status in _UNDELIVERED_STATUSES]
    is_tracked = any(one.tracking for one in said if isinstance(one, LabelCreated | HandedOver))
    words = sorted(one.event_time for one in said if isinstance(one, HandedOver | Scanned))
    return _Parcel(
        words=words if is_tracked else [],
        has_ended=bool(arrivals)
        or not _FINAL_STATUSES.isdisjoint(statuses)
        or any(scan.incident is _LOST for scan in scans),
        has_arrived=bool(arrivals),
        contradicted=bool(arrivals and moves_on) and max(moves_on) > min(arrivals),
        contradicted_now=bool(arrivals and moves_on) and max(moves_on) > max(arrivals),
    )


def _is_arrival(one: LabelCreated | HandedOver | Scanned | Delivered) -> bool:
    return isinstance(one, Delivered) or (
        isinstance(one, Scanned) and one.status is ScanStatus.DELIVERED
    )


def _count_named_parcels(told: SignalsByType) -> Decimal | None:
    said = [one for kind in (LabelCreated, HandedOver) for one in told.get(kind, [])]
    names = {one.shipment for one in said if one.shipment is not None}
    return Decimal(len(names)) if names else None


def _more_than_allowed(told: SignalsByType) -> bool | None:
    placed: list[OrderPlaced] = told.get(OrderPlaced, [])
    limits = [1 for p in placed if p.ship_complete]
    limits += [p.max_parcels for p in placed if p.max_parcels is not None]
    named = _count_named_parcels(told)
    return named > min(limits) if limits and named is not None else None


def incident_facts(told: SignalsByType) -> IncidentFacts:
    scans: list[Scanned] = told.get(Scanned, [])
    failures: list[DeliveryFailed] = told.get(DeliveryFailed, [])
    tellings: list[Scanned | DeliveryFailed] = [*scans, *failures]
    reasons = [one for one in tellings if one.incident is not None]
    parties = {_fault_party(scan) for scan in scans} - {None}
    if not reasons and not parties:
        return NO_INCIDENT
    newest = max(reasons, key=event_time_key).incident if reasons else None
    return IncidentFacts(
        by_carrier=FaultParty.CARRIER in parties,
        by_retailer=FaultParty.RETAILER in parties,
        by_consignee=FaultParty.CONSIGNEE in parties,
        by_customs=FaultParty.CUSTOMS in parties,
        by_nobody=FaultParty.NOBODY in parties,
        unexplained=FaultParty.UNKNOWN in parties,
        reason=newest.value if newest else None,
        fault_party=newest.fault_party.value if newest else None,
    )


def _fault_party(scan: Scanned) -> FaultParty | None:
    """Whose doing a scan says it is, if it is neither lost, damaged, nor a delivery that failed."""
    if scan.status is ScanStatus.FAILURE or scan.incident in (_LOST, _DAMAGED):
        return None
    if scan.incident is None:
        return FaultParty.UNKNOWN if scan.status is ScanStatus.ERROR else None
    return scan.incident.fault_party
