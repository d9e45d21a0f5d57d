"""All notices of an order: what is odd about statements that are kept all the same."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from domain.orders.content import OrderContent
from domain.orders.fact_metadata import SignalsByType
from domain.orders.facts import OrderFacts
from domain.orders.notices import Notice
from domain.orders.odd_statements import StatementsOfOrder
from domain.orders.signal_body import LinePieces, given
from domain.orders.signals import Signal
from domain.orders.standing import find_correction_notices


def find_notices(
    signals: Mapping[str, Signal],
    by_type: SignalsByType,
    facts: OrderFacts,
    is_corrected: bool,
    asked: Mapping[str, Signal] | None = None,
) -> tuple[Notice, ...]:
    """The notices of an order. `asked` are the signals that are looked at, if not all."""
    looked_at = signals if asked is None else asked
    return (
        *facts.goods.notices,
        *facts.money.notices,
        *(find_correction_notices(signals.values()) if is_corrected else ()),
        *_sku_notices(looked_at.values(), facts.goods.content),
        *StatementsOfOrder(by_type, facts.goods, facts.money).find_notices(looked_at.values()),
    )


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
