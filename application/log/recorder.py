"""What the log asks of the place where it is kept, over the library's own recorder."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from eventsourcing.persistence import ApplicationRecorder, IntegrityError, StoredEvent
from msgspec import Struct

from domain.adjustments.kinds import Duty


def leaf_digest(state: bytes) -> bytes:
    """The Merkle leaf of one stored envelope: SHA-256(0x00 ‖ bytes) (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x00" + state).digest()


class Timer(Struct, frozen=True):
    """When a stream next needs a look; None: never, until something happens to it."""

    stream: UUID
    kind: str
    due_at: datetime | None


class Guard(Struct, frozen=True):
    """A stream that was decided upon and is not written to: it must still be at this version."""

    stream: UUID
    version: int


class CommandRow(Struct, frozen=True):
    """A command and its answer, kept with its events so that a retry gets the first answer."""

    principal: str
    key: str
    digest: bytes
    """SHA-256 of the request."""
    result: bytes
    order: str | None = None
    """Whose customer the answer tells of."""
    without: bytes | None = None
    """The answer with nothing personal in it; None where there is nothing."""


class CommandTaken(Struct, frozen=True):
    """A command row as it is stored; `position` is the log's after its events."""

    digest: bytes
    result: bytes
    position: int


class DutyRow(Struct, frozen=True):
    """A person takes a duty in a case: the database refuses another of the same person there."""

    case: UUID
    person: str
    duty: Duty


class KeyRow(Struct, frozen=True):
    """Personal data of an order is sealed with a key of this name."""

    order: str
    key: str


class SubjectRow(Struct, frozen=True):
    """Whose order it is: the name of the customer's record."""

    subject: UUID
    order: str


class Append(Struct, frozen=True):
    """What goes into the log together or not at all."""

    events: Sequence[StoredEvent]
    timers: Sequence[Timer] = ()
    guards: Sequence[Guard] = ()
    command: CommandRow | None = None
    duties: Sequence[DutyRow] = ()
    keys: Sequence[KeyRow] = ()
    subjects: Sequence[SubjectRow] = ()


class VersionTaken(IntegrityError):
    """Somebody else appended to one of the streams first; nothing of this append was stored."""


class DutyTaken(IntegrityError):
    """The person has another duty in the case; nothing of this append was stored."""

    def __init__(self, row: DutyRow) -> None:
        super().__init__(f"{row.person} has another duty in case {row.case} than to {row.duty}")
        self.duty = row.duty


class CommandRepeated(Exception):
    """The command key is taken; nothing of this append was stored."""

    def __init__(self, taken: CommandTaken) -> None:
        super().__init__("the command was carried out before")
        self.taken = taken


def newest_of(limit: int) -> int:
    """How many places among so many streams that are due belong to those that fell due last: a
    heap of old ones must not keep what falls due now waiting until it is worked off."""
    return limit // 4


class DueStream(Struct, frozen=True):
    stream: UUID
    kind: str
    due_at: datetime


class LogRecorder(ApplicationRecorder):
    """The library's recorder, with the one append and the due streams."""

    @abstractmethod
    def append(self, append: Append) -> int:
        """Store it and return the position of its first event (the head's, if it has none).

        Positions are dense and in commit order. Raises VersionTaken, CommandRepeated or DutyTaken; after
        any of them, and after any error that says so, nothing was stored.
        """

    @abstractmethod
    def command(self, principal: str, key: str) -> CommandTaken | None:
        """The stored answer to a command, if it was carried out."""

    @abstractmethod
    def select_streams(self, streams: Sequence[UUID]) -> Iterable[tuple[int, bytes]]:
        """Position and state of every event of the streams, each stream's in order of version."""

    @abstractmethod
    def select_tails(self, known: Sequence[tuple[UUID, int]]) -> Iterable[tuple[int, bytes]]:
        """Position and state of every event of these streams after these versions, each stream's in
        order of version."""

    @abstractmethod
    def select_positions(self, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """Position and state of the next events of the log."""

    @abstractmethod
    def select_beginnings(self, topic: str, after: int, limit: int) -> Sequence[tuple[int, UUID]]:
        """Position and stream of the next streams of the log that begin with such an event."""

    @abstractmethod
    def head(self) -> int:
        """The position of the newest event; 0 for an empty log."""

    @abstractmethod
    def take_due(self, now: datetime, limit: int, lease: timedelta) -> Sequence[DueStream]:
        """Streams that are due, reserved for the caller for the length of the lease: those that
        are due for longest, and a few of those that fell due last; earliest first. An append that
        sets the stream's timer ends its lease; a caller that dies lets it run out."""
