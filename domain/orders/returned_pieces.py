"""The pieces that came back to us, by the returns that were received."""

from collections.abc import Callable, Sequence

from domain.orders.content import OrderContent, OrderLine
from domain.orders.fact_metadata import SignalsByType
from domain.orders.pieces import PieceCount, count_pieces, count_stated
from domain.orders.return_signals import ReturnAuthorized, ReturnReceived, ReturnRequested
from domain.orders.signal_body import LinePieces, given


def received_pieces(
    signals: SignalsByType, content: OrderContent, arrived: Callable[[OrderLine], int]
) -> dict[str, int]:
    """The pieces that came back, by line. `arrived` are the pieces of a line that can come back.

    Two systems that state one return, by its `rma`, mean the same pieces: the larger number counts.
    A return that is received without pieces has those for which it was authorized, else requested.
    """
    by_return: dict[str, dict[str, list[LinePieces]]] = {}
    for n, signal in enumerate(signals.get(ReturnReceived, ())):
        if pieces := given(signal.lines) or _announced(signal.rma, signals):
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


def _announced(rma: str, signals: SignalsByType) -> Sequence[LinePieces]:
    """The pieces of a return by its last authorization that names any, else by its last request."""
    authorized: list[ReturnAuthorized] = signals.get(ReturnAuthorized, [])
    requested: list[ReturnRequested] = signals.get(ReturnRequested, [])
    newest_first: list[ReturnAuthorized | ReturnRequested] = [*reversed(authorized)]
    newest_first += reversed(requested)
    for signal in newest_first:
        if signal.rma == rma and (pieces := given(signal.lines)):
            return [*pieces]
    return ()


def _largest(counts: Sequence[PieceCount]) -> PieceCount:
    keys = {key: None for count in counts for key in count.pieces}
    return PieceCount({key: max(c.pieces.get(key, 0) for c in counts) for key in keys})
