"""Groups a batch of signals by order and by time of arrival."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import UNSET, Struct, UnsetType

from domain.errors import CasetrailError, Fault, Invalid, SignalIdReused, SourceReserved
from domain.orders.events import FoundIn
from domain.orders.order import Order
from domain.orders.order_names import describe_order
from domain.orders.references import differing_fields, is_same_statement, newest_statement
from domain.orders.signal_body import OWN_SOURCE
from domain.orders.signal_times import check_zone_name, zones_in
from domain.orders.signals import Signal

MOST_AHEAD: Final = timedelta(hours=24)
"""How far ahead of our clock a source's clock may be."""


class Arrival(Struct, frozen=True):
    """A signal, and when it reached us."""

    signal: Signal
    received_at: datetime
    is_own: bool = False
    """Whether the service states it itself, under its own source name."""
    found_in: FoundIn | UnsetType = UNSET
    """Set if it was sent without its order, and its references led to one."""
    is_replayed: bool = False
    """What fell due before it is decided first, each at its moment, as if the timekeeper had been in time."""


class OrderBatch(Struct, frozen=True):
    """The arrivals of one order in a batch, and their places in the batch."""

    order: str
    arrivals: list[Arrival]
    places: list[int]


def group_by_order(arrivals: Sequence[Arrival]) -> list[OrderBatch]:
    units: dict[str, OrderBatch] = {}
    for place, arrival in enumerate(arrivals):
        key = arrival.signal.order_key
        unit = units.setdefault(key, OrderBatch(key, [], []))
        unit.arrivals.append(arrival)
        unit.places.append(place)
    return list(units.values())


def group_by_time(unit: OrderBatch) -> list[tuple[datetime, list[int]]]:
    groups: dict[datetime, list[int]] = {}
    for n, arrival in enumerate(unit.arrivals):
        groups.setdefault(arrival.received_at, []).append(n)
    return sorted(groups.items())


def find_refusal(signal: Signal, now: datetime, *, is_new: bool = True) -> CasetrailError | None:
    """Why a signal may not be recorded at `now`; None if it may."""
    if signal.source == OWN_SOURCE:
        return SourceReserved(
            f"{signal.key} has the source {OWN_SOURCE}; send it with another source"
        )
    if is_new and (faults := _zone_faults(signal)):
        return Invalid(faults, "signal")
    if is_new and signal.event_time - now > MOST_AHEAD:
        return Invalid(
            [
                Fault(
                    "/event_time",
                    f"{signal.event_time.isoformat()} is more than 24 hours ahead of our clock "
                    f"({now.isoformat(timespec='seconds')}): check the source's clock and the offset",
                )
            ],
            "signal",
        )
    return None


def _zone_faults(signal: Signal) -> list[Fault]:
    """Time zones that a signal names and the IANA database does not have."""
    found = []
    for pointer, name in zones_in(signal):
        try:
            check_zone_name(name)
        except ValueError as error:
            found.append(Fault(pointer, str(error)))
    return found


def split_accepted(
    sent: Sequence[Signal], derived: Iterable[Signal], order: Order, now: datetime
) -> tuple[list[Signal], dict[int, CasetrailError]]:
    """The signals to record, and the error for each that is refused, by its `id()`."""
    accepted: dict[str, Signal] = {}
    refused: dict[int, CasetrailError] = {
        id(signal): refusal
        for signal in sent
        if (refusal := find_refusal(signal, now, is_new=order.recorded(signal.key) is None))
        is not None
    }
    for signal in (*(signal for signal in sent if id(signal) not in refused), *derived):
        known = order.recorded(signal.key) or accepted.get(signal.key)
        if known is None:
            accepted[signal.key] = signal
        elif not is_same_statement(known, signal):
            what = f"{signal.key} of order {describe_order(order.id)}"
            refused[id(signal)] = id_reused(what, known, signal, order.stated)
    return list(accepted.values()), refused


def id_reused(
    what: str, recorded: Signal, sent: Signal, stated: Iterable[Signal]
) -> SignalIdReused:
    """The refusal of a signal whose id was used. `stated` may replace the recorded one."""
    return SignalIdReused(
        f"{what} was recorded with other content; send a new id",
        differing_fields(recorded, sent),
        newest_statement(sent, stated),
    )
