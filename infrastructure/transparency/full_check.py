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
from domain.adjustments.ledger import AdjustmentEntered
from domain.adjustments.refusals import AttemptRefused
from domain.audit import AuditAsked
from domain.cases.duties import duty_of
from domain.losses import LOSSES_STREAM, LossAccepted, origin_name
from domain.merkle.hashing import EMPTY_ROOT, parent_hashes
from domain.merkle.tree import Frontier
from domain.orders.order import order_stream
from domain.people import SameAs
from domain.recorded_event import RecordedEvent
from infrastructure.postgres.rows import Connection, fetch_rows
from infrastructure.transparency.checkpoints import Checkpoints
from infrastructure.transparency.former_keys import read_former_keys
from infrastructure.transparency.nodes import LOWEST_LEVEL
from infrastructure.transparency.origins import read_origins
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
_WITHOUT_ANSWER: Final = (AttemptRefused, AuditAsked, AdjustmentReconciled, LossAccepted)
"""Events that are stored before or without the answer to their request: a refusal and a question have no
stored answer, and a reconciliation stores its answer with its last event."""


class StoredEvidence:
    """What the database and the checkpoints outside state about the log."""

    def __init__(self, connection: Connection, checkpoints: Checkpoints) -> None:
        self.broken: list[str] = []
        self.roots: dict[int, bytes] = {}
        """The signed roots, by size, without those of positions whose loss was accepted."""
        self.witnessed = 0
        self.checkpoints, self.origins = checkpoints, read_origins(connection)
        for number in checkpoints.outside.numbers():
            self._add_outside(number)
        read = partial(fetch_rows, connection)
        query = "SELECT origin_number, size, root, note FROM checkpoints ORDER BY 1, 2"
        for number, size, root, note_text in read(query):
            where, note = f"the checkpoint of size {size}", note_text.encode()
            try:
                stated = notes.parse_checkpoint(notes.split_note(note)[0])
            except notes.NoteBroken as error:
                self.broken.append(f"{where}: {error}")
                continue
            # The log must fit it, whether or not a known key has signed it.
            is_ours = self._is_ours(note)
            if not is_ours:
                self.broken.append(f"{where}, of {stated.origin}, {SIGNED_BY_ANOTHER}")
            if (stated.size, stated.root) != (size, bytes(root)) or (
                is_ours and not self._is_named(stated, number)
            ):
                self.broken.append(f"{where} differs from its signed note")
            self._add_root(number, stated)
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

    def _add_outside(self, number: int) -> None:
        """Add the checkpoints outside of an origin, if a known key has signed them."""
        outside = self.checkpoints.outside.of_origin(number)
        if (note := outside.latest()) is not None:
            try:
                last = self.checkpoints.opened(note)
                self._add_root(number, last)
                self.witnessed = last.size
            except notes.NoteBroken as error:
                self.broken.append(f"the last checkpoint outside: {error}")
        for size in outside.sizes():
            try:
                self._add_root(number, self.checkpoints.opened(outside.note(size) or b""))
            except notes.NoteBroken:
                self.broken.append(f"the checkpoint {size} outside {SIGNED_BY_ANOTHER}")

    def _is_ours(self, note: bytes) -> bool:
        try:
            self.checkpoints.opened(note)
        except notes.NoteBroken:
            return False
        return True

    def _is_named(self, stated: notes.Checkpoint, number: int) -> bool:
        """Whether the origin is that of a known key, and has this number."""
        former = read_former_keys(self.checkpoints.outside)
        bases = {notes.base_name(one.key.name) for one in former}
        bases.add(self.checkpoints.signer.key.name)
        return stated.origin in {origin_name(base, number) for base in bases}

    def _add_root(self, number: int, stated: notes.Checkpoint) -> None:
        """Add what a checkpoint states. One of lost positions must be accounted for by their loss."""
        size = stated.size
        if self.origins.holds(number, size):
            if self.roots.setdefault(size, stated.root) != stated.root:
                self.broken.append(f"two checkpoints of size {size} have different roots")
            return
        loss = next(one.event for one in self.origins.losses if one.number > number)
        if size > loss.signed:
            self.broken.append(
                f"{size} positions were signed under {stated.origin}, but the accepted loss says {loss.signed}"
            )
        elif size == loss.signed and stated.root.hex() != loss.signed_root:
            self.broken.append(
                f"{size} positions were signed with another root than the accepted loss says"
            )


def find_faults(connection: Connection, checkpoints: Checkpoints) -> Iterator[str]:
    """Every fault found, as a sentence. One transaction, so that the log does not change meanwhile."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = '60s'")
        stated = StoredEvidence(connection, checkpoints)
        yield from stated.broken
        frontier, leaves = Frontier(), list[bytes]()
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
                root_before = frontier.root() if stream == LOSSES_STREAM and leaves else EMPTY_ROOT
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
                if isinstance(line.event, LossAccepted):
                    yield from _check_loss(position, line.event, root_before, leaves)
                expected_rows.add(line)
        if stated.head != len(leaves):
            yield f"log_head is at {stated.head}, but the log has {len(leaves)} positions"
        for size in sorted(size for size in stated.roots if size > len(leaves)):
            yield f"{size} positions were signed, but the log has {len(leaves)}"
        yield from _check_nodes(leaves, stated)
        yield from expected_rows.faults(stated)


def _check_loss(
    position: int, loss: LossAccepted, root_before: bytes, leaves: list[bytes]
) -> Iterator[str]:
    """Faults of an accepted loss: what was left must be what precedes it."""
    if loss.kept != position - 1 or loss.kept_root != root_before.hex():
        yield f"position {position}: the accepted loss does not follow the positions that were left"
    known = {lost.position: bytes.fromhex(lost.leaf) for lost in loss.missing}
    lost = [known.get(one, b"") for one in range(loss.kept + 1, loss.signed + 1)]
    if lost and all(lost):
        frontier = Frontier()
        frontier.extend([*leaves[:-1], *lost])
        if frontier.root().hex() != loss.signed_root:
            yield f"position {position}: the lost leaves do not have the root that was signed"


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
        self._over_orders: dict[UUID, dict[str, set[str]]] = {}
        """By the stream of the order: the duties of each name in all of its cases."""
        self._counted: set[UUID] = set()
        """The streams of the orders whose duties are stored for the order too."""
        self._about_money: set[UUID] = set()
        self._commands: dict[tuple[str, str], int] = {}
        self._names: set[str] = set()
        """Other names of a person: their duties have rows, too."""

    def add(self, line: RecordedEvent) -> None:
        event, person = line.event, line.actor.person
        if isinstance(event, AdjustmentProposed):
            self._about_money.add(line.stream)
        if isinstance(event, AdjustmentEntered) and event.duties_over_order:
            self._counted.add(order_stream(line.order or ""))
        if isinstance(event, SameAs):
            self._names.add(event.other)
        duty = duty_of(event)  # type: ignore[arg-type]  # only events of cases have one
        if duty is not None:
            of_order = self._over_orders.setdefault(order_stream(line.order or ""), {})
            for name in line.actor.persons if person is not None else ():
                self._duties.setdefault(line.stream, {}).setdefault(name, duty.value)
                of_order.setdefault(name, set()).add(duty.value)
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
        for order in self._counted:
            for name, held in self._over_orders.get(order, {}).items():
                if stated.duties.get((order, name)) not in held:
                    yield f"{name} has a duty in the order with stream {order}, but no row states it"
        for (where, name), duty in stated.duties.items():
            if where in self._over_orders:
                by_name = self._over_orders[where]
            else:
                by_name = {one: {taken} for one, taken in self._duties.get(where, {}).items()}
            every = set[str]().union(*by_name.values())
            known = every if name in self._names else by_name.get(name, ())
            if duty not in known:
                yield f"a row gives {name} the duty to {duty} in {where}, but no event does"
        for (person, key), position in self._commands.items():
            if (person, key) not in stated.commands:
                yield f"position {position}: the answer to its command by {person} is missing"
