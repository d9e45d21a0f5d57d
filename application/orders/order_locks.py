"""Locks by name: holders of the same name run one after the other, all others at the same time."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from application.orders.batches import OrderBatch
from domain.orders.held_signals import HELD_PREFIX
from domain.orders.purchase_signals import OrderPlaced
from domain.policy.look_up_parts import LookUps


class NamedLocks:
    """Locks within one process; between processes, the versions of the log's streams decide."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._released = threading.Condition()

    @contextmanager
    def of(self, names: Iterable[str]) -> Iterator[None]:
        """Hold the locks of all these names inside the context.

        They are taken together or not at all, so that no two holders wait for each other.
        """
        wanted = frozenset(names)
        with self._released:
            self._released.wait_for(lambda: self._taken.isdisjoint(wanted))
            self._taken |= wanted
        try:
            yield
        finally:
            with self._released:
                self._taken -= wanted
                self._released.notify_all()


def customer_locks(units: Sequence[OrderBatch], wanted: LookUps | None) -> Iterator[str]:
    """Lock names of the customers whose orders are compared; no order's name begins so."""
    if wanted is not None and wanted.duplicates is not None:
        for unit in units:
            for arrival in unit.arrivals:
                signal = arrival.signal
                if isinstance(signal, OrderPlaced) and signal.customer is not None:
                    yield f"{HELD_PREFIX}customer {signal.customer.id}"
