"""The interface of the log's storage: the eventsourcing library's recorder, and what the log adds to it."""

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
    """When a stream is due next; None if it is not due before its next event."""

    stream: UUID
    kind: str
    due_at: datetime | None


class Guard(Struct, frozen=True):
    """A stream that a decision read and does not write to: it must still be at this version."""

    stream: UUID
    version: int


class CommandRow(Struct, frozen=True):
    """A command and its answer, stored with its events so that a retry gets the first answer."""

    principal: str
    key: str
    digest: bytes
    """SHA-256 of the request."""
    result: bytes
    order: str | None = None
    """The order whose customer the answer has personal data of."""
    without: bytes | None = None
    """The answer without personal data; None if it has none anyway."""


class StoredCommand(Struct, frozen=True):
    """A stored command; `position` is the position of the log after its events."""

    digest: bytes
    result: bytes
    position: int


class DutyRow(Struct, frozen=True):
    """A person's duty in a case: the database refuses a second duty of the person there."""

    case: UUID
    person: str
    duty: Duty


class KeyRow(Struct, frozen=True):
    """The name of a key that seals personal data of an order."""

    order: str
    key: str


class SubjectRow(Struct, frozen=True):
    """The customer of an order, by the id of the customer's record."""

    subject: UUID
    order: str


class ReferenceRow(Struct, frozen=True):
    """A reference (its kind and value) that leads to an order, or that a held signal waits for."""

    kind: str
    value: str
    order: str


class Append(Struct, frozen=True):
    """Everything that one append stores, in one transaction."""

    events: Sequence[StoredEvent]
    timers: Sequence[Timer] = ()
    guards: Sequence[Guard] = ()
    command: CommandRow | None = None
    duties: Sequence[DutyRow] = ()
    keys: Sequence[KeyRow] = ()
    subjects: Sequence[SubjectRow] = ()
    references: Sequence[ReferenceRow] = ()


class VersionTaken(IntegrityError):
    """Another append to one of the streams came first; nothing of this append was stored."""


class DutyTaken(IntegrityError):
    """The person has another duty in the case; nothing of this append was stored."""

    def __init__(self, row: DutyRow) -> None:
        super().__init__(f"{row.person} has another duty in case {row.case} than to {row.duty}")
        self.duty = row.duty


class CommandRepeated(Exception):
    """A command with this key was carried out before; nothing of this append was stored."""

    def __init__(self, taken: StoredCommand) -> None:
        super().__init__("the command was carried out before")
        self.taken = taken


def newest_share(limit: int) -> int:
    """How many of a batch of due streams are the newest ones: a backlog of old ones must not delay what
    falls due now."""
    return limit // 4


class DueStream(Struct, frozen=True):
    stream: UUID
    kind: str
    due_at: datetime


class LogRecorder(ApplicationRecorder):
    """The library's recorder, with one append for everything, and with due streams."""

    @abstractmethod
    def append(self, append: Append) -> int:
        """Store everything, and return the position of the first event (of the head, without events).

        Positions are dense and in commit order. Raises VersionTaken, CommandRepeated or DutyTaken. After
        each of them, and after any error that says so, nothing was stored.
        """

    @abstractmethod
    def command(self, principal: str, key: str) -> StoredCommand | None:
        """The stored answer to a command; None if the command was not carried out."""

    @abstractmethod
    def select_references(self, wanted: Sequence[tuple[str, str]]) -> Sequence[ReferenceRow]:
        """The orders and held signals of these references, given by kind and value."""

    @abstractmethod
    def select_keys(self, name: str) -> Sequence[str]:
        """The names of the keys of an order, of a held signal or of a delivery."""

    @abstractmethod
    def has_referring_signals(self) -> bool:
        """Whether a signal ever named its order by references."""

    @abstractmethod
    def select_streams(self, streams: Sequence[UUID]) -> Iterable[tuple[int, bytes]]:
        """Position and state of every event of the streams; within a stream, in order of version."""

    @abstractmethod
    def select_tails(self, known: Sequence[tuple[UUID, int]]) -> Iterable[tuple[int, bytes]]:
        """Position and state of every event after these versions of these streams; within a stream, in
        order of version."""

    @abstractmethod
    def select_ends(self, streams: Sequence[UUID]) -> Iterable[tuple[int, bytes]]:
        """Position and state of the last event of each of the streams that has any."""

    @abstractmethod
    def select_positions(self, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """Position and state of the next events of the log."""

    @abstractmethod
    def select_beginnings(self, topic: str, after: int, limit: int) -> Sequence[tuple[int, UUID]]:
        """Position and id of the next streams that begin with an event of this type."""

    @abstractmethod
    def head(self) -> int:
        """The position of the newest event; 0 for an empty log."""

    @abstractmethod
    def select_timers(self, streams: Sequence[UUID]) -> dict[UUID, datetime]:
        """When each of these streams is due next; streams that are not due are left out."""

    @abstractmethod
    def take_due(self, now: datetime, limit: int, lease: timedelta) -> Sequence[DueStream]:
        """Due streams, earliest first, reserved for the caller for the length of the lease.

        They are those that have been due longest, and a few of the newest. An append that sets the timer
        of a stream ends its lease; if the caller dies, the lease expires.
        """
