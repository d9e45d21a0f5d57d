"""Parcels that nothing is expected of any more: others brought their pieces, or these were cancelled."""

from collections.abc import Iterable, Sequence

from domain.orders.content import OrderContent
from domain.orders.packed_pieces import PackedPieces
from domain.orders.parcel import Parcel
from domain.orders.pieces import PieceCount, count_stated


def needless_parcels(
    parts: PackedPieces, content: OrderContent, cancelled: Iterable[tuple[str, int]]
) -> frozenset[str]:
    """The parcels that did not arrive, and whose pieces the customer gets or got otherwise, or not at all.

    A parcel that was not handed over is needless once others with its pieces were; one that was, once they
    arrived. `cancelled` are the pieces that were cancelled, by line.
    """
    open_parcels = [p for p in parts.parcels if p.delivered_at is None and p.told]
    if not open_parcels or not content.lines_known:
        return frozenset()
    gone = dict(cancelled)
    if len(parts.parcels) == 1 and not any(gone.values()) and content.lines_at is None:
        return frozenset()
    return frozenset([p.id for p in open_parcels if _is_needless(p, parts, content, gone)])


def _is_needless(
    parcel: Parcel, parts: PackedPieces, content: OrderContent, cancelled: dict[str, int]
) -> bool:
    own = parts.told[parcel.id].count
    if own.unknown and content.lines_at is None:
        return False  # Other names for the lines, and no edit removed any.
    others = _counts_of(parts, [p for p in parts.parcels if p is not parcel and _brings(p, parcel)])
    held = {line for line, _ in own.pieces}
    return all(
        count_stated(line, others) >= line.quantity - cancelled.get(line.id, 0)
        for line in content.lines
        if line.id in held
    )


def _brings(other: Parcel, parcel: Parcel) -> bool:
    if other.delivered_at is not None:
        return True
    is_underway = other.is_handed_over and other.lost_at is None and other.returning_since is None
    return is_underway and not parcel.is_handed_over


def _counts_of(parts: PackedPieces, parcels: Sequence[Parcel]) -> list[PieceCount]:
    return [parts.told[p.id].count for p in parcels if p.id in parts.told]
