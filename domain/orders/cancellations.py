"""Which pieces of an order were cancelled, and when."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from domain.orders.content import OrderContent
from domain.orders.fact_metadata import SignalsByType
from domain.orders.notices import Notice
from domain.orders.packed_pieces import PackedPieces
from domain.orders.pieces import PieceCount, spread_piece
from domain.orders.purchase_signals import OrderCancelled
from domain.orders.signal_body import LinePieces, given


class Cancellations(Struct, frozen=True, kw_only=True):
    """What was cancelled since the lines were stated."""

    pieces: Mapping[str, int] = {}
    last_at: Mapping[str, datetime] = {}
    """When pieces of a line were last cancelled."""
    whole_at: datetime | None = None
    """When the order as a whole was cancelled, or its last piece."""


def cancelled_by_name(
    signals: SignalsByType, content: OrderContent, until: datetime | None = None
) -> PieceCount:
    """The pieces that cancellations name, since the lines were stated, and until a time."""
    found: dict[str, int] = {line.id: 0 for line in content.lines}
    for signal in signals.get(OrderCancelled, ()):
        if until is not None and signal.event_time > until:
            continue
        if content.lines_at is None or signal.event_time > content.lines_at:
            for piece in given(signal.lines) or ():
                _cancel(found, content, piece, signal.key, "", [])
    return PieceCount({(id, None): pieces for id, pieces in found.items()})


def cancellations_of(
    signals: SignalsByType, content: OrderContent, parts: PackedPieces, notices: list[Notice]
) -> Cancellations:
    """The pieces cancelled since the lines were stated, and when.

    A cancellation without lines is of what was not delivered by then; where all was, of everything.
    """
    stated: list[OrderCancelled] = signals.get(OrderCancelled, [])
    if not stated:
        return Cancellations()
    found: dict[str, int] = {line.id: 0 for line in content.lines}
    last_at: dict[str, datetime] = {}
    whole_at = next((s.event_time for s in stated if not given(s.lines)), None)
    ended_at: datetime | None = None
    for signal in stated:
        if content.lines_at is not None and signal.event_time <= content.lines_at:
            continue  # the lines are stated net of it
        before = dict(found)
        if pieces := given(signal.lines):
            for n, piece in enumerate(pieces):
                _cancel(found, content, piece, signal.key, f"/lines/{n}", notices)
        else:
            _cancel_rest(found, content, parts, signal.event_time)
        last_at |= {id: signal.event_time for id in found if found[id] > before[id]}
        if ended_at is None and found and all(found[ln.id] >= ln.quantity for ln in content.lines):
            ended_at = signal.event_time
    # Where pieces are known, the order is cancelled once none of them is left.
    is_left = content.lines_known and any(ln.quantity > found[ln.id] for ln in content.lines)
    ended_at = None if is_left else whole_at or ended_at
    return Cancellations(pieces=found, last_at=last_at, whole_at=ended_at)


def _cancel_rest(
    found: dict[str, int], content: OrderContent, parts: PackedPieces, at: datetime
) -> None:
    by_then = parts.where(lambda p: p.delivered_at is not None and p.delivered_at <= at)
    left = {}
    for line in content.lines:
        kept = line.quantity - found[line.id]
        left[line.id] = kept - by_then.count(line, kept)
    if not any(left.values()):
        left = {line.id: line.quantity - found[line.id] for line in content.lines}
    for id, pieces in left.items():
        found[id] += pieces


def _cancel(
    found: dict[str, int],
    content: OrderContent,
    piece: LinePieces,
    key: str,
    pointer: str,
    notices: list[Notice],
) -> None:
    for line, quantity, excess in spread_piece(piece, content, found):
        if line is None:
            notices.append(Notice.unknown_line(key, pointer, piece, content))
        else:
            found[line.id] += quantity
            if excess:
                notices.append(Notice.too_many(key, pointer, line.id, excess))
