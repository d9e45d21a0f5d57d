"""The pieces that came back to us, by the returns that were received."""

from collections.abc import Callable, Sequence

from domain.orders.content import OrderContent, OrderLine
from domain.orders.fact_metadata import SignalsByType
from domain.orders.pieces import PieceCount, count_pieces, count_stated
from domain.orders.return_signals import (
    ReturnAuthorized,
    ReturnLabelCreated,
    ReturnReceived,
    ReturnRequested,
)
from domain.orders.signal_body import LinePieces, given


def received_pieces(
    signals: SignalsByType, content: OrderContent, arrived: Callable[[OrderLine], int]
) -> dict[str, int]:
    """The pieces that came back, by line. `arrived` are the pieces of a line that can come back.

    Two systems that state one return, by its `rma`, mean the same pieces: the larger number counts.
    A return that is received without pieces has those for which it was authorized, else requested, else
    labelled. Where nobody tells any, only a single piece that can come back is known to be the one.
    """
    by_return: dict[str, dict[str, list[LinePieces]]] = {}
    for n, signal in enumerate(signals.get(ReturnReceived, ())):
        if pieces := told_pieces_of(signal, signals) or _single(content, arrived):
            rma, source = (signal.rma, signal.source) if signal.rma else (f"#{n}", "")
            by_return.setdefault(rma, {}).setdefault(source, []).extend(pieces)
    if not by_return:
        return {}
    elsewhere = PieceCount({(ln.id, None): ln.quantity - arrived(ln) for ln in content.lines})
    counts: list[PieceCount] = []
    for sources in by_return.values():
        rooms = [[*counts, elsewhere], [*counts]]
        counts.append(_largest([count_pieces(one, content, rooms) for one in sources.values()]))
    return {line.id: count_stated(line, counts) for line in content.lines}


def told_pieces_of(received: ReturnReceived, signals: SignalsByType) -> Sequence[LinePieces]:
    """The pieces of a return that was received, or those by its last authorization that names any, else by its
    last request, else by its last label."""
    if pieces := given(received.lines):
        return pieces
    for kind in (ReturnAuthorized, ReturnRequested, ReturnLabelCreated):
        for signal in reversed(signals.get(kind, [])):
            if signal.rma == received.rma and (pieces := given(signal.lines)):
                return [*pieces]
    return ()


def _single(content: OrderContent, arrived: Callable[[OrderLine], int]) -> Sequence[LinePieces]:
    """The piece that can come back, if there is only one."""
    found = {line.id: pieces for line in content.lines if (pieces := arrived(line))}
    if not content.lines_known or sum(found.values()) != 1:
        return ()
    return [LinePieces(line=id, quantity=1) for id in found]


def _largest(counts: Sequence[PieceCount]) -> PieceCount:
    keys = {key: None for count in counts for key in count.pieces}
    return PieceCount({key: max(c.pieces.get(key, 0) for c in counts) for key in keys})
