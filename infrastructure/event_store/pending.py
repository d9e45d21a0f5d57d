"""Appends on their way to the log: which can travel together, and what became of each."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from application.log.recorder import Append, CommandRepeated, CommandTaken, DutyTaken, VersionTaken
from infrastructure.event_loops import guest


class Pending:
    """One append on its way, and whoever waits for it: a thread, or a guest of an event loop."""

    __slots__ = (
        "_answered",
        "_future",
        "_guest",
        "append",
        "error",
        "first",
        "leaves",
        "size",
        "tried",
    )

    def __init__(self, append: Append) -> None:
        self.append = append
        self.leaves: list[bytes] = []
        self.size = 0
        """Bytes of its events, near enough."""
        self.first = 0
        self.tried = False
        """An earlier try was cut off: it may be stored already."""
        self.error: Exception | None = None
        self._guest = guest()
        if self._guest is not None:
            self._future = self._guest.waiting.future()
        else:
            # A bare lock costs a third of a Future and is all that one waiter needs.
            self._answered = threading.Lock()
            self._answered.acquire()

    def wait(self) -> None:
        """Until it has succeeded or failed."""
        if self._guest is not None:
            self._guest.wait_for(self._future)
        else:
            self._answered.acquire()

    def succeed(self, first: int) -> None:
        self.first = first
        self._tell()

    def fail(self, error: Exception) -> None:
        self.error = error
        self._tell()

    def _tell(self) -> None:
        if self._guest is not None:
            self._guest.waiting.answer(self._future)
        else:
            self._answered.release()


def answered(
    pending: Pending,
    taken: dict[tuple[UUID, int], tuple[int, bytes]],
    answers: dict[tuple[str, str], CommandTaken],
    duties: dict[tuple[UUID, str], str],
) -> bool:
    """Answer this append if it was stored before, repeats a command, came too late, or takes a
    second duty."""
    events, command = pending.append.events, pending.append.command
    answer = answers.get((command.principal, command.key)) if command is not None else None
    if pending.tried and _stored_before(pending, taken, answer):
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
            pending.fail(VersionTaken(f"stream {guard.stream} has left version {guard.version}"))
            return True
    own: dict[tuple[UUID, str], str] = {}  # an append may bring two duties of one person by itself
    for row in pending.append.duties:
        place = (row.case, row.person)
        if duties.get(place, own.setdefault(place, row.duty)) != row.duty:
            pending.fail(DutyTaken(row))
            return True
    return False


def must_be_there(events: Sequence[StoredEvent]) -> list[tuple[UUID, int]]:
    """The versions that these events follow and do not bring along: a stream has no gaps.

    A stream may begin at 0 (as the library's own do) or at 1.
    """
    brought = {(event.originator_id, event.originator_version) for event in events}
    return [
        (event.originator_id, event.originator_version - 1)
        for event in events
        if event.originator_version > 1
        and (event.originator_id, event.originator_version - 1) not in brought
        and isinstance(event.originator_id, UUID)
    ]


def without_rivals(group: list[Pending]) -> tuple[list[Pending], list[Pending]]:
    """Those that can share a transaction, and those that want a version or key of one of them."""
    claimed: set[object] = set()
    relied_on: set[object] = set()
    together: list[Pending] = []
    rivals: list[Pending] = []
    for pending in group:
        append = pending.append
        wants: set[object] = {(e.originator_id, e.originator_version) for e in append.events}
        if len(wants) < len(append.events):
            pending.fail(VersionTaken("the append names one version of a stream twice"))
            continue
        if append.command is not None:
            wants.add((append.command.principal, append.command.key))
        wants |= {("duty", row.case, row.person) for row in append.duties}
        # Guards are looked at before anything is inserted: what they forbid must not be in the group.
        relies_on = {(guard.stream, guard.version + 1) for guard in append.guards}
        if claimed.isdisjoint(wants | relies_on) and relied_on.isdisjoint(wants):
            claimed |= wants
            relied_on |= relies_on
            together.append(pending)
        else:
            rivals.append(pending)
    return together, rivals


def _stored_before(
    pending: Pending,
    taken: dict[tuple[UUID, int], tuple[int, bytes]],
    answer: CommandTaken | None,
) -> bool:
    """Answer an append whose earlier try was committed and only its answer lost: all of its own
    bytes stand in the log in a row, and so does its own command."""
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
