"""The signals that are held: their references lead to no order yet, or to several. Behind GET /v1/held."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.orders.held_signals import HeldReported, HeldSignalJoined, SignalHeld
from domain.orders.references import HeldReason, references_of
from domain.orders.signal_body import given
from domain.recorded_event import RecordedEvent
from projections.projection import Projection, keyed_by_stream


class HeldReference(Struct, frozen=True):
    """A reference that leads to no order, or to several."""

    kind: str
    value: str


class HeldRow(Struct, frozen=True):
    held: UUID
    signal: str
    """The signal's source and id."""
    type: str
    event_time: datetime
    held_at: datetime
    why: HeldReason
    references: tuple[HeldReference, ...]
    shop: str | None = None
    """None if the signal names no shop."""
    orders: tuple[str, ...] = ()
    """The orders that the references fit."""
    reported_at: datetime | None = None
    """When it was reported, since it was held for longer than policy allows."""


def fold(row: HeldRow | None, line: RecordedEvent) -> HeldRow | None:
    match line.event:
        case SignalHeld(why=why, orders=orders) if row is not None:
            return replace(row, why=why, orders=orders)
        case SignalHeld(signal=signal, why=why, orders=orders):
            return HeldRow(
                held=line.stream,
                signal=signal.key,
                type=signal.type,
                event_time=signal.event_time,
                held_at=line.recorded_at,
                why=why,
                references=tuple(HeldReference(*one) for one in references_of(signal)),
                shop=given(signal.shop),
                orders=orders,
            )
        case HeldSignalJoined():
            return None
        case HeldReported():
            return row and replace(row, reported_at=line.recorded_at)
        case _:
            return row


HELD = Projection(
    name="held",
    version=1,
    row=HeldRow,
    key=keyed_by_stream("held."),
    fold=fold,
    indexes=("(held_at, held)",),
)
