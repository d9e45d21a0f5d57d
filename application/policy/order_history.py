"""The states of an order at each of its events, and those on which a case's event may have been decided."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import Struct

from application.log.streams import order_after
from domain.cases.earlier_readings import explain_packet, reading_of_order_event
from domain.cases.events import CaseEvent, Detected, Enriched, Reopened
from domain.cases.packet import READING, packet_digest, packet_of
from domain.cases.part_events import PartJoined
from domain.orders.events import ProblemDetected, SignalRecorded, SignalTimeCame
from domain.orders.order import Order
from domain.recorded_event import RecordedEvent

_Append = tuple[datetime, str | None]


class Moment(Struct, frozen=True):
    """A state of the order, and the types of the signals that were new then; None if all rules were
    examined."""

    order: Order
    fresh: frozenset[str] | None = None


class _Batch(Struct):
    """Signals that were decided on together: from one append, received now or with one event time."""

    append: _Append
    came_at: datetime | None
    end: int
    """The index of its last line."""
    types: frozenset[str]


class OrderHistory:
    """The states of an order at each of its lines."""

    def __init__(self, lines: Sequence[RecordedEvent]) -> None:
        self.steps: list[tuple[RecordedEvent, Order]] = []
        """Each line, with the order before it."""
        order = Order(id=lines[0].order or "" if lines else "")
        for line in lines:
            self.steps.append((line, order))
            order = order_after(order, line)
        self._states = [before for _, before in self.steps] + [order]
        self._positions = [line.position for line in lines]
        self._batches = [*self._find_batches()]

    def at(self, position: int) -> Order:
        """The order by the lines before this position."""
        return self._states[bisect_left(self._positions, position)]

    def moments(self, line: RecordedEvent) -> Iterator[Moment]:
        """The moments at which the case's event of this line may have been decided, the likeliest first.

        One append may act on several batches of signals, and on deadlines between them.
        """
        found = [*self._when_found(line)]
        for n in reversed(found):
            yield Moment(self.steps[n][1], self._fresh(line, n))
        if found:
            return
        append = _append_of(line)
        ends = [batch.end for batch in self._batches if batch.append == append]
        last = bisect_left(self._positions, line.position)
        yield Moment(self._states[last], self._fresh(line, last))
        for end in reversed(ends[: None if _is_recheck(line) else -1]):
            yield Moment(self._states[end + 1], self._fresh(line, end + 1, recheck=False))

    def with_packet(self, packet: Enriched | None, position: int) -> Order:
        """The newest order before this position with this packet; if none had it, the order then.

        By an earlier reading, it is the order that differs least from it.
        """
        newest = bisect_left(self._positions, position)
        if packet is None:
            return self._states[newest]
        states = self._states[newest::-1]
        if reading_of_order_event(packet) != READING:
            return min(states, key=lambda order: len(explain_packet(packet, order).differs))
        has_it = (one for one in states if packet_digest(packet_of(one)) == packet.digest)
        return next(has_it, states[0])

    def _when_found(self, line: RecordedEvent) -> Iterator[int]:
        """The indexes of the order's own events about the problem that policy found."""
        event = line.event
        assert isinstance(event, CaseEvent)
        if not isinstance(event, Detected | Reopened | PartJoined) or event.decision is None:
            return
        wanted = (line.stream, event.decision.rule, event.deadline, event.part or "")
        for n, (step, _) in enumerate(self.steps):
            match step.event:
                case ProblemDetected(case=case, rule=rule, deadline=deadline, part=part):
                    if (case, rule, deadline, part or "") == wanted and _append_of(
                        step
                    ) == _append_of(line):
                        yield n

    def _fresh(
        self, line: RecordedEvent, before: int, *, recheck: bool = True
    ) -> frozenset[str] | None:
        """The types of the signals of the append that were new before the line with this index."""
        if recheck and _is_recheck(line):
            return None
        append = _append_of(line)
        own = [one for one in self._batches if one.append == append and one.end < before]
        return own[-1].types if own else frozenset()

    def _find_batches(self) -> Iterator[_Batch]:
        batch: _Batch | None = None
        for n, (line, before) in enumerate(self.steps):
            match line.event:
                case SignalRecorded(ahead=True):
                    continue
                case SignalRecorded(signal=signal):
                    came_at = None
                case SignalTimeCame(signal=key):
                    signal = before.ahead[key]
                    came_at = signal.event_time
                case _:
                    if batch is not None:
                        yield batch
                    batch = None
                    continue
            types = frozenset((signal.type,))
            if batch is not None and (batch.append, batch.came_at) == (_append_of(line), came_at):
                batch.end, batch.types = n, batch.types | types
                continue
            if batch is not None:
                yield batch
            batch = _Batch(_append_of(line), came_at, n, types)
        if batch is not None:
            yield batch


def _append_of(line: RecordedEvent) -> _Append:
    return line.recorded_at, line.cause


def _is_recheck(line: RecordedEvent) -> bool:
    return (line.cause or "").startswith("policy:")
