"""Reading the whole log against everything that is said about it: what was witnessed outside, the leaves
and nodes, the checkpoints beside it, and the rows of duties and answers that came with its events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final
from uuid import UUID

import msgspec
from psycopg.rows import tuple_row

from application.log.event_codec import from_state
from application.log.recorder import leaf_digest
from domain.adjustments.events import AdjustmentProposed
from domain.cases.duties import duty_of
from domain.merkle.hashing import parents
from domain.merkle.tree import Frontier
from domain.people import SameAs
from domain.recorded import Recorded
from infrastructure.transparency.checkpoints import Checkpoints
from infrastructure.transparency.former_keys import FormerKey, former_keys, has_signed
from infrastructure.transparency.nodes import LOWEST, Connection
from infrastructure.verifier.notes import Checkpoint, Key, NoteBroken, checkpoint_in, parted

LATE: Final = timedelta(hours=1)
"""What runs beside each other is recorded within seconds; an event that says it is so much older than
those before it was not recorded when it says."""
RECORDED_EARLIER: Final = "was recorded long before what stands before it"
"""No fault where a past was lived through in virtual time."""
SIGNED_BY_ANOTHER: Final = "is signed by no key that is known here"
"""No fault where somebody gave a key up, and what it says is so."""
_COMMAND: Final = "command:"
_WITHOUT_KEY: Final = 16
"""Digits of a digest that stand for a key where none was given."""


class Sources:
    """What is said about the log in other places than the log."""

    def __init__(self, connection: Connection, checkpoints: Checkpoints) -> None:
        key, former = checkpoints.signer.key, former_keys(checkpoints.outside)
        names = {key.name, *(one.key.name for one in former)}
        self.broken: list[str] = []
        self.roots: dict[int, bytes] = {}
        """By size, as they were signed."""
        self.witnessed = 0
        if (note := checkpoints.outside.latest()) is not None:
            try:
                last = checkpoints.opened(note)
                self.roots[last.size] = last.root
                self.witnessed = last.size
            except NoteBroken as error:
                self.broken.append(f"the last checkpoint outside: {error}")
        with connection.cursor(row_factory=tuple_row) as cursor:
            for size, root, note_text in cursor.execute(
                "SELECT size, root, note FROM checkpoints ORDER BY size"
            ).fetchall():
                try:
                    told, is_ours = _read(note_text.encode(), key, former)
                except NoteBroken as error:
                    self.broken.append(f"the checkpoint of size {size}: {error}")
                    continue
                if not is_ours:
                    self.broken.append(
                        f"the checkpoint of size {size}, of {told.origin}, {SIGNED_BY_ANOTHER}"
                    )
                if (told.size, told.root) != (size, bytes(root)) or (
                    is_ours and told.origin not in names
                ):
                    self.broken.append(
                        f"the checkpoint of size {size} does not say what was signed"
                    )
                if self.roots.setdefault(told.size, told.root) != told.root:
                    self.broken.append(f"two checkpoints of size {size}")
            self.nodes: Mapping[tuple[int, int], bytes] = {
                (level, place): bytes(one)
                for level, place, one in cursor.execute(
                    "SELECT level, place, hash FROM log_nodes"
                ).fetchall()
            }
            self.duties: Mapping[tuple[UUID, str], str] = {
                (case, person): duty
                for case, person, duty in cursor.execute(
                    "SELECT case_id, person, duty FROM duties"
                ).fetchall()
            }
            self.commands = {
                (principal, key)
                for principal, key in cursor.execute(
                    "SELECT principal, key FROM commands"
                ).fetchall()
            }
            row = cursor.execute("SELECT position FROM log_head").fetchone()
            self.head = row[0] if row is not None else None


def _read(note: bytes, key: Key, former: Sequence[FormerKey]) -> tuple[Checkpoint, bool]:
    """What it says, and whether a key that is known here has signed it; the log must fit it, whoever
    has. Raises NoteBroken."""
    told = checkpoint_in(parted(note)[0])
    return told, has_signed(key, note) or any(one.has_signed(note) for one in former)


def faults(connection: Connection, checkpoints: Checkpoints) -> Iterator[str]:
    """All that does not fit, in words; in one transaction, so that the log stands still."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = '60s'")
        said = Sources(connection, checkpoints)
        yield from said.broken
        frontier, leaves = Frontier(), []
        versions: dict[UUID, int] = {}
        acts = Acts()
        latest: datetime | None = None
        with connection.cursor("whole_log", row_factory=tuple_row, binary=True) as cursor:
            cursor.execute(
                "SELECT notification_id, originator_id, originator_version, topic, state, leaf "
                "FROM stored_events ORDER BY notification_id"
            )
            for expected, (position, stream, version, topic, state, leaf) in enumerate(cursor, 1):
                if position != expected:
                    yield f"position {expected} is missing: {position} comes next"
                    break
                if leaf_digest(state) != leaf:
                    yield f"position {position} is not what its leaf says"
                leaves.append(leaf_digest(state))
                frontier.extend(leaves[-1:])
                if said.roots.get(position, frontier.root()) != frontier.root():
                    yield f"the first {position} are not those that were signed"
                if version != versions.get(stream, 0) + 1:
                    yield f"position {position}: version {version} of its stream does not come next"
                versions[stream] = version
                try:
                    line = from_state(position, state)
                except (msgspec.MsgspecError, ValueError) as error:
                    yield f"position {position} cannot be read: {error}"
                    continue
                if (line.stream, line.version, line.type) != (stream, version, topic):
                    yield f"position {position} says that it is another event"
                if latest is not None and line.recorded_at < latest - LATE:
                    yield f"position {position} {RECORDED_EARLIER}"
                latest = max(latest or line.recorded_at, line.recorded_at)
                acts.look(line)
        if said.head != len(leaves):
            yield f"the head is at {said.head}, and {len(leaves)} positions are there"
        for size in sorted(size for size in said.roots if size > len(leaves)):
            yield f"{size} positions were signed, and {len(leaves)} are there"
        yield from _nodes(leaves, said)
        yield from acts.faults(said)


def _nodes(leaves: list[bytes], said: Sources) -> Iterator[str]:
    """Those that are stored are what the leaves make."""
    made: dict[tuple[int, int], bytes] = {}
    level, hashes = 0, leaves
    while hashes:
        if level >= LOWEST:
            made |= {(level, place): one for place, one in enumerate(hashes)}
        hashes, level = parents(hashes[: len(hashes) & ~1]), level + 1
    for node, stored in said.nodes.items():
        if made.get(node) != stored:
            yield f"node {node[1]} of level {node[0]} is not what its leaves make"
    low = sorted(place for level, place in said.nodes if level == LOWEST)
    if low and low != [*range(len(low))]:
        gap = next((a + 1 for a, b in pairwise((-1, *low)) if b != a + 1), 0)
        yield f"node {gap} of level {LOWEST} is missing"
    if said.witnessed and len(low) < said.witnessed >> LOWEST:
        yield f"nodes of level {LOWEST} are missing from {len(low)} on"


class Acts:
    """Who did what in which case, and by which command."""

    def __init__(self) -> None:
        self._duties: dict[UUID, dict[str, str]] = {}
        self._about_money: set[UUID] = set()
        self._commands: dict[tuple[str, str], int] = {}
        self._names: set[str] = set()
        """That turned out to be somebody's other ones: their duties are written down as well."""

    def look(self, line: Recorded) -> None:
        event, person = line.event, line.actor.person
        if isinstance(event, AdjustmentProposed):
            self._about_money.add(line.stream)
        if isinstance(event, SameAs):
            self._names.add(event.other)
        duty = duty_of(event)  # type: ignore[arg-type]  # of no other noun anybody has one
        if duty is not None:
            for name in line.actor.persons if person is not None else ():
                self._duties.setdefault(line.stream, {}).setdefault(name, duty.value)
        cause = line.cause or ""
        if person is not None and cause.startswith(_COMMAND):
            key = cause.removeprefix(_COMMAND)
            if not (len(key) == _WITHOUT_KEY and set(key) <= set("0123456789abcdef")):
                self._commands.setdefault((person, key), line.position)

    def faults(self, said: Sources) -> Iterator[str]:
        for case in self._about_money:
            for name, duty in self._duties.get(case, {}).items():
                if said.duties.get((case, name)) != duty:
                    yield f"{name} has the duty to {duty} in case {case}, and no row says so"
        for (case, name), duty in said.duties.items():
            told = self._duties.get(case, {})
            backed = duty in told.values() if name in self._names else told.get(name) == duty
            if not backed:
                yield f"a row gives {name} the duty to {duty} in case {case}, and no event does"
        for (person, key), position in self._commands.items():
            if (person, key) not in said.commands:
                yield f"position {position} came of a command of {person}, whose answer is gone"
