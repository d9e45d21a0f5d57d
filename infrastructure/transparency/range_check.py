"""Checks a range of the log: each envelope against its leaf, and the tree against the last checkpoint
outside the database."""

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from application.log.recorder import leaf_digest
from domain.merkle.tree import CHUNK_LEVEL, Frontier
from infrastructure.postgres.rows import Connection
from infrastructure.transparency.checkpoints import Checkpoints, LogNotAsWitnessed
from infrastructure.transparency.nodes import PositionsMissing, read_envelopes, read_head

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


class RangeCheck(Struct, frozen=True, kw_only=True):
    """`unaltered`: there is a checkpoint to compare with, and the range has no fault. `whole`: the range
    covers all witnessed positions."""

    unaltered: bool
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


def check_range(
    connection: Connection,
    checkpoints: Checkpoints,
    first: int,
    last: int | None,
    most: int | None,
    progress: Progress | None = None,
) -> RangeCheck:
    """Check the positions `first` to `last` (None: the end of the log); of more than `most`, the last."""
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
    return RangeCheck(
        unaltered=goes_on and not wrong and holds is not False,
        whole=whole,
        size=size,
        witnessed=witnessed,
        first=first,
        last=last,
        wrong=wrong[:MAX_REPORTED],
        root=root,
        root_holds=holds,
    )


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
