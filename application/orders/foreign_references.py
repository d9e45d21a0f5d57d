"""Finds statements whose `refs` name references of other orders."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from msgspec import UNSET

from application.log.event_log import EventLog
from application.log.repository import Repository
from application.log.sealing import without_read_tracking
from application.orders.batches import Arrival
from domain.orders.foreign_references import find_foreign_references
from domain.orders.held_signals import HELD_PREFIX
from domain.orders.notices import Notice
from domain.orders.order import Order, order_stream
from domain.orders.references import references_of
from domain.orders.signal_body import given
from domain.orders.signals import Signal
from domain.orders.standing import standing

MOST_ORDERS: Final = 20
"""How many orders of one reference are compared. A reference of more orders is of no use to anybody."""


class ForeignReferences:
    def __init__(self, log: EventLog, orders: Repository[Order]) -> None:
        self._log = log
        self._orders = orders

    def of_arrivals(self, arrivals: Iterable[Arrival]) -> Mapping[int, Sequence[Notice]]:
        """The notices about each arrival, by its place."""
        named = {n: a.signal for n, a in enumerate(arrivals) if a.found_in is UNSET}
        asked = {n: one for n, one in named.items() if given(one.refs)}
        return self._find(asked, named.values(), lambda _: True)

    def of_order(self, order: Order, may_read: Callable[[Order], bool]) -> Sequence[Notice]:
        """The notices about the statements that named this order themselves, and orders that may be read."""
        told = [s for s in standing(order.signals.values()) if s.key not in order.found]
        asked = {n: one for n, one in enumerate(told) if given(one.refs)}
        with without_read_tracking():  # of the other orders, only their ids are shown
            found = self._find(asked, told, may_read)
        return [notice for notices in found.values() for notice in notices]

    def _find(
        self, asked: Mapping[int, Signal], told: Iterable[Signal], may_read: Callable[[Order], bool]
    ) -> Mapping[int, Sequence[Notice]]:
        """The notices about these signals; `told` are they and others that may not be recorded yet."""
        wanted = {reference for one in asked.values() for reference in references_of(one)}
        if not wanted:
            return {}
        orders: dict[tuple[str, str], set[str]] = {}
        for row in self._log.references([*wanted]):
            if not row.order.startswith(HELD_PREFIX):
                orders.setdefault((row.kind, row.value), set()).add(row.order)
        fresh: dict[str, dict[str, Signal]] = {}
        for one in told:
            fresh.setdefault(one.order_key, {})[one.key] = one
            for reference in references_of(one):
                if reference in wanted:
                    orders.setdefault(reference, set()).add(one.order_key)
        keys = {
            key
            for found in orders.values()
            if len(found) > 1
            for key in sorted(found)[:MOST_ORDERS]
        }
        if not keys:
            return {}
        keys |= {one.order_key for one in asked.values()}
        states = self._orders.refreshed([order_stream(key) for key in keys])
        candidates = {key: fresh.get(key, {}) for key in keys}
        for state in filter(may_read, states.values()):
            candidates[state.id] = {**candidates[state.id], **state.signals, **state.ahead}
        counting = {key: standing(signals.values()) for key, signals in candidates.items()}
        return {n: [*find_foreign_references(one, counting)] for n, one in asked.items()}
