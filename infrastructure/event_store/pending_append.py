"""Appends that wait for the log: which can share a transaction, and the answer to each."""

import threading
from collections.abc import Callable, Collection, Sequence
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from application.log.recorder import Append, CommandRepeated, DutyTaken, StoredCommand, VersionTaken
from domain.personal_data_errors import KeyStoreUnavailable
from infrastructure.event_loops import current_greenlet


class PendingAppend:
    """One append and its waiting caller: a thread, or a greenlet of an event loop."""

    __slots__ = (
        *("_answered", "_future", "_greenlet"),
        *("append", "error", "first", "is_answered", "leaves", "size", "tried"),
    )

    def __init__(self, append: Append) -> None:
        self.append = append
        self.leaves: list[bytes] = []
        self.size = 0
        """Bytes of its events, approximately."""
        self.first = 0
        self.tried = False
        """An earlier attempt lost its connection: the append may be stored already."""
        self.error: Exception | None = None
        self.is_answered = False
        self._greenlet = current_greenlet()
        if self._greenlet is not None:
            self._future = self._greenlet.waiting.future()
        else:
            # A bare lock costs a third of a Future, and one waiter needs no more.
            self._answered = threading.Lock()
            self._answered.acquire()

    def wait(self) -> None:
        """Block until the append has succeeded or failed."""
        if self._greenlet is not None:
            self._greenlet.wait_for(self._future)
        else:
            self._answered.acquire()

    def succeed(self, first: int) -> None:
        self.first = first
        self._wake()

    def fail(self, error: Exception) -> None:
        self.error = error
        self._wake()

    def _wake(self) -> None:
        self.is_answered = True
        if self._greenlet is not None:
            self._greenlet.waiting.answer(self._future)
        else:
            self._answered.release()


def answer_without_storing(
    pending: PendingAppend,
    taken: dict[tuple[UUID, int], tuple[int, bytes]],
    answers: dict[tuple[str, str], StoredCommand],
    duties: dict[tuple[UUID, str], str],
) -> bool:
    """Answer this append if it is stored already, repeats a command, wants a taken version, or takes
    a second duty. Returns whether it was answered."""
    events, command = pending.append.events, pending.append.command
    answer = answers.get((command.principal, command.key)) if command is not None else None
    if pending.tried and _answer_if_stored(pending, taken, answer):
        return True
    if answer is not None:
        pending.fail(CommandRepeated(answer))
        return True
    for event in events:
        assert isinstance(event.originator_id, UUID)
        if (event.originator_id, event.originator_version) in taken:
            stream, version = event.originator_id, event.originator_version
            pending.fail(VersionTaken(f"version {version} of stream {stream} is taken"))
            return True
    for guard in pending.append.guards:
        if (guard.stream, guard.version + 1) in taken:
            pending.fail(VersionTaken(f"stream {guard.stream} is past version {guard.version}"))
            return True
    own: dict[tuple[UUID, str], str] = {}  # one append may bring two duties of one person
    for row in pending.append.duties:
        holder = (row.case, row.person)
        if duties.get(holder, own.setdefault(holder, row.duty)) != row.duty:
            pending.fail(DutyTaken(row))
            return True
    return False


def preceding_versions(events: Sequence[StoredEvent]) -> list[tuple[UUID, int]]:
    """The versions that must be stored before these events: a stream has no gaps. A stream may begin
    at 0 (as the library's own do) or at 1."""
    given = {(event.originator_id, event.originator_version) for event in events}
    return [
        (event.originator_id, event.originator_version - 1)
        for event in events
        if event.originator_version > 1
        and (event.originator_id, event.originator_version - 1) not in given
        and isinstance(event.originator_id, UUID)
    ]


def split_conflicting(
    group: list[PendingAppend],
) -> tuple[list[PendingAppend], list[PendingAppend]]:
    """The appends that can share a transaction, and those that conflict with one of them."""
    claimed: set[object] = set()
    relied_on: set[object] = set()
    together: list[PendingAppend] = []
    rivals: list[PendingAppend] = []
    for pending in group:
        append = pending.append
        wants: set[object] = {(e.originator_id, e.originator_version) for e in append.events}
        if len(wants) < len(append.events):
            pending.fail(VersionTaken("the append names one version of a stream twice"))
            continue
        if append.command is not None:
            wants.add((append.command.principal, append.command.key))
        wants |= {("duty", row.case, row.person) for row in append.duties}
        # Guards are checked before the inserts: the group must not insert what a guard forbids.
        relies_on = {(guard.stream, guard.version + 1) for guard in append.guards}
        if claimed.isdisjoint(wants | relies_on) and relied_on.isdisjoint(wants):
            claimed |= wants
            relied_on |= relies_on
            together.append(pending)
        else:
            rivals.append(pending)
    return together, rivals


def without_lost_keys(
    group: list[PendingAppend], require_keys: Callable[[Collection[str]], None] | None
) -> list[PendingAppend]:
    """The group without the appends whose personal data could not be read again; they fail."""
    keys = {row.key for pending in group for row in pending.append.keys}
    if require_keys is None or not keys:
        return group
    try:
        require_keys(keys)
    except KeyStoreUnavailable as error:
        fail_all([pending for pending in group if pending.append.keys], error)
        return [pending for pending in group if not pending.append.keys]
    return group


def _answer_if_stored(
    pending: PendingAppend,
    taken: dict[tuple[UUID, int], tuple[int, bytes]],
    answer: StoredCommand | None,
) -> bool:
    """Answer an append that an earlier attempt committed, when only the answer was lost. Then the
    log holds all its bytes, at consecutive positions, and its command."""
    events, command = pending.append.events, pending.append.command
    if command is not None and (
        answer is None or (answer.digest, answer.result) != (command.digest, command.result)
    ):
        return False
    if not events:
        if answer is not None:
            pending.succeed(answer.position)
        return answer is not None
    first: int | None = None
    for place, (event, leaf) in enumerate(zip(events, pending.leaves, strict=True)):
        assert isinstance(event.originator_id, UUID)
        position, stored = taken.get((event.originator_id, event.originator_version), (0, b""))
        first = position if first is None else first
        if stored != leaf or position != first + place:
            return False
    assert first is not None
    pending.succeed(first)
    return True


def fail_all(group: Sequence[PendingAppend], error: Exception) -> None:
    for pending in group:
        pending.fail(error)
