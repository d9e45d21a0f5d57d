"""Aggregates by folding their streams, with the newest state of many kept at hand.

A cached state may be behind when another process has written. That is found out by the append,
which refuses a version that is taken; `current` catches up first, for answers that must be true.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from application.log.event_log import EventLog
from domain.recorded import Recorded


class Aggregate(Protocol):
    @property
    def version(self) -> int: ...


A = TypeVar("A", bound=Aggregate)


class Repository(Generic[A]):
    """States of one kind of stream. `fold` takes the state before (None at first) and a line."""

    def __init__(
        self, log: EventLog, fold: Callable[[A | None, Recorded], A], *, most: int = 20_000
    ) -> None:
        self._log = log
        self._fold = fold
        self._most = most
        self._kept: OrderedDict[UUID, A] = OrderedDict()
        self._lock = threading.Lock()

    def at_hand(self, streams: Sequence[UUID]) -> dict[UUID, A]:
        """The states of these streams, as far as there are any; from memory where possible."""
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

    def caught_up(self, streams: Sequence[UUID]) -> dict[UUID, A]:
        """The states as the log has them now: from memory, with what others have added since."""
        if not streams:
            return {}
        found = self.at_hand(streams)
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
        found = {}
        for stream, lines in self._log.trails(streams).items():
            state = self.folded(lines)
            if state is not None:
                found[stream] = state
                self.keep(stream, state)
        return found

    def folded(self, lines: Iterable[Recorded]) -> A | None:
        state: A | None = None
        for line in lines:
            state = self._fold(state, line)
        return state

    def keep(self, stream: UUID, state: A) -> None:
        """Remember a state that the log has."""
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
