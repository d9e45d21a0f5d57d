"""Finds the orders of signals that name them by references."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import UNSET, Struct, UnsetType, structs

from application.log.event_log import EventLog
from application.log.repository import Repository
from application.orders.batches import Arrival
from domain.orders.events import FoundIn
from domain.orders.held_signals import HELD_PREFIX
from domain.orders.order import Order, order_stream
from domain.orders.references import Match, find_orders, references_of
from domain.orders.signal_body import DEFAULT_SHOP, given, split_order_key
from domain.orders.signals import Signal


class Assigned(Struct, frozen=True):
    """The arrivals of a batch with their orders: each may be about several, or about none yet."""

    arrivals: Sequence[Arrival]
    """With `order` filled in."""
    places: Sequence[int]
    """The place in the batch of each of these arrivals."""
    held: Mapping[int, Match]
    """The places of the signals that lead to no order, or to several."""


class OrderFinder:
    def __init__(self, log: EventLog, orders: Repository[Order]) -> None:
        self._log = log
        self._orders = orders

    def assign(self, arrivals: Sequence[Arrival]) -> Assigned:
        """Find the orders of all signals that name them by references, which this batch itself may teach."""
        open_places = [n for n, a in enumerate(arrivals) if not a.signal.order]
        known = self._candidates(arrivals[n].signal for n in open_places)
        for arrival in arrivals:
            if arrival.signal.order:
                known.setdefault(arrival.signal.order_key, []).append(arrival.signal)
        found: dict[int, list[Signal]] = {}
        matches: dict[int, Match] = {}
        progress = True
        while progress:
            progress = False
            for n in open_places:
                if n in found:
                    continue
                matches[n] = match = find_orders(arrivals[n].signal, known)
                if match.why is None:
                    found[n] = [with_order(arrivals[n].signal, key) for key in match.orders]
                    for signal in found[n]:
                        known.setdefault(signal.order_key, []).append(signal)
                    progress = True
        placed = [
            (n, structs.replace(arrival, signal=signal, found_in=found_in(arrival.signal)))
            for n, arrival in enumerate(arrivals)
            for signal in found.get(n, [arrival.signal] if arrival.signal.order else [])
        ]
        return Assigned(
            [arrival for _, arrival in placed],
            [n for n, _ in placed],
            {n: match for n, match in matches.items() if n not in found},
        )

    def _candidates(self, signals: Iterable[Signal]) -> dict[str, list[Signal]]:
        """The orders that these signals may be about, with their signals."""
        wanted = {reference for signal in signals for reference in references_of(signal)}
        rows = self._log.references([*wanted]) if wanted else ()
        keys = {row.order for row in rows if not row.order.startswith(HELD_PREFIX)}
        states = self._orders.refreshed([order_stream(key) for key in keys])
        return {
            state.id: [*state.signals.values(), *state.ahead.values()] for state in states.values()
        }


def found_in(signal: Signal) -> FoundIn | UnsetType:
    """Where the signal's references are looked up, if it was sent without its order."""
    if signal.order:
        return UNSET
    return FoundIn.ANY_SHOP if signal.shop is UNSET else FoundIn.SHOP


def with_order(signal: Signal, key: str) -> Signal:
    """The signal with its order, and the order's shop unless that is the default one."""
    order, shop = split_order_key(key)
    if shop == DEFAULT_SHOP or given(signal.shop) == shop:
        return structs.replace(signal, order=order)
    return structs.replace(signal, order=order, shop=shop)
