"""Counts pieces of lines: by line, by product where lines share one, and by the parts of a bundle."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

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


NO_PIECES: Final = PieceCount({})


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


def count_pieces(
    stated: Sequence[LinePieces],
    content: OrderContent,
    elsewhere: Sequence[Collection[PieceCount]] = (),
) -> PieceCount:
    """The pieces that a statement names. A product that lines share fills them in their order.

    `elsewhere` are the pieces of other statements that take up room in these lines. If all of the
    first ones leave no room, only the next ones count.
    """
    return join_counts(count_each_piece(stated, content, elsewhere))


def count_each_piece(
    stated: Sequence[LinePieces],
    content: OrderContent,
    elsewhere: Sequence[Collection[PieceCount]] = (),
) -> list[PieceCount]:
    """The same for each stated piece by itself: those that name their line come first."""
    found: list[PieceCount] = [NO_PIECES] * len(stated)
    for n, piece in enumerate(stated):
        if (named := _named_place(piece, content)) is not None:
            found[n] = named
    for n, piece in enumerate(stated):
        if found[n] is NO_PIECES:
            found[n] = _by_product(piece, content, [[*found, *o] for o in elsewhere or ((),)])
    return found


def join_counts(counts: Iterable[PieceCount]) -> PieceCount:
    """Several counts as one."""
    found: dict[tuple[str, str | None], int] = {}
    unknown: list[LinePieces] = []
    for count in counts:
        for key, quantity in count.pieces.items():
            found[key] = found.get(key, 0) + quantity
        unknown += count.unknown
    return PieceCount(found, tuple(unknown))


def names_shared_product(piece: LinePieces, content: OrderContent) -> bool:
    """Whether a piece is named by a product that several lines have."""
    if content.line(piece.line) is not None:
        return False
    return len(content.lines_of_sku(piece.sku or piece.line or "")) > 1


def _named_place(piece: LinePieces, content: OrderContent) -> PieceCount | None:
    line = content.line(piece.line) if piece.line is not None else None
    if line is None:
        return None
    components = _components(line)
    sku = piece.sku if piece.sku in components else None
    all_of_it = line.quantity * components.get(sku or "", 1)
    return PieceCount({(line.id, sku): all_of_it if piece.quantity is None else piece.quantity})


def _by_product(
    piece: LinePieces, content: OrderContent, taken: Sequence[Collection[PieceCount]]
) -> PieceCount:
    lines = content.lines_of_sku(piece.sku or piece.line or "")
    if not lines:
        return PieceCount({}, (piece,))
    found: dict[tuple[str, str | None], int] = {}
    left = piece.quantity
    for counts in taken:
        for line in lines:
            key = line.id, _component_of(line, piece)
            room = _room(line, key[1], counts) - found.get(key, 0)
            here = room if left is None else min(left, room)
            if here > 0:
                found[key] = found.get(key, 0) + here
                left = None if left is None else left - here
        if left is None and found:
            break
    if left is None and not found:
        return PieceCount({(ln.id, _component_of(ln, piece)): _whole(ln, piece) for ln in lines})
    if left:
        # What is too much counts for the last line, where it is noticed.
        key = lines[-1].id, _component_of(lines[-1], piece)
        found[key] = found.get(key, 0) + left
    return PieceCount(found)


def _components(line: OrderLine) -> Mapping[str | None, int]:
    return {c.sku: c.quantity for c in given(line.line.components) or ()}


def _component_of(line: OrderLine, piece: LinePieces) -> str | None:
    """The component of a line that a product is; None for whole pieces of the line."""
    return piece.sku if piece.sku in _components(line) and piece.sku != line.line.sku else None


def _whole(line: OrderLine, piece: LinePieces) -> int:
    return line.quantity * _components(line).get(_component_of(line, piece), 1)


def _room(line: OrderLine, component: str | None, counts: Collection[PieceCount]) -> int:
    """How many pieces of a line, or of its component, are in none of these counts."""
    of_each = _components(line).get(component, 1)
    whole = sum(count.pieces.get((line.id, None), 0) for count in counts)
    taken = whole * of_each
    if component is not None:
        taken += sum(count.pieces.get((line.id, component), 0) for count in counts)
    return max(line.quantity * of_each - taken, 0)


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
