"""All notices of an order: what is odd about statements that are kept all the same."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from msgspec import structs

from domain.orders.content import OrderContent, line_names
from domain.orders.fact_metadata import SignalsByType
from domain.orders.facts import OrderFacts
from domain.orders.goods import Goods
from domain.orders.notices import Notice
from domain.orders.odd_statements import StatementsOfOrder
from domain.orders.order_versions import find_revision_notices, sort_versions
from domain.orders.purchase_signals import OrderEdited, OrderPlaced
from domain.orders.signal_body import LinePieces, given
from domain.orders.signals import Signal
from domain.orders.signals_by_type import fields_of_refs
from domain.orders.standing import find_correction_notices
from domain.orders.unknown_parts import find_unknown_parts


def find_notices(
    signals: Mapping[str, Signal],
    by_type: SignalsByType,
    facts: OrderFacts,
    is_corrected: bool,
    asked: Mapping[str, Signal] | None = None,
) -> tuple[Notice, ...]:
    """The notices of an order. `asked` are the signals that are looked at, if not all."""
    looked_at = signals if asked is None else asked
    counting = [*_counting(looked_at.values(), by_type)]
    goods, money = facts.goods, facts.money
    found = (
        *goods.notices,
        *money.notices,
        *(find_correction_notices(signals.values()) if is_corrected else ()),
        *_sku_notices(looked_at.values(), goods.content),
        *_zero_notices(counting),
        *_empty_lines(by_type, counting),
        *_surplus_notices(by_type, goods, counting),
        *_revision_notices(by_type, counting),
        *StatementsOfOrder(by_type, goods, money).find_notices(counting),
        *find_unknown_parts(by_type, goods, money, counting),
    )
    return tuple(_in_refs(notice, signals[notice.signal]) for notice in found)


def _counting(signals: Iterable[Signal], by_type: SignalsByType) -> Iterator[Signal]:
    """Those of the signals that count, with the ids of their `refs` in their own fields."""
    known: dict[type, dict[str, Signal]] = {}
    for signal in signals:
        kind = type(signal)
        if kind not in known:
            known[kind] = {one.key: one for one in by_type.get(kind, ())}
        if (counts := known[kind].get(signal.key)) is not None:
            yield counts


def _in_refs(notice: Notice, signal: Signal) -> Notice:
    """The notice with the pointer of the field as it was sent: an id may be in `refs` alone."""
    field, refs = notice.pointer[1:], given(signal.refs)
    if refs is None or field not in fields_of_refs(type(signal)):
        return notice
    if given(getattr(signal, field)) or not getattr(refs, field):
        return notice
    return structs.replace(notice, pointer=f"/refs/{field}")


def _zero_notices(signals: Iterable[Signal]) -> Iterator[Notice]:
    """A notice for each statement of no pieces. Only money may be given for a line without its pieces."""
    for signal in signals:
        if not _may_name_pieces(type(signal)):
            continue
        for n, piece in enumerate(given(getattr(signal, "lines")) or ()):  # noqa: B009
            if not isinstance(piece, LinePieces) or piece.quantity != 0:
                continue
            if not getattr(piece, "amount", None):
                name = piece.line or piece.sku or ""
                yield Notice.no_pieces(signal.key, f"/lines/{n}", name)


def _empty_lines(by_type: SignalsByType, signals: Iterable[Signal]) -> Iterator[Notice]:
    """A notice for each line of no pieces. An edit may say 0 of a line that had pieces: that removes it."""
    for signal in signals:
        if not isinstance(signal, OrderPlaced | OrderEdited):
            continue
        lines = given(signal.lines) or ()
        empty = [(n, name) for n, name in enumerate(line_names(lines)) if not lines[n].quantity]
        had = _names_with_pieces(by_type) if empty and isinstance(signal, OrderEdited) else set()
        for n, name in empty:
            if name not in had and lines[n].sku not in had:
                yield Notice.empty_line(signal.key, f"/lines/{n}", name)


def _names_with_pieces(by_type: SignalsByType) -> set[str | None]:
    """The ids and the products of lines that had pieces in some statement of the order."""
    stated = [*by_type.get(OrderPlaced, ()), *by_type.get(OrderEdited, ())]
    lines = [line for one in stated for line in given(one.lines) or () if line.quantity]
    return {given(line.id) or line.sku for line in lines}


def _surplus_notices(
    by_type: SignalsByType, goods: Goods, signals: Iterable[Signal]
) -> Iterator[Notice]:
    """A notice for the last edit of the lines, where it took away pieces that had left."""
    surplus = [one for one in (*goods.lines, *goods.removed) if one.surplus > one.cancelled]
    if not surplus:
        return
    edits = [one for one in by_type.get(OrderEdited, ()) if given(one.lines) is not None]
    last = sort_versions(edits)[-1].key if edits else None
    if any(signal.key == last for signal in signals):
        for one in surplus:
            yield Notice.left_already(str(last), one.line.id, one.surplus - one.cancelled)


def _revision_notices(by_type: SignalsByType, signals: Iterable[Signal]) -> Iterator[Notice]:
    asked = {s.key for s in signals if isinstance(s, OrderPlaced | OrderEdited)}
    stated: list[OrderPlaced] = by_type.get(OrderPlaced, []) if asked else []
    if stated:
        edits: list[OrderEdited] = by_type.get(OrderEdited, [])
        versions: list[OrderPlaced | OrderEdited] = [*stated, *edits]
        versions = [s for s in versions if s.source == stated[0].source]
        yield from find_revision_notices(versions, asked)


def _sku_notices(signals: Iterable[Signal], content: OrderContent) -> Iterator[Notice]:
    """A notice for each piece with a line of the order and another product, which is no component of it.

    The line counts: its id is the identity of the pieces.
    """
    for signal in signals:
        if not _may_name_pieces(type(signal)):
            continue
        for n, piece in enumerate(given(getattr(signal, "lines")) or ()):  # noqa: B009
            if isinstance(piece, LinePieces) and piece.line is not None and piece.sku is not None:
                line = content.line(piece.line)
                skus = {line.line.sku} if line is not None else set()
                if line is None or None in skus:
                    continue
                skus |= {component.sku for component in given(line.line.components) or ()}
                if piece.sku not in skus:
                    known = " or ".join(sorted(sku for sku in skus if sku is not None))
                    yield Notice(
                        signal=signal.key,
                        pointer=f"/lines/{n}/sku",
                        detail=f"line {piece.line} is {known}, not {piece.sku}; the pieces count for the "
                        "line. If another line is meant, replace the statement",
                    )


@cache
def _may_name_pieces(kind: type[Signal]) -> bool:
    return "lines" in kind.__struct_fields__
