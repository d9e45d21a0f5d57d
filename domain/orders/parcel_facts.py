"""Facts about parcels: where they are by the carriers' scans, and which party caused an incident.

A signal without a shipment is about every parcel of the order. Scans of a parcel are expected only
if a label or a hand-over gave its tracking number.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final

from msgspec import Struct

from domain.orders.fact_metadata import SignalsByType, derived_from, lasting
from domain.orders.goods import Goods
from domain.orders.parcels import PARCEL_FEEDS
from domain.orders.purchase_signals import OrderEdited, OrderPlaced
from domain.orders.scan_status import FaultParty, IncidentReason, ScanStatus
from domain.orders.shipment_signals import CustomerClaimed, DeliveryFailed, Scanned
from domain.orders.signals import event_time_key


class ParcelFacts(Struct, frozen=True, gc=False):
    known: Annotated[Decimal | None, derived_from(*PARCEL_FEEDS)] = None
    """The number of parcels that labels and hand-overs name."""
    more_than_allowed: Annotated[
        bool | None, derived_from(OrderPlaced, OrderEdited, *PARCEL_FEEDS)
    ] = None
    """There are more parcels than the customer allows."""
    last_heard_at: Annotated[datetime | None, derived_from(*PARCEL_FEEDS)] = None
    """The last hand-over or scan of the tracked parcel on its way without a scan for longest."""
    on_the_way: Annotated[bool | None, derived_from(*PARCEL_FEEDS)] = None
    """A tracked parcel was handed over, and has no final status and waits at no pickup point."""
    all_arrived: Annotated[bool | None, derived_from(*PARCEL_FEEDS)] = None
    """Every known parcel was delivered, or fetched from its pickup point."""
    contradicted: Annotated[bool, lasting(*PARCEL_FEEDS)] = False
    """A parcel was scanned on its way after its delivery."""
    contradicted_now: Annotated[bool | None, derived_from(*PARCEL_FEEDS)] = None
    """It was scanned on its way after its last delivery."""
    delivery_failed: Annotated[bool, derived_from(*PARCEL_FEEDS)] = False
    """A delivery of a parcel was tried and failed; it stays so after a later delivery."""
    returning: Annotated[bool, derived_from(*PARCEL_FEEDS)] = False
    """The carrier returns a parcel to the sender."""
    lost: Annotated[bool, derived_from(*PARCEL_FEEDS)] = False
    """The carrier lost a parcel."""
    damaged: Annotated[bool, derived_from(*PARCEL_FEEDS, CustomerClaimed)] = False
    """The carrier or the customer reports damage."""


class IncidentFacts(Struct, frozen=True, gc=False):
    """Why a parcel does not move as it should.

    `by_…` leave out lost and damaged parcels and failed delivery attempts: each is a problem of its
    own.
    """

    by_carrier: Annotated[bool, derived_from(Scanned)] = False
    """The carrier caused an incident."""
    by_retailer: Annotated[bool, derived_from(Scanned)] = False
    """We caused an incident, such as by a wrong label."""
    by_consignee: Annotated[bool, derived_from(Scanned)] = False
    """The person who receives the parcel caused an incident."""
    by_customs: Annotated[bool, derived_from(Scanned)] = False
    """Customs caused an incident."""
    by_nobody: Annotated[bool, derived_from(Scanned)] = False
    """Weather, a disaster, or the law."""
    unexplained: Annotated[bool, derived_from(Scanned)] = False
    """The carrier reports a problem without a cause."""
    reason: Annotated[str | None, derived_from(Scanned, DeliveryFailed)] = None
    """The reason of the last incident."""
    fault_party: Annotated[str | None, derived_from(Scanned, DeliveryFailed)] = None
    """The party that caused the last incident."""


NO_PARCEL: Final = ParcelFacts()
NO_INCIDENT: Final = IncidentFacts()
_SOURCE_SIGNALS: Final = frozenset(PARCEL_FEEDS)
_BY_PARTIES: Final = tuple(party for party in FaultParty if party is not FaultParty.UNKNOWN)
_LOST: Final = IncidentReason.CARRIER_PARCEL_LOST
_DAMAGED: Final = IncidentReason.CARRIER_DAMAGED_PARCEL


def parcel_facts(signals: SignalsByType, goods: Goods) -> ParcelFacts:
    if _SOURCE_SIGNALS.isdisjoint(signals):
        return NO_PARCEL
    parcels = goods.outbound
    last_scans = [p.heard_at[-1] for p in parcels if p.heard_at and not p.has_ended]
    current = goods.content.current
    known = Decimal(len(parcels)) if any(p.is_named for p in parcels) else None
    return ParcelFacts(
        known=known,
        more_than_allowed=_more_than_allowed(current, known),
        last_heard_at=min(last_scans, default=None),
        on_the_way=bool(last_scans) if any(p.heard_at for p in parcels) else None,
        contradicted=any(p.contradicted for p in parcels),
        contradicted_now=any(p.contradicted_now for p in parcels) if Scanned in signals else None,
        all_arrived=all(p.delivered_at is not None for p in parcels) if parcels else None,
        delivery_failed=any(p.failed_at is not None for p in parcels),
        returning=any(p.returning_since is not None for p in parcels),
        lost=any(p.lost_at is not None for p in parcels),
        damaged=any(p.damaged_at is not None for p in parcels),
    )


def _more_than_allowed(order: OrderPlaced | None, known: Decimal | None) -> bool | None:
    if order is None or known is None:
        return None
    limits = [1] if order.ship_complete else []
    limits += [order.max_parcels] if order.max_parcels is not None else []
    return known > min(limits) if limits else None


def _incident_signals(signals: SignalsByType) -> list[Scanned | DeliveryFailed]:
    return [*signals.get(Scanned, []), *signals.get(DeliveryFailed, [])]


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
