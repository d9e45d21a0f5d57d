"""The one door to the log: everything that is ever recorded goes through `EventLog.append`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import UNSET, Struct, UnsetType

from application.log.event_codec import from_state, to_stored
from application.log.recorder import (
    Append,
    CommandRow,
    CommandTaken,
    DutyRow,
    Guard,
    LogRecorder,
    Timer,
)
from application.log.sealing import SealedAppend, Seals
from domain.people import Actor
from domain.recorded import Event, Recorded

_IN_THE_CLEAR: Final = uuid5(NAMESPACE_URL, "casetrail:customers-in-the-clear")


def subject_in_the_clear(customer: str) -> UUID:
    """What a log without seals names a customer's streams by: whoever has the id can tell."""
    return uuid5(_IN_THE_CLEAR, customer)


class Write(Struct, frozen=True, kw_only=True):
    """Events for one stream, on top of the version that they were decided on.

    Without events, the stream must still be at that version for the append to be stored.
    """

    stream: UUID
    kind: str
    expected: int
    """The stream's version before; 0 for a new stream."""
    events: Sequence[tuple[Actor, Event]]
    recorded_at: datetime
    cause: str | None = None
    order: str | None = None
    next_due: datetime | UnsetType | None = UNSET
    """When the stream next needs a look; unset leaves its timer as it is."""


class Appended(Struct, frozen=True):
    """`position` is that of the log after this append; `lines` are in order of their positions."""

    position: int
    lines: Sequence[Recorded]


class EventLog:
    def __init__(self, recorder: LogRecorder, seals: Seals | None = None) -> None:
        """`seals` keep personal data unreadable for whoever has the log alone; without, it is stored
        as it is."""
        self.recorder = recorder
        self._seals = seals

    def subject_of(self, customer: str) -> UUID:
        """What a customer's streams are named by: keyed, so that the log alone tells nobody whether it
        knows a customer. Raises KeyStoreUnavailable."""
        if self._seals is None:
            return subject_in_the_clear(customer)
        return self._seals.subject_of(customer)

    def append(
        self,
        writes: Sequence[Write],
        command: CommandRow | None = None,
        duties: Sequence[DutyRow] = (),
    ) -> Appended:
        """Store all of it, or nothing.

        Raises VersionTaken if a stream has moved on, CommandRepeated if the command's key is taken,
        DutyTaken if a person has another duty in the case.
        """
        lines = [line for write in writes for line in _lines(write)]
        timers = [
            Timer(write.stream, write.kind, write.next_due)
            for write in writes
            if write.next_due is not UNSET
        ]
        guards = [Guard(write.stream, write.expected) for write in writes if not write.events]
        if self._seals is not None:
            sealed = self._seals.sealed(lines, command)
        else:
            sealed = SealedAppend([to_stored(line) for line in lines], command)
        first = self.recorder.append(
            Append(
                sealed.events,
                timers,
                guards,
                sealed.command,
                duties,
                sealed.keys,
                sealed.subjects,
            )
        )
        return Appended(first + len(lines) - 1 if lines else first, lines)

    def trail(self, stream: UUID) -> list[Recorded]:
        return self.trails([stream]).get(stream, [])

    def trails(self, streams: Sequence[UUID]) -> dict[UUID, list[Recorded]]:
        """Each stream's lines, oldest first; streams with none are left out."""
        return self._by_stream(self.recorder.select_streams(streams))

    def tails(self, known: Mapping[UUID, int]) -> dict[UUID, list[Recorded]]:
        """Each stream's lines after the version that is known of it; streams with none are left out."""
        return self._by_stream(self.recorder.select_tails([*known.items()]))

    def read(self, after: int, limit: int) -> list[Recorded]:
        """The next lines of the whole log, by position; what is sealed in them stays so."""
        return [from_state(p, state) for p, state in self.recorder.select_positions(after, limit)]

    def answer(self, principal: str, key: str) -> CommandTaken | None:
        taken = self.recorder.command(principal, key)
        return self.opened_answer(taken) if taken is not None else None

    def opened_answer(self, taken: CommandTaken) -> CommandTaken:
        """With the answer as it was given; without what was erased since."""
        return self._seals.opened_answer(taken) if self._seals is not None else taken

    def opened(self, rows: Iterable[tuple[int, bytes]]) -> Sequence[Recorded]:
        """Lines as they were recorded, from positions and states."""
        if self._seals is not None:
            return self._seals.opened(rows)
        return [from_state(position, state) for position, state in rows]

    def head(self) -> int:
        return self.recorder.head()

    def _by_stream(self, rows: Iterable[tuple[int, bytes]]) -> dict[UUID, list[Recorded]]:
        found: dict[UUID, list[Recorded]] = {}
        for line in self.opened(rows):
            found.setdefault(line.stream, []).append(line)
        return found


def _lines(write: Write) -> Iterable[Recorded]:
    for version, (actor, event) in enumerate(write.events, start=write.expected + 1):
        yield Recorded(
            stream=write.stream,
            version=version,
            recorded_at=write.recorded_at,
            actor=actor,
            event=event,
            order=write.order,
            cause=write.cause,
        )
