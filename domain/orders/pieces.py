"""Counts pieces of lines: by line, by product where lines share one, and by the parts of a bundle."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct

from domain.orders.content import OrderContent, OrderLine
from domain.orders.signal_body import LinePieces, given


class PieceCount(Struct, frozen=True):
    """Pieces by line and product; the product is None for whole pieces of the line."""

    pieces: Mapping[tuple[str, str | None], int]
    unknown: tuple[LinePieces, ...] = ()
    """Pieces of no line of the order."""

    def whole_lines(self, content: OrderContent) -> dict[str, int]:
        """Whole pieces by line: a bundle counts once all of its components are there."""
        found = {line.id: count_stated(line, [self]) for line in content.lines}
        return {id: count for id, count in found.items() if count}


def count_stated(line: OrderLine, counts: Collection[PieceCount]) -> int:
    """How many whole pieces of a line are in these counts, together."""
    if not counts:
        return 0
    key, whole = (line.id, None), 0
    for count in counts:
        whole += count.pieces.get(key, 0)
    components = given(line.line.components)
    if not components:
        return whole
    bundles = min(
        sum(count.pieces.get((line.id, c.sku), 0) for count in counts) // c.quantity
        for c in components
    )
    return whole + bundles


def count_pieces(stated: Sequence[LinePieces], content: OrderContent) -> PieceCount:
    """The pieces that a statement names. A product that lines share fills them in their order."""
    found: dict[tuple[str, str | None], int] = {}
    unknown = []
    for piece in stated:
        placed = False
        for line, sku, quantity in _places(piece, content, found):
            placed = True
            key = line.id, sku
            found[key] = found.get(key, 0) + quantity
        if not placed:
            unknown.append(piece)
    return PieceCount(found, tuple(unknown))


def _places(
    piece: LinePieces, content: OrderContent, found: Mapping[tuple[str, str | None], int]
) -> Iterator[tuple[OrderLine, str | None, int]]:
    line = content.line(piece.line) if piece.line is not None else None
    if line is not None:
        components = {c.sku: c.quantity for c in given(line.line.components) or ()}
        sku = piece.sku if piece.sku in components else None
        all_of_it = line.quantity * components.get(sku or "", 1)
        yield line, sku, all_of_it if piece.quantity is None else piece.quantity
        return
    lines = content.lines_of_sku(piece.sku or piece.line or "")
    left = piece.quantity
    for n, one in enumerate(lines):
        components = {c.sku: c.quantity for c in given(one.line.components) or ()}
        sku = piece.sku if piece.sku in components and piece.sku != one.line.sku else None
        room = one.quantity * components.get(sku or "", 1) - found.get((one.id, sku), 0)
        # What is too much stands at the last line, where it is noticed.
        here = room if left is None else left if n == len(lines) - 1 else min(left, max(room, 0))
        left = None if left is None else left - here
        if here > 0 or left is None:
            yield one, sku, here


def spread_piece(
    piece: LinePieces, content: OrderContent, taken: Mapping[str, int]
) -> list[tuple[OrderLine | None, int, int]]:
    """The lines that whole pieces are of: (line, pieces, more than there are); `taken` are used already.

    The line is None for pieces of no line.
    """
    named = content.line(piece.line) if piece.line is not None else None
    lines = [named] if named is not None else content.lines_of_sku(piece.sku or piece.line or "")
    return [*spread_over(lines, piece, taken)] if lines else [(None, 0, 0)]


def spread_over(
    lines: Sequence[OrderLine], piece: LinePieces, taken: Mapping[str, int]
) -> list[tuple[OrderLine, int, int]]:
    """The pieces over these lines, in their order; what is too much stands at the last one."""
    left = piece.quantity
    found: list[tuple[OrderLine, int, int]] = []
    for n, line in enumerate(lines):
        room = max(line.quantity - taken.get(line.id, 0), 0)
        here = room if left is None else min(left, room)
        left = None if left is None else left - here
        excess = left or 0 if n == len(lines) - 1 else 0
        if here or excess:
            found.append((line, here, excess))
    return found
