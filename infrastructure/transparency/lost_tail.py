"""What the log has lost: all that was signed or acknowledged beyond its head, wherever a statement of it is
found."""

import hashlib
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

import msgspec
from msgspec import Struct

from domain.losses import LossStatement, LostCommand, LostEvent, origin_name
from domain.merkle.hashing import EMPTY_ROOT
from domain.merkle.tree import Frontier, covering_subtrees, root_at
from infrastructure.postgres.rows import Connection, fetch_rows
from infrastructure.transparency import nodes
from infrastructure.transparency.acknowledged import AcknowledgedHead
from infrastructure.transparency.checkpoints import Checkpoints, has_root_of
from infrastructure.transparency.origins import Origins, read_origins
from infrastructure.transparency.stored_checkpoints import every_checkpoint
from infrastructure.verifier import notes

MOST_LISTED: Final = 10_000
MOST_STATEMENTS: Final = 200
_NO_SIGNATURE = notes.Checkpoint("", 0, EMPTY_ROOT)


class NothingLost(Exception):
    """The log has all positions that are known to have been signed or acknowledged."""


class NotALoss(Exception):
    """The log differs from what was signed: positions that are left were altered or replaced."""


class LossReport(Struct, frozen=True, kw_only=True):
    """What is missing at the end of the log, and which statements say so."""

    origin: str
    """The origin under which the log would go on."""
    before: str
    kept: int
    kept_root: str
    signed: int
    signed_root: str
    note: str
    matched: int
    """The positions up to this one are proven to be those that were signed or acknowledged."""
    last: int
    missing: tuple[LostEvent, ...]
    """The missing positions whose leaves are known, at most the first ten thousand."""
    commands: tuple[LostCommand, ...]
    statements: tuple[LossStatement, ...]
    number: int

    @property
    def last_signed(self) -> int:
        """The last missing position that a signature proves; `kept` if none does."""
        return max(self.kept, self.signed)

    @property
    def digest(self) -> str:
        """SHA-256 of the report: two people agree on the same one."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()


class _Found:
    """Collects statements, and compares each with the log as far as that goes."""

    def __init__(self, connection: Connection, origins: Origins) -> None:
        self._connection = connection
        self._origins = origins
        self.kept = nodes.read_head(connection)
        self.matched = 0
        self.leaves: dict[int, dict[int, bytes]] = {}
        """The known leaves of missing positions, by the number of their origin."""
        self.statements: list[LossStatement] = []
        self.last = 0

    def add_checkpoint(self, where: str, number: int, made: notes.Checkpoint) -> None:
        if not self._origins.holds(number, made.size):
            return
        if made.size > self.kept:
            self._add(where, made.size, made.root, is_signed=True)
        elif has_root_of(self._connection, made):
            self.matched = max(self.matched, made.size)
        else:
            raise NotALoss(
                f"the first {made.size} positions do not have the root that was signed ({where}): this is no "
                "loss of the last positions, and it cannot be accepted"
            )

    def add_heads(self, where: str, number: int, heads: list[AcknowledgedHead]) -> None:
        heads = [head for head in heads if self._origins.holds(number, head.position)]
        stored = self._stored_leaves([one.position for one in heads if one.position <= self.kept])
        lost = self.leaves.setdefault(number, {})
        for head in sorted(heads):
            known = stored if head.position <= self.kept else lost
            if known.setdefault(head.position, head.leaf) != head.leaf:
                raise NotALoss(
                    f"position {head.position} is not the event that was acknowledged ({where}): this is no "
                    "loss of the last positions, and it cannot be accepted"
                )
            if head.position <= self.kept:
                self.matched = max(self.matched, head.position)
        last = max(heads, default=None)
        if last is not None and last.position > self.kept:
            self._add(where, last.position, last.leaf, is_signed=False)

    def add_size(self, where: str, size: int) -> None:
        if size > self.kept:
            self._add(where, size, None, is_signed=False)

    def _add(self, where: str, size: int, digest: bytes | None, *, is_signed: bool) -> None:
        self.last = max(self.last, size)
        text = digest.hex() if digest is not None else None
        self.statements.append(
            LossStatement(where=where, size=size, digest=text, is_signed=is_signed)
        )

    def _stored_leaves(self, positions: list[int]) -> dict[int, bytes]:
        rows = fetch_rows(
            self._connection,
            "SELECT notification_id, leaf FROM stored_events WHERE notification_id = ANY(%s::bigint[])",
            positions,
        )
        return {position: bytes(leaf) for position, leaf in rows}


def find_loss(
    connection: Connection, checkpoints: Checkpoints, others: Mapping[str, int] | None = None
) -> LossReport:
    """What the log has lost. `others`: how many positions witnesses and followers say that there were, each
    by its name; ask them before the call. Raises NothingLost, NotALoss, KeyUnusable or LogNotAsWitnessed."""
    # A service may append at the same time, so statements are read before the log: the log has all of it, unless
    # it was lost.
    signed = list(_signed(connection, checkpoints))
    heads = checkpoints.heads
    acknowledged = (
        [(number, heads.known(number), *heads.recent(number)) for number in heads.numbers()]
        if heads is not None
        else []
    )
    origins = read_origins(connection)
    found = _Found(connection, origins)
    nodes.fill_all_nodes(connection)
    for where, number, made in signed:
        found.add_checkpoint(where, number, made)
    commands = []
    for number, last_heads, recent, known in acknowledged:
        found.add_heads(f"acknowledged here (origin {number})", number, last_heads)
        found.add_heads(f"acknowledged recently (origin {number})", number, recent)
        commands += [c for c in known if origins.holds(number, c.position)]
    for name, size in sorted((others or {}).items()):
        found.add_size(name, size)
    if not found.last:
        raise NothingLost(
            f"nothing is missing: the log has {found.kept} positions, and no statement says more"
        )
    number = _last_number(origins, signed)
    base = checkpoints.signer.key.name
    last_of = [(made, where) for where, one, made in signed if one == number]
    last_signed = max((made for made, _ in last_of), key=lambda made: made.size, default=None)
    last = last_signed or _NO_SIGNATURE
    leaves = found.leaves.get(number, {})
    kept, root = found.kept, root_at(found.kept, partial(nodes.read_nodes, connection))
    if _is_whole_tree(connection, kept, leaves, last):
        found.matched = kept
    return LossReport(
        origin=origin_name(base, number + 1),
        before=last.origin or origin_name(base, number),
        kept=kept,
        kept_root=root.hex(),
        signed=last.size,
        signed_root=last.root.hex(),
        note=_note_of(connection, checkpoints, number, last),
        matched=found.matched,
        last=found.last,
        missing=tuple(
            LostEvent(position=position, leaf=leaf.hex())
            for position, leaf in sorted(leaves.items())[:MOST_LISTED]
        ),
        commands=tuple(
            LostCommand(position=one.position, principal=_name(one.principal), key=_name(one.key))
            for one in sorted(set(commands))
            if one.position > kept
        )[:MOST_LISTED],
        statements=tuple(
            sorted(dict.fromkeys(found.statements), key=lambda s: -s.size)[:MOST_STATEMENTS]
        ),
        number=number + 1,
    )


def next_number(connection: Connection, checkpoints: Checkpoints) -> int:
    """The number of the origin that an accepted loss would begin."""
    return _last_number(read_origins(connection), list(_signed(connection, checkpoints))) + 1


def _last_number(origins: Origins, signed: list[tuple[str, int, notes.Checkpoint]]) -> int:
    return max([origins.number, *(number for _, number, _ in signed)])


def _signed(
    connection: Connection, checkpoints: Checkpoints
) -> Iterator[tuple[str, int, notes.Checkpoint]]:
    """Each signed checkpoint that can be found: where, the number of its origin, and itself."""
    for number in checkpoints.outside.numbers():
        outside = checkpoints.outside.of_origin(number)
        named = [(size, outside.note(size)) for size in outside.sizes()]
        for where, note in [*named, (0, outside.latest())]:
            made = _opened(checkpoints, note or b"")
            if made is not None:
                name = f"checkpoint {where}" if where else "latest checkpoint"
                yield f"{name} in {outside.place}"[:300], checkpoints.number_of(made), made
    for stored in every_checkpoint(connection):
        made = _opened(checkpoints, stored.note.encode())
        if made is not None:
            yield f"checkpoint {stored.size} in the database", checkpoints.number_of(made), made


def _name(text: str) -> str:
    """The text as an event can hold it."""
    return "".join(one if one.isprintable() else "?" for one in text)[:300] or "?"


def _opened(checkpoints: Checkpoints, note: bytes) -> notes.Checkpoint | None:
    try:
        return checkpoints.opened(note)
    except notes.NoteBroken:  # signed by nobody that this log knows: it states nothing
        return None


def _note_of(
    connection: Connection, checkpoints: Checkpoints, number: int, last: notes.Checkpoint
) -> str:
    outside = checkpoints.outside.of_origin(number)
    kept = [outside.note(last.size), outside.latest()]
    kept += [s.note.encode() for s in every_checkpoint(connection) if s.size == last.size]
    texts = (note for note in kept if note and _opened(checkpoints, note) == last)
    return next(texts, b"").decode()


def _is_whole_tree(
    connection: Connection, kept: int, known: Mapping[int, bytes], last: notes.Checkpoint
) -> bool:
    """Whether the positions that are left and the known leaves have the root that was signed last. Raises
    NotALoss if they have another one."""
    leaves = [known.get(one) for one in range(kept + 1, last.size + 1)]
    if not leaves or None in leaves:
        return False
    hashes = nodes.read_nodes(connection, covering_subtrees(0, kept))
    frontier = Frontier(kept, hashes)
    frontier.extend([leaf for leaf in leaves if leaf is not None])
    if frontier.root() != last.root:
        raise NotALoss(
            f"the {kept} positions that are left and the lost leaves do not have the root that was signed "
            f"for {last.size}: an event that is left was altered"
        )
    return True
