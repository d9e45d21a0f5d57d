"""Locks by name: holders of the same name run one after the other, all others at the same time."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


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
