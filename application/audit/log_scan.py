"""The log read through for an answer: line by line, and of money case by case, so that what is held at
once does not grow with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from application.log.event_codec import from_state
from application.log.event_log import EventLog
from domain.adjustments.events import AdjustmentEvent
from domain.recorded import Recorded

AT_ONCE = 1_000


class Takes(Protocol):
    """What is worked out line by line, in the order of the log."""

    def take(self, line: Recorded) -> None: ...


def nobody(_: int) -> None:
    """Nobody asks how far it has come."""


class Reading(Struct, frozen=True):
    """Of a log up to a position: what comes meanwhile is for the next time. `far` is told how far it
    has come."""

    log: EventLog
    upto: int
    far: Callable[[int], None] = nobody

    def batches(self) -> Iterator[Sequence[Recorded]]:
        after = 0
        while after < self.upto and (lines := self.log.read(after, AT_ONCE)):
            after = lines[-1].position
            if after > self.upto:
                lines = [line for line in lines if line.position <= self.upto]
            yield lines
            self.far(min(after, self.upto))

    def lines(self) -> Iterator[Recorded]:
        for batch in self.batches():
            yield from batch

    def through(self, *all_of_them: Takes) -> None:
        """Each of them is told every line."""
        for line in self.lines():
            for one in all_of_them:
                one.take(line)

    def trails(self, streams: Sequence[UUID]) -> dict[UUID, list[Recorded]]:
        """Up to the position; what is sealed in them stays so: nobody's personal data is read."""
        found: dict[UUID, list[Recorded]] = {}
        for position, state in self.log.recorder.select_streams(streams) if streams else ():
            line = from_state(position, state)
            found.setdefault(line.stream, []).append(line)
        return self._kept(found)

    def opened(self, streams: Sequence[UUID]) -> dict[UUID, list[Recorded]]:
        """The same with what was said by people and of customers, which counts as reading it."""
        return self._kept(self.log.trails(streams) if streams else {})

    def _kept(self, found: dict[UUID, list[Recorded]]) -> dict[UUID, list[Recorded]]:
        kept = {s: [x for x in lines if x.position <= self.upto] for s, lines in found.items()}
        return {stream: lines for stream, lines in kept.items() if lines}

    def money_trails(self, *also: Takes) -> Iterator[Sequence[Recorded]]:
        """The trail of every case in which anything was ever said of money, once; by whatever event: a
        payment that nobody proposed is not to be passed over. `also` are told every line."""
        for batch in self.batches():
            for line in batch:
                for one in also:
                    one.take(line)
            told = {x.stream: None for x in batch if isinstance(x.event, AdjustmentEvent)}
            for lines in self.trails([*told]).values():
                first = next(x for x in lines if isinstance(x.event, AdjustmentEvent))
                if first.position >= batch[0].position:  # else it was told of before
                    yield lines
