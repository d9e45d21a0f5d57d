"""Whether the log is what it was: the tree against the last checkpoint outside, and each envelope
against its leaf."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from msgspec import Struct
from psycopg.rows import tuple_row

from application.log.recorder import leaf_digest
from domain.merkle.tree import CHUNK_LEVEL, Frontier
from infrastructure.transparency.checkpoints import Checkpoints, LogNotAsWitnessed
from infrastructure.transparency.nodes import Connection, PositionsMissing, read_head

MAX_REPORTED: Final = 100
_CHUNK_SIZE: Final = 1 << CHUNK_LEVEL
Progress = Callable[[int, int], None]
"""How many leaves were hashed, of how many."""


class AlteredPosition(Struct, frozen=True):
    """A position whose envelope is not what its leaf says, or is not there."""

    position: int
    what: str


class CheckpointComparison(Struct, frozen=True, kw_only=True):
    """The last checkpoint outside the database. `goes_on` if the log begins as it says."""

    size: int
    root: str
    goes_on: bool
    detail: str | None
    """What is missing or differs, where it does not."""


class RangeCheck(Struct, frozen=True, kw_only=True):
    """`unaltered` if there is a checkpoint to compare with, and nothing was found as far as was looked;
    `whole` if that was all that was ever witnessed."""

    unaltered: bool
    whole: bool
    size: int
    """How many positions the log has."""
    witnessed: CheckpointComparison | None
    """None where no checkpoint was made yet."""
    first: int
    last: int
    """The positions whose envelopes were hashed anew."""
    wrong: Sequence[AlteredPosition]
    """At most 100 are told."""
    root: str | None
    """Worked out anew from all envelopes of the checkpoint's size; None if not all were hashed."""
    root_holds: bool | None


def check_range(
    connection: Connection,
    checkpoints: Checkpoints,
    first: int,
    last: int | None,
    most: int | None,
    progress: Progress | None = None,
) -> RangeCheck:
    """From the first position to the last, and at most so many of them: without `last`, the newest."""
    size = read_head(connection)
    witnessed = _compare_with_checkpoint(connection, checkpoints)
    end = max(size, witnessed.size if witnessed is not None else 0)
    last = min(last, end) if last is not None else end
    if most is not None and last - first + 1 > most:
        first = last - most + 1
    of = witnessed.size if witnessed is not None and first == 1 and witnessed.size <= last else None
    wrong, root = _hash_range(connection, first, last, of, progress)
    holds = root == witnessed.root if witnessed is not None and root is not None else None
    goes_on = witnessed is not None and witnessed.goes_on
    return RangeCheck(
        unaltered=goes_on and not wrong and holds is not False,
        whole=witnessed is not None and first == 1 and last >= witnessed.size,
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
    detail = None
    try:
        checkpoints.compare(connection)
    except (LogNotAsWitnessed, PositionsMissing) as error:
        detail = str(error)
    return CheckpointComparison(
        size=last.size, root=last.root.hex(), goes_on=detail is None, detail=detail
    )


def _hash_range(
    connection: Connection, first: int, last: int, of: int | None, progress: Progress | None
) -> tuple[list[AlteredPosition], str | None]:
    """What is wrong, and the root over the first `of` envelopes, if that is asked for."""
    wrong: list[AlteredPosition] = []
    frontier, leaves, due, root = Frontier(), list[bytes](), first, None
    for position, state, leaf in _rows(connection, first, last):
        wrong += [
            AlteredPosition(gone, "missing")
            for gone in range(due, min(position, due + MAX_REPORTED))
        ]
        due = position + 1
        digest = leaf_digest(state)
        if digest != leaf:
            wrong.append(AlteredPosition(position, "altered"))
        if of is not None and position <= of:
            leaves.append(digest)
            if len(leaves) == _CHUNK_SIZE:
                frontier.extend(leaves)
                leaves = []
        if progress is not None and position % _CHUNK_SIZE == 0:
            progress(position - first + 1, last - first + 1)
    wrong += [
        AlteredPosition(gone, "missing") for gone in range(due, min(last + 1, due + MAX_REPORTED))
    ]
    frontier.extend(leaves)
    if of is not None and frontier.size == of:
        root = frontier.root().hex()
    if progress is not None:
        progress(last - first + 1, last - first + 1)
    return wrong, root


def _rows(connection: Connection, first: int, last: int) -> Iterator[tuple[int, Any, Any]]:
    with (
        connection.transaction(),
        connection.cursor("checked", row_factory=tuple_row, binary=True) as cursor,
    ):
        cursor.itersize = 2_000
        cursor.execute(
            "SELECT notification_id, state, leaf FROM stored_events WHERE notification_id >= %s "
            "AND notification_id <= %s ORDER BY notification_id",
            (first, last),
        )
        yield from cursor
