"""The rows of the table of references that a line of the log leads to."""

from collections.abc import Iterator
from typing import Final

from msgspec import UNSET

from application.log.recorder import ReferenceRow
from domain.orders.events import SignalRecorded
from domain.orders.held_signals import HeldSignalJoined, SignalHeld
from domain.orders.references import SIGNAL, Reference, parcels_of, references_of
from domain.orders.relation_signals import DuplicateSuspected, OrderRelated
from domain.recorded_event import RecordedEvent

FOUND: Final = "found"
"""The kind of the rows that lead from a reference to the orders that signals were recorded in by it."""
HELD: Final = "held"
"""The kind of the rows that lead from an order to the held signals that joined it."""
RELATED: Final = "related"
"""The kind of the rows that lead from an order to those that were stated to be related to it."""
SUSPECTED: Final = "suspected"
"""The kind of the rows that lead from an order to those that are suspected to be duplicates of it."""
TEACHING: Final = tuple(
    str(kind.__struct_config__.tag) for kind in (SignalRecorded, SignalHeld, HeldSignalJoined)
)
"""The types of lines that have references."""


def found_by(reference: Reference) -> Reference:
    """What rows have the orders with signals that were found by this reference."""
    return FOUND, f"{reference[0]} {reference[1]}"


def reference_rows(line: RecordedEvent) -> Iterator[ReferenceRow]:
    """What the line teaches. A held signal has rows under its own name: it waits for them."""
    event, name = line.event, line.order
    if name is None:
        return
    if isinstance(event, SignalRecorded | SignalHeld):
        for kind, value in (*references_of(event.signal), *parcels_of(event.signal)):
            yield ReferenceRow(kind, value, name)
    if isinstance(event, SignalRecorded) and event.found_in is not UNSET:
        for reference in references_of(event.signal):
            yield ReferenceRow(*found_by(reference), name)
    if isinstance(event, SignalRecorded) and isinstance(event.signal, OrderRelated):
        yield ReferenceRow(RELATED, event.signal.other_key, name)
    if isinstance(event, SignalRecorded) and isinstance(event.signal, DuplicateSuspected):
        yield ReferenceRow(SUSPECTED, event.signal.other_key, name)
    if isinstance(event, SignalHeld):
        yield ReferenceRow(SIGNAL, event.signal.key, name)
    elif isinstance(event, HeldSignalJoined):
        for order in event.orders:
            yield ReferenceRow(HELD, name, order)
