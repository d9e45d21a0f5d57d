"""Scans the log for an answer: line by line, or case by case for cases with money.

Memory does not grow with the log.
"""

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
    """Takes every line, in the order of the log."""

    def take(self, line: RecordedEvent) -> None: ...


def ignore_progress(_: int) -> None:
    """The default progress callback: does nothing."""


class LogScan(Struct, frozen=True):
    """Reads a log up to a position, and ignores later lines. `far` gets the position after each batch."""

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

    def feed(self, *consumers: LineConsumer) -> None:
        """Give every line to each consumer."""
        for line in self.lines():
            for consumer in consumers:
                consumer.take(line)

    def trails(self, streams: Sequence[UUID]) -> dict[UUID, list[RecordedEvent]]:
        """Trails up to the position. Sealed texts stay sealed: no personal data is read."""
        found: dict[UUID, list[RecordedEvent]] = {}
        for position, state in self.log.recorder.select_streams(streams) if streams else ():
            line = from_state(position, state)
            found.setdefault(line.stream, []).append(line)
        return self._kept(found)

    def lines_of_streams(self, first_type: str) -> Iterator[RecordedEvent]:
        """The lines of every stream that begins with this type of event, stream by stream."""
        for page in self.log.pages(first_type, self.upto, BATCH_SIZE):
            for lines in self.trails(page).values():
                yield from lines

    def opened(self, streams: Sequence[UUID]) -> dict[UUID, list[RecordedEvent]]:
        """Trails with personal texts opened, which counts as reading personal data."""
        return self._kept(self.log.trails(streams) if streams else {})

    def _kept(self, found: dict[UUID, list[RecordedEvent]]) -> dict[UUID, list[RecordedEvent]]:
        kept = {s: [x for x in lines if x.position <= self.upto] for s, lines in found.items()}
        return {stream: lines for stream, lines in kept.items() if lines}

    def money_trails(self, *also: LineConsumer) -> Iterator[Sequence[RecordedEvent]]:
        """The trail of every case with any event of an adjustment, once; also of a payment that nobody
        proposed. Each consumer of `also` gets every line."""
        for batch in self.batches():
            for line in batch:
                for consumer in also:
                    consumer.take(line)
            cases = {x.stream: None for x in batch if isinstance(x.event, AdjustmentEvent)}
            for lines in self.trails([*cases]).values():
                first = next(x for x in lines if isinstance(x.event, AdjustmentEvent))
                if first.position >= batch[0].position:  # else an earlier batch had it
                    yield lines
