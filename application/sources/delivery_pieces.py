"""New deliveries with what was read of them, and the writes that keep them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from uuid import UUID

from msgspec import Struct

from application.log import streams
from application.log.caller import system_caller
from application.log.event_log import Write
from application.orders.batches import Arrival
from application.orders.receipts import Receipt
from application.sources.delivery_events import Incoming, delivery_taken
from application.sources.ports import ReadDelivery
from application.sources.recorded_signals import Recorded
from domain.orders.signal_body import DEFAULT_SHOP
from domain.people import Actor
from domain.sources.deliveries import delivery_name
from domain.sources.source import Source


class Piece(Struct, frozen=True):
    """A new delivery, and what was read of it."""

    stream: UUID
    came: Incoming
    read: ReadDelivery


def actor_of(source: Source) -> Actor:
    return Actor(f"source:{source.name}")


def by_piece(
    pieces: Sequence[Piece], arrivals: Sequence[Arrival], receipts: Sequence[Receipt]
) -> Iterator[tuple[Piece, Recorded]]:
    left, answers = iter(arrivals), iter(receipts)
    for piece in pieces:
        count = len(piece.read.signals)
        yield (piece, Recorded.of(piece.read, [*islice(left, count)], [*islice(answers, count)]))


def write_of(
    source: Source, piece: Piece, recorded: Recorded, actor: Actor, now: datetime
) -> Write:
    by = system_caller(actor, now, f"delivery:{piece.stream}")
    name = delivery_name(source.shop or DEFAULT_SHOP, source.name, piece.came.id)
    taken = delivery_taken(source, piece.came, piece.read, recorded)
    return by.write(piece.stream, streams.DELIVERY, 0, [taken], name)
