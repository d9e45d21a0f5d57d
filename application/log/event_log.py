"""The event log: all that is recorded goes through `EventLog.append`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from threading import Lock
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import UNSET, Struct, UnsetType, structs

from application.log import recorder as log_recorder
from application.log.event_codec import from_state, to_stored
from application.log.references import reference_rows
from application.log.sealing import SealedAppend, Seals
from domain.people import Actor
from domain.recorded_event import Event, RecordedEvent

_UNSEALED_NAMESPACE: Final = uuid5(NAMESPACE_URL, "casetrail:customers-in-the-clear")
_MOST_ENDS: Final = 1_000


def unsealed_subject_of(customer: str) -> UUID:
    """The id of a customer's streams in a log without seals: anyone with the customer id can derive it."""
    return uuid5(_UNSEALED_NAMESPACE, customer)


class Write(Struct, frozen=True, kw_only=True):
    """Events for one stream, with the version that they were decided on.

    Without events, it is a guard: the append fails unless the stream is still at that version.
    """

    stream: UUID
    kind: str
    expected: int
    """The version of the stream before; 0 for a new stream."""
    events: Sequence[tuple[Actor, Event]]
    recorded_at: datetime
    cause: str | None = None
    order: str | None = None
    next_due: datetime | UnsetType | None = UNSET
    """When the stream is due next; UNSET leaves its timer as it is."""


class Appended(Struct, frozen=True):
    """The position of the log after the append, and the lines in order of their positions."""

    position: int
    lines: Sequence[RecordedEvent]


class EventLog:
    def __init__(self, recorder: log_recorder.LogRecorder, seals: Seals | None = None) -> None:
        """`seals` encrypt personal data with keys outside the log; without them, it is stored in clear."""
        self.recorder = recorder
        self.seals = seals
        self._turns = [Lock() for _ in range(64)]
        self._ends: dict[UUID, int] = {}
        """The versions of the streams to which `append_last` has appended lately."""

    def subject_of(self, customer: str) -> UUID:
        """The id of a customer's streams: with seals it depends on a secret key, so that the log alone does
        not show whether it knows a customer. Raises KeyStoreUnavailable."""
        if self.seals is None:
            return unsealed_subject_of(customer)
        return self.seals.subject_of(customer)

    def append(
        self,
        writes: Sequence[Write],
        command: log_recorder.CommandRow | None = None,
        duties: Sequence[log_recorder.DutyRow] = (),
    ) -> Appended:
        """Store all of it, or nothing.

        Raises VersionTaken if a stream has another version by now, CommandRepeated if the command's key
        is in use, DutyTaken if a person has another duty in the case.
        """
        lines = [line for write in writes for line in lines_of(write)]
        timers = [
            log_recorder.Timer(write.stream, write.kind, write.next_due)
            for write in writes
            if write.next_due is not UNSET
        ]
        guards = [
            log_recorder.Guard(write.stream, write.expected) for write in writes if not write.events
        ]
        if self.seals is not None:
            sealed = self.seals.sealed(lines, command)
        else:
            sealed = SealedAppend([to_stored(line) for line in lines], command)
        first = self.recorder.append(
            log_recorder.Append(
                sealed.events,
                timers,
                guards,
                sealed.command,
                duties,
                sealed.keys,
                sealed.subjects,
                [row for line in lines for row in reference_rows(line)],
            )
        )
        return Appended(first + len(lines) - 1 if lines else first, lines)

    def append_last(self, write: Write, attempts: int) -> Appended | None:
        """Append to the end of a stream, at any version; None if other writers were faster each time.

        Those of this process wait for each other, and read what is new since their last append: many
        appends to one stream are neither lost nor do they read it from the beginning each time.
        """
        stream = write.stream
        with self._turns[stream.int % len(self._turns)]:
            for _ in range(attempts):
                end = self._end_of(stream)
                with suppress(log_recorder.VersionTaken):
                    appended = self.append([structs.replace(write, expected=end)])
                    if len(self._ends) >= _MOST_ENDS:
                        self._ends.clear()
                    self._ends[stream] = end + len(write.events)
                    return appended
        return None

    def _end_of(self, stream: UUID) -> int:
        """The version of a stream."""
        known = self._ends.pop(stream, 0)
        # The last known line is read again: after a loss that was accepted, it may be gone.
        new = self.tails({stream: known - 1}).get(stream) if known else None
        return new[-1].version if new else len(self.trail(stream))

    def trail(self, stream: UUID) -> list[RecordedEvent]:
        return self.trails([stream]).get(stream, [])

    def trails(self, streams: Sequence[UUID]) -> dict[UUID, list[RecordedEvent]]:
        """The lines of each stream, oldest first; streams without lines are left out."""
        return self._by_stream(self.recorder.select_streams(streams))

    def keys_of(self, stream: UUID, name: str | None = None) -> tuple[str, ...]:
        """The names of the keys that seal lines of this stream, and of others that belong to the `name` of what it
        is about, such as those of the delivery that brought a held signal."""
        lines = (from_state(p, state) for p, state in self.recorder.select_streams([stream]))
        own = [line.sealed.key for line in lines if line.sealed is not None]
        more = self.recorder.select_keys(name) if name is not None and self.seals else ()
        return tuple(dict.fromkeys([*own, *more]))

    def tails(self, known: Mapping[UUID, int]) -> dict[UUID, list[RecordedEvent]]:
        """The lines of each stream after its known version; streams without such lines are left out."""
        return self._by_stream(self.recorder.select_tails([*known.items()]))

    def ends(self, streams: Sequence[UUID]) -> dict[UUID, RecordedEvent]:
        """The last line of each stream; streams without lines are left out."""
        return {line.stream: line for line in self.opened(self.recorder.select_ends(streams))}

    def read(self, after: int, limit: int) -> list[RecordedEvent]:
        """The next lines of the whole log, by position; sealed texts stay sealed."""
        return [from_state(p, state) for p, state in self.recorder.select_positions(after, limit)]

    def pages(self, first_type: str, upto: int, size: int) -> Iterator[list[UUID]]:
        """The streams that begin with this type of event up to a position, page by page."""
        after = 0
        while page := self.recorder.select_beginnings(first_type, after, size):
            after = page[-1][0]
            if streams := [stream for position, stream in page if position <= upto]:
                yield streams

    def references(self, wanted: Sequence[tuple[str, str]]) -> Sequence[log_recorder.ReferenceRow]:
        """The orders and held signals of these references, given by kind and value."""
        return self.recorder.select_references(wanted)

    def has_referring_signals(self) -> bool:
        """Whether a signal ever named its order by references."""
        return self.recorder.has_referring_signals()

    def answer(self, principal: str, key: str) -> log_recorder.StoredCommand | None:
        stored = self.recorder.command(principal, key)
        return self.opened_answer(stored) if stored is not None else None

    def opened_answer(self, stored: log_recorder.StoredCommand) -> log_recorder.StoredCommand:
        """The answer as it was given, without what was erased since."""
        return self.seals.opened_answer(stored) if self.seals is not None else stored

    def opened(self, rows: Iterable[tuple[int, bytes]]) -> Sequence[RecordedEvent]:
        """The lines with their sealed texts opened, from positions and states."""
        if self.seals is not None:
            return self.seals.opened(rows)
        return [from_state(position, state) for position, state in rows]

    def head(self) -> int:
        return self.recorder.head()

    def _by_stream(self, rows: Iterable[tuple[int, bytes]]) -> dict[UUID, list[RecordedEvent]]:
        found: dict[UUID, list[RecordedEvent]] = {}
        for line in self.opened(rows):
            found.setdefault(line.stream, []).append(line)
        return found


def lines_of(write: Write) -> Iterable[RecordedEvent]:
    """The lines that the write adds to its stream."""
    for version, (actor, event) in enumerate(write.events, start=write.expected + 1):
        yield RecordedEvent(
            stream=write.stream,
            version=version,
            recorded_at=write.recorded_at,
            actor=actor,
            event=event,
            order=write.order,
            cause=write.cause,
        )
