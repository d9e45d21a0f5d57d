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
from domain.recorded_event import RecordedEvent

BATCH_SIZE = 1_000


class LineConsumer(Protocol):
    """What is worked out line by line, in the order of the log."""

    def take(self, line: RecordedEvent) -> None: ...


def ignore_progress(_: int) -> None:
    """Nobody asks how far it has come."""


class LogScan(Struct, frozen=True):
    """Of a log up to a position: what comes meanwhile is for the next time. `far` is told how far it
    has come."""

    log: EventLog
    upto: int
    far: Callable[[int], None] = ignore_progress

    def batches(self) -> Iterator[Sequence[RecordedEvent]]:
        after = 0
        while after < self.upto and (lines := self.log.read(after, BATCH_SIZE)):
            after = lines[-1].position
            if after > self.upto:
                lines = [line for line in lines if line.position <= self.upto]
            yield lines
            self.far(min(after, self.upto))

    def lines(self) -> Iterator[RecordedEvent]:
        for batch in self.batches():
            yield from batch

    def feed(self, *all_of_them: LineConsumer) -> None:
        """Each of them is told every line."""
        for line in self.lines():
            for one in all_of_them:
                one.take(line)

    def trails(self, streams: Sequence[UUID]) -> dict[UUID, list[RecordedEvent]]:
        """Up to the position; what is sealed in them stays so: nobody's personal data is read."""
        found: dict[UUID, list[RecordedEvent]] = {}
        for position, state in self.log.recorder.select_streams(streams) if streams else ():
            line = from_state(position, state)
            found.setdefault(line.stream, []).append(line)
        return self._kept(found)

    def opened(self, streams: Sequence[UUID]) -> dict[UUID, list[RecordedEvent]]:
        """The same with what was said by people and of customers, which counts as reading it."""
        return self._kept(self.log.trails(streams) if streams else {})

    def _kept(self, found: dict[UUID, list[RecordedEvent]]) -> dict[UUID, list[RecordedEvent]]:
        kept = {s: [x for x in lines if x.position <= self.upto] for s, lines in found.items()}
        return {stream: lines for stream, lines in kept.items() if lines}

    def money_trails(self, *also: LineConsumer) -> Iterator[Sequence[RecordedEvent]]:
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
