"""Checks a range of the log: each envelope against its leaf, and the tree against the last checkpoint
outside the database."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from msgspec import MsgspecError, Struct, structs

from application.log.event_codec import from_state
from application.log.recorder import leaf_digest
from domain.losses import LostCommand
from domain.merkle.tree import CHUNK_LEVEL, Frontier
from domain.struct_fields import fill
from infrastructure.postgres.rows import Connection, fetch_rows
from infrastructure.transparency.checkpoints import Checkpoints, LogNotAsWitnessed
from infrastructure.transparency.lost_events import read_attached
from infrastructure.transparency.nodes import PositionsMissing, read_envelopes, read_head
from infrastructure.transparency.origins import read_origins
from infrastructure.transparency.witness_record import QuorumReport, report_quorum
from infrastructure.verifier.trust_policy import NO_WITNESS, TrustPolicy

MAX_REPORTED: Final = 100
_CHUNK_SIZE: Final = 1 << CHUNK_LEVEL
Progress = Callable[[int, int], None]
"""Called with the number of leaves hashed so far and in all."""


class AlteredPosition(Struct, frozen=True):
    """A position whose envelope is missing or does not have the stored leaf."""

    position: int
    what: str


class CheckpointComparison(Struct, frozen=True, kw_only=True):
    """The last checkpoint outside the database. `goes_on`: the log begins with its root."""

    size: int
    root: str
    goes_on: bool
    detail: str | None
    """What is missing or differs, if it does not."""


class ShownLoss(Struct, frozen=True, kw_only=True):
    """A loss of the log's last events that two people have accepted."""

    position: int
    """The position of the event that says so: the first of the lost positions, which are used again."""
    last: int
    """The last lost position that is known of."""
    before: str
    """The origin under which the lost events were recorded."""
    origin: str
    """The origin under which the log goes on."""
    signed: int
    accepted_at: datetime
    requested_by: str
    confirmed_by: str
    reason: str
    leaves_known: int
    commands: Sequence[LostCommand]
    """The acknowledged commands that were lost, as far as they are known."""
    attached: Sequence[int]
    """The lost positions whose events were found again and attached."""


class ShownOrigin(Struct, frozen=True):
    """A name under which checkpoints of the log were signed, and the first position recorded under it."""

    origin: str
    first: int


class RangeCheck(Struct, frozen=True, kw_only=True):
    """`unaltered`: nothing in the range was altered, removed or lost. `as_signed`: there is a checkpoint to
    compare with, and what is there is what was signed. `whole`: the range covers all witnessed positions."""

    unaltered: bool
    as_signed: bool
    whole: bool
    size: int
    """How many positions the log has."""
    witnessed: CheckpointComparison | None
    """None if no checkpoint was made yet."""
    first: int
    last: int
    """The positions whose envelopes were hashed."""
    wrong: Sequence[AlteredPosition]
    """The first 100 faults."""
    root: str | None
    """Recomputed from all envelopes of the checkpoint's size; None if not all were hashed."""
    root_holds: bool | None
    losses: Sequence[ShownLoss]
    """Every accepted loss, also those outside the range."""
    origins: Sequence[ShownOrigin]
    """The names under which the log was signed, oldest first: another one begins after each accepted loss."""
    witnesses: QuorumReport


def check_range(
    connection: Connection,
    checkpoints: Checkpoints,
    first: int,
    last: int | None,
    most: int | None,
    progress: Progress | None = None,
    witnesses: TrustPolicy = NO_WITNESS,
) -> RangeCheck:
    """Check the positions `first` to `last` (None: the end of the log); of more than `most`, the last.
    `witnesses` are those that policy names."""
    size = read_head(connection)
    witnessed = _compare_with_checkpoint(connection, checkpoints)
    end = max(size, witnessed.size if witnessed is not None else 0)
    last = min(last, end) if last is not None else end
    if most is not None and last - first + 1 > most:
        first = last - most + 1
    whole = witnessed is not None and first == 1 and last >= witnessed.size
    root_size = witnessed.size if witnessed is not None and whole else None
    wrong, root = _hash_range(connection, first, last, root_size, progress)
    holds = root == witnessed.root if witnessed is not None and root is not None else None
    goes_on = witnessed is not None and witnessed.goes_on
    as_signed = goes_on and not wrong and holds is not False
    losses = _losses(connection)
    return RangeCheck(
        unaltered=as_signed and not any(first <= loss.position <= last for loss in losses),
        as_signed=as_signed,
        whole=whole,
        size=size,
        witnessed=witnessed,
        first=first,
        last=last,
        wrong=wrong[:MAX_REPORTED],
        root=root,
        root_holds=holds,
        losses=losses,
        origins=_origins(checkpoints, losses),
        witnesses=_report_witnesses(connection, witnesses, size),
    )


def _origins(checkpoints: Checkpoints, losses: Sequence[ShownLoss]) -> list[ShownOrigin]:
    first = losses[0].before if losses else checkpoints.signer_of(1).key.name
    return [ShownOrigin(first, 1), *(ShownOrigin(one.origin, one.position) for one in losses)]


def _report_witnesses(connection: Connection, policy: TrustPolicy, size: int) -> QuorumReport:
    found = report_quorum(connection, policy, size)
    if found.quorum is None or not found.not_covered:
        return found
    rows = fetch_rows(
        connection, "SELECT state FROM stored_events WHERE notification_id = %s", found.covered + 1
    )
    try:
        since = from_state(found.covered + 1, rows[0][0]).recorded_at if rows else None
    except MsgspecError:  # it was altered, which the comparison with its leaf reports
        since = None
    return structs.replace(found, not_covered_since=since)


def _losses(connection: Connection) -> list[ShownLoss]:
    try:
        losses = read_origins(connection).losses
    except LogNotAsWitnessed:  # the comparison with the checkpoint reports it
        return []
    return [
        fill(
            ShownLoss,
            loss.event,
            position=loss.position,
            accepted_at=loss.at,
            leaves_known=len(loss.event.missing),
            attached=sorted(one.position for one in read_attached(connection, loss.event.before)),
        )
        for loss in losses
    ]


def _compare_with_checkpoint(
    connection: Connection, checkpoints: Checkpoints
) -> CheckpointComparison | None:
    try:
        last = checkpoints.last_external()
    except LogNotAsWitnessed as error:
        return CheckpointComparison(size=0, root="", goes_on=False, detail=str(error))
    if last is None:
        return None
    size, root = last.size, last.root.hex()
    try:
        checkpoints.compare(connection)
    except (LogNotAsWitnessed, PositionsMissing) as error:
        return CheckpointComparison(size=size, root=root, goes_on=False, detail=str(error))
    return CheckpointComparison(size=size, root=root, goes_on=True, detail=None)


def _hash_range(
    connection: Connection, first: int, last: int, root_size: int | None, progress: Progress | None
) -> tuple[list[AlteredPosition], str | None]:
    """The faults, and the root over the first `root_size` envelopes."""
    wrong: list[AlteredPosition] = []
    frontier, leaves, due, root = Frontier(), list[bytes](), first, None
    for position, state, leaf in read_envelopes(connection, first, last):
        wrong += _missing(due, position)
        due = position + 1
        digest = leaf_digest(state)
        if digest != leaf:
            wrong.append(AlteredPosition(position, "altered"))
        if root_size is not None and position <= root_size:
            leaves.append(digest)
            if len(leaves) == _CHUNK_SIZE:
                frontier.extend(leaves)
                leaves = []
        if progress is not None and position % _CHUNK_SIZE == 0:
            progress(position - first + 1, last - first + 1)
    wrong += _missing(due, last + 1)
    frontier.extend(leaves)
    if root_size is not None and frontier.size == root_size:
        root = frontier.root().hex()
    if progress is not None:
        progress(last - first + 1, last - first + 1)
    return wrong, root


def _missing(first: int, end: int) -> list[AlteredPosition]:
    return [AlteredPosition(p, "missing") for p in range(first, min(end, first + MAX_REPORTED))]
