"""What sources sent, and what was read of it. Behind GET /v1/sources/{name}/deliveries."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.recorded_event import RecordedEvent
from domain.sources.deliveries import (
    DeliveryReadAgain,
    DeliverySettled,
    DeliveryTaken,
    NotUnderstood,
    NotUnderstoodWhy,
)
from projections.projection import Projection, keyed_by_stream


class DeliveryReason(Struct, frozen=True):
    """Why a delivery, or a part of it, became no signal; the words are in the log, sealed."""

    why: NotUnderstoodWhy
    pointer: str
    code: str | None
    table: str | None


class DeliveryRow(Struct, frozen=True):
    delivery: UUID
    source: str
    sender_id: str
    received_at: datetime
    digest: str
    size: int
    mapping: str
    """The digest of the document that read it last."""
    understood: bool
    signals: int
    topic: str | None = None
    reasons: tuple[DeliveryReason, ...] = ()
    read_again_at: datetime | None = None
    orders: tuple[str, ...] = ()
    """The names in the log of the orders that it speaks of."""
    pulled: bool = False
    """A pull read it from a list; else its sender, or a file, brought it."""
    settled: bool = False
    """A person set it aside, and no other reason was found since."""


def fold(row: DeliveryRow | None, line: RecordedEvent) -> DeliveryRow | None:
    match line.event:
        case DeliveryTaken() as taken:
            return DeliveryRow(
                delivery=line.stream,
                source=taken.source,
                sender_id=taken.delivery,
                received_at=line.recorded_at,
                digest=taken.digest,
                size=taken.size,
                mapping=taken.mapping,
                understood=not taken.reasons,
                signals=taken.signals,
                topic=taken.topic,
                pulled=taken.pulled,
                reasons=_reasons(taken.reasons),
                orders=taken.orders,
            )
        case DeliveryReadAgain() as again:
            return row and replace(
                row,
                mapping=again.mapping,
                understood=not again.reasons,
                signals=again.signals,
                topic=again.topic,
                reasons=_reasons(again.reasons),
                read_again_at=line.recorded_at,
                orders=tuple(dict.fromkeys([*row.orders, *again.orders])),
                settled=row.settled and row.reasons == _reasons(again.reasons),
            )
        case DeliverySettled():
            return row and replace(row, settled=True)
        case _:
            return row


def _reasons(found: Sequence[NotUnderstood]) -> tuple[DeliveryReason, ...]:
    return tuple(DeliveryReason(one.why, one.pointer, one.code, one.table) for one in found)


DELIVERIES = Projection(
    name="deliveries",
    version=4,
    row=DeliveryRow,
    key=keyed_by_stream("delivery."),
    fold=fold,
    indexes=(
        "(source, understood, settled, received_at, delivery)",
        "(source, received_at)",
        "USING gin (orders)",
    ),
)
