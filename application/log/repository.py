"""Loads aggregates by folding their streams, and caches the newest states.

A cached state may be behind when another process has written. Then the append refuses the version.
`current` reads the log first, for answers that must be up to date.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from application.log.event_log import EventLog
from domain.recorded_event import RecordedEvent


class Aggregate(Protocol):
    @property
    def version(self) -> int: ...


A = TypeVar("A", bound=Aggregate)


class Repository(Generic[A]):
    """States of one kind of stream. `fold` gets the state before (None at first) and a line."""

    def __init__(
        self, log: EventLog, fold: Callable[[A | None, RecordedEvent], A], *, most: int = 20_000
    ) -> None:
        self._log = log
        self._fold = fold
        self._most = most
        self._kept: OrderedDict[UUID, A] = OrderedDict()
        self._lock = threading.Lock()

    def cached(self, streams: Sequence[UUID]) -> dict[UUID, A]:
        """The states of these streams, from memory where possible; streams without lines are left out."""
        found: dict[UUID, A] = {}
        missing = []
        with self._lock:
            for stream in streams:
                state = self._kept.get(stream)
                if state is None:
                    missing.append(stream)
                else:
                    self._kept.move_to_end(stream)
                    found[stream] = state
        if missing:
            found |= self.current(missing)
        return found

    def refreshed(self, streams: Sequence[UUID]) -> dict[UUID, A]:
        """The states as the log has them now: from memory, with the lines that were added since."""
        if not streams:
            return {}
        found = self.cached(streams)
        tails = self._log.tails({stream: state.version for stream, state in found.items()})
        for stream, lines in tails.items():
            state = found[stream]
            for line in lines:
                state = self._fold(state, line)
            found[stream] = state
            self.keep(stream, state)
        return found

    def current(self, streams: Sequence[UUID]) -> dict[UUID, A]:
        """The states as the log has them now."""
        found: dict[UUID, A] = {}
        if not streams:
            return found
        for stream, lines in self._log.trails(streams).items():
            state = self.fold_lines(lines)
            if state is not None:
                found[stream] = state
                self.keep(stream, state)
        return found

    def fold_lines(self, lines: Iterable[RecordedEvent]) -> A | None:
        state: A | None = None
        for line in lines:
            state = self._fold(state, line)
        return state

    def kept(self, stream: UUID) -> A | None:
        """The state in memory, without reading the log; None if it is not there."""
        with self._lock:
            return self._kept.get(stream)

    def keep(self, stream: UUID, state: A) -> None:
        """Cache a state that the log has."""
        with self._lock:
            known = self._kept.get(stream)
            if known is None or known.version <= state.version:
                self._kept[stream] = state
                self._kept.move_to_end(stream)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def forget(self, streams: Iterable[UUID]) -> None:
        with self._lock:
            for stream in streams:
                self._kept.pop(stream, None)
