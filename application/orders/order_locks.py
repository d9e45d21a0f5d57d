"""Turns: those who want the same thing go one after the other, all others side by side."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Turns:
    """Within one process; between processes, the log's versions decide."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._given_back = threading.Condition()

    @contextmanager
    def of(self, names: Iterable[str]) -> Iterator[None]:
        """Hold all of these names at once, for as long as the context lasts.

        They are taken together or not at all, so that no two holders wait for each other.
        """
        wanted = frozenset(names)
        with self._given_back:
            self._given_back.wait_for(lambda: self._taken.isdisjoint(wanted))
            self._taken |= wanted
        try:
            yield
        finally:
            with self._given_back:
                self._taken -= wanted
                self._given_back.notify_all()
