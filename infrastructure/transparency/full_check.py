"""Checks the whole log against all that is derived from it: leaves, nodes, checkpoints inside and outside
the database, and the rows of duties and commands that were stored with its events."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Final
from uuid import UUID

import msgspec
from psycopg.rows import tuple_row

from application.log.event_codec import from_state
from application.log.recorder import leaf_digest
from domain.adjustments.events import AdjustmentProposed, AdjustmentReconciled
from domain.adjustments.refusals import AttemptRefused
from domain.audit import AuditAsked
from domain.cases.duties import duty_of
from domain.merkle.hashing import parent_hashes
from domain.merkle.tree import Frontier
from domain.people import SameAs
from domain.recorded_event import RecordedEvent
from infrastructure.postgres.rows import Connection, fetch_rows
from infrastructure.transparency.checkpoints import Checkpoints
from infrastructure.transparency.former_keys import read_former_keys
from infrastructure.transparency.nodes import LOWEST_LEVEL
from infrastructure.verifier import notes

MAX_TIME_REVERSAL: Final = timedelta(hours=1)
"""Concurrent writers record within seconds of each other. An event that claims to be this much older than
an earlier position was backdated."""
RECORDED_EARLIER: Final = "has a much earlier recorded_at than a position before it"
"""Not a fault in a log that was replayed in simulated time."""
SIGNED_BY_ANOTHER: Final = "is signed by an unknown key"
"""Not a fault if a key was given up and the checkpoint fits the log."""
_COMMAND_PREFIX: Final = "command:"
_GENERATED_KEY_LENGTH: Final = 16
"""Digits of the digest that replaces the key of a command sent without one."""
_WITHOUT_ANSWER: Final = (AttemptRefused, AuditAsked, AdjustmentReconciled)
"""Events that are stored before or without the answer to their request: a refusal and a question have no
stored answer, and a reconciliation stores its answer with its last event."""


class StoredEvidence:
    """What the database and the checkpoints outside state about the log."""

    def __init__(self, connection: Connection, checkpoints: Checkpoints) -> None:
        key, former = checkpoints.signer.key, read_former_keys(checkpoints.outside)
        names = {key.name, *(former_key.key.name for former_key in former)}
        self.broken: list[str] = []
        self.roots: dict[int, bytes] = {}
        """The signed roots, by size."""
        self.witnessed = 0
        if (note := checkpoints.outside.latest()) is not None:
            try:
                last = checkpoints.opened(note)
                self.roots[last.size] = last.root
                self.witnessed = last.size
            except notes.NoteBroken as error:
                self.broken.append(f"the last checkpoint outside: {error}")
        for size in checkpoints.outside.sizes():
            self._add_numbered(checkpoints, size)
        read = partial(fetch_rows, connection)
        for size, root, note_text in read("SELECT size, root, note FROM checkpoints ORDER BY size"):
            where, note = f"the checkpoint of size {size}", note_text.encode()
            try:
                stated = notes.parse_checkpoint(notes.split_note(note)[0])
            except notes.NoteBroken as error:
                self.broken.append(f"{where}: {error}")
                continue
            # The log must fit it, whether or not a known key has signed it.
            is_ours = notes.has_signed(key, note) or any(one.has_signed(note) for one in former)
            if not is_ours:
                self.broken.append(f"{where}, of {stated.origin}, {SIGNED_BY_ANOTHER}")
            if (stated.size, stated.root) != (size, bytes(root)) or (
                is_ours and stated.origin not in names
            ):
                self.broken.append(f"{where} differs from its signed note")
            if self.roots.setdefault(stated.size, stated.root) != stated.root:
                self.broken.append(f"two checkpoints of size {size} have different roots")
        self.nodes: Mapping[tuple[int, int], bytes] = {
            (level, place): bytes(digest)
            for level, place, digest in read("SELECT level, place, hash FROM log_nodes")
        }
        self.duties: Mapping[tuple[UUID, str], str] = {
            (case, person): duty
            for case, person, duty in read("SELECT case_id, person, duty FROM duties")
        }
        self.commands = {*read("SELECT principal, key FROM commands")}
        head = read("SELECT position FROM log_head")
        self.head = head[0][0] if head else None

    def _add_numbered(self, checkpoints: Checkpoints, size: int) -> None:
        """Add a numbered checkpoint outside, if a known key has signed it."""
        note = checkpoints.outside.note(size)
        try:
            found = checkpoints.opened(note) if note is not None else None
        except notes.NoteBroken:
            self.broken.append(f"the checkpoint {size} outside {SIGNED_BY_ANOTHER}")
            return
        if found is not None and self.roots.setdefault(found.size, found.root) != found.root:
            self.broken.append(f"two checkpoints of size {found.size} have different roots")


def find_faults(connection: Connection, checkpoints: Checkpoints) -> Iterator[str]:
    """Every fault found, as a sentence. One transaction, so that the log does not change meanwhile."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = '60s'")
        stated = StoredEvidence(connection, checkpoints)
        yield from stated.broken
        frontier, leaves = Frontier(), []
        versions: dict[UUID, int] = {}
        expected_rows = DutiesAndCommands()
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
                    yield f"position {position} does not have its stored leaf"
                leaves.append(leaf_digest(state))
                frontier.extend(leaves[-1:])
                if stated.roots.get(position, frontier.root()) != frontier.root():
                    yield f"the first {position} positions do not have the root that was signed"
                if version != (due := versions.get(stream, 0) + 1):
                    yield f"position {position} has version {version} of its stream, not {due}"
                versions[stream] = version
                try:
                    line = from_state(position, state)
                except (msgspec.MsgspecError, ValueError) as error:
                    yield f"position {position} cannot be read: {error}"
                    continue
                if (line.stream, line.version, line.type) != (stream, version, topic):
                    yield f"position {position}: its envelope and its row differ"
                if latest is not None and line.recorded_at < latest - MAX_TIME_REVERSAL:
                    yield f"position {position} {RECORDED_EARLIER}"
                latest = max(latest or line.recorded_at, line.recorded_at)
                expected_rows.add(line)
        if stated.head != len(leaves):
            yield f"log_head is at {stated.head}, but the log has {len(leaves)} positions"
        for size in sorted(size for size in stated.roots if size > len(leaves)):
            yield f"{size} positions were signed, but the log has {len(leaves)}"
        yield from _check_nodes(leaves, stated)
        yield from expected_rows.faults(stated)


def _check_nodes(leaves: list[bytes], stated: StoredEvidence) -> Iterator[str]:
    """Faults of the stored nodes: each must be the hash over its leaves."""
    computed: dict[tuple[int, int], bytes] = {}
    level, hashes = 0, leaves
    while hashes:
        if level >= LOWEST_LEVEL:
            computed |= {(level, place): digest for place, digest in enumerate(hashes)}
        hashes, level = parent_hashes(hashes[: len(hashes) & ~1]), level + 1
    for node, stored in stated.nodes.items():
        if computed.get(node) != stored:
            yield f"node {node[1]} of level {node[0]} is not the hash of its leaves"
    low = sorted(place for level, place in stated.nodes if level == LOWEST_LEVEL)
    if low and low != [*range(len(low))]:
        gap = next((a + 1 for a, b in pairwise((-1, *low)) if b != a + 1), 0)
        yield f"node {gap} of level {LOWEST_LEVEL} is missing"
    if stated.witnessed and len(low) < stated.witnessed >> LOWEST_LEVEL:
        yield f"nodes of level {LOWEST_LEVEL} are missing from {len(low)} on"


class DutiesAndCommands:
    """The rows of duties and commands that the log's events imply."""

    def __init__(self) -> None:
        self._duties: dict[UUID, dict[str, str]] = {}
        self._about_money: set[UUID] = set()
        self._commands: dict[tuple[str, str], int] = {}
        self._names: set[str] = set()
        """Other names of a person: their duties have rows, too."""

    def add(self, line: RecordedEvent) -> None:
        event, person = line.event, line.actor.person
        if isinstance(event, AdjustmentProposed):
            self._about_money.add(line.stream)
        if isinstance(event, SameAs):
            self._names.add(event.other)
        duty = duty_of(event)  # type: ignore[arg-type]  # only events of cases have one
        if duty is not None:
            for name in line.actor.persons if person is not None else ():
                self._duties.setdefault(line.stream, {}).setdefault(name, duty.value)
        cause = line.cause or ""
        if isinstance(event, _WITHOUT_ANSWER):
            return
        if person is not None and cause.startswith(_COMMAND_PREFIX):
            key = cause.removeprefix(_COMMAND_PREFIX)
            if not (len(key) == _GENERATED_KEY_LENGTH and set(key) <= set("0123456789abcdef")):
                self._commands.setdefault((person, key), line.position)

    def faults(self, stated: StoredEvidence) -> Iterator[str]:
        for case in self._about_money:
            for name, duty in self._duties.get(case, {}).items():
                if stated.duties.get((case, name)) != duty:
                    yield f"{name} has the duty to {duty} in case {case}, but no row states it"
        for (case, name), duty in stated.duties.items():
            taken = self._duties.get(case, {})
            has_event = duty in taken.values() if name in self._names else taken.get(name) == duty
            if not has_event:
                yield f"a row gives {name} the duty to {duty} in case {case}, but no event does"
        for (person, key), position in self._commands.items():
            if (person, key) not in stated.commands:
                yield f"position {position}: the answer to its command by {person} is missing"
