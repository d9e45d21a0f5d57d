"""The stored nodes of the log's Merkle tree: full subtrees, so that a proof reads few rows. They are
filled in behind the head."""

from collections.abc import Iterator, Sequence
from typing import Final

from psycopg.rows import tuple_row

from domain.merkle.hashing import parent_hashes
from domain.merkle.tree import Node
from infrastructure.postgres.rows import Connection, fetch_rows

LOWEST_LEVEL: Final = 3
"""The lowest level that has rows: one for eight leaves. Lower nodes are computed from the events."""
BATCH_SIZE: Final = 1 << 13
_BLOCK = 1 << LOWEST_LEVEL
_LOCK = 0x0CA5E7A3
_COPY_NODES = "COPY log_nodes (level, place, hash) FROM STDIN (FORMAT BINARY)"
_SELECT_NODES = """
    SELECT level, place, hash FROM log_nodes
    JOIN unnest(%s::smallint[], %s::bigint[]) AS wanted (level, place) USING (level, place)
    UNION ALL
    SELECT 0, notification_id - 1, leaf FROM stored_events WHERE notification_id = ANY(%s::bigint[])
"""


class PositionsMissing(Exception):
    """The log has gaps."""


def read_head(connection: Connection) -> int:
    return int(fetch_rows(connection, "SELECT position FROM log_head")[0][0])


def try_lock(connection: Connection, lock: int) -> bool:
    """Take the advisory lock until the transaction ends, unless another process holds it."""
    return bool(fetch_rows(connection, "SELECT pg_try_advisory_xact_lock(%s)", lock)[0][0])


def fill_nodes(connection: Connection, batch: int = BATCH_SIZE) -> bool:
    """Fill in the next nodes, one process at a time; False if there are none to fill in.
    Raises PositionsMissing."""
    with connection.transaction():
        # What a crash loses of them is filled in again: appends need not share the disk with them.
        connection.execute("SET LOCAL synchronous_commit = off")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        filled = fetch_rows(
            connection, "SELECT max(place) FROM log_nodes WHERE level = %s", LOWEST_LEVEL
        )
        done = 0 if filled[0][0] is None else (filled[0][0] + 1) << LOWEST_LEVEL
        leaves = _read_leaves(connection, done, done + batch)
        whole = len(leaves) - len(leaves) % _BLOCK
        if not whole:
            return False
        rows = _completed_nodes(connection, done, leaves[:whole])
        with connection.cursor().copy(_COPY_NODES) as copy:
            copy.set_types(["int2", "int8", "bytea"])
            for row in rows:
                copy.write_row(row)
    return True


def fill_all_nodes(connection: Connection) -> None:
    """Fill in all nodes that are full now. Later appends need another call."""
    while fill_nodes(connection):
        pass


def _completed_nodes(
    connection: Connection, done: int, leaves: Sequence[bytes]
) -> list[tuple[int, int, bytes]]:
    """The rows of the nodes that these leaves complete; `done` leaves come before them."""
    found, place, hashes, level = [], done, list(leaves), 0
    while True:
        if level >= LOWEST_LEVEL:
            found += [(level, place + n, digest) for n, digest in enumerate(hashes)]
        if place & 1:  # the left sibling was filled in before
            place -= 1
            hashes[:0] = read_nodes(connection, [Node(level, place)])
        del hashes[len(hashes) & ~1 :]
        if not hashes:
            return found
        level, place, hashes = level + 1, place >> 1, parent_hashes(hashes)


def read_nodes(connection: Connection, nodes: Sequence[Node]) -> list[bytes]:
    """The hashes of full subtrees, in the order of `nodes`. Raises PositionsMissing."""
    high = [node for node in nodes if node.level >= LOWEST_LEVEL]
    low = {
        leaf for node in nodes if node.level < LOWEST_LEVEL for leaf in range(node.first, node.end)
    }
    rows = fetch_rows(
        connection,
        _SELECT_NODES,
        [node.level for node in high],
        [node.place for node in high],
        [leaf + 1 for leaf in low],
    )
    found = {Node(level, place): digest for level, place, digest in rows}
    return [_compute_node(node, found) for node in nodes]


def read_envelopes(
    connection: Connection, first: int, last: int
) -> Iterator[tuple[int, bytes, bytes]]:
    """Position, envelope and stored leaf of the events from `first` to `last`, in a transaction."""
    with (
        connection.transaction(),
        connection.cursor("envelopes", row_factory=tuple_row, binary=True) as cursor,
    ):
        cursor.itersize = 2_000
        cursor.execute(
            "SELECT notification_id, state, leaf FROM stored_events WHERE notification_id >= %s "
            "AND notification_id <= %s ORDER BY notification_id",
            (first, last),
        )
        yield from cursor


def _compute_node(node: Node, found: dict[Node, bytes]) -> bytes:
    if node.level >= LOWEST_LEVEL or node.level == 0:
        try:
            return found[node]
        except KeyError:
            raise PositionsMissing(
                f"positions {node.first + 1} to {node.end} are missing from the log"
            ) from None
    hashes = [_compute_node(Node(0, leaf), found) for leaf in range(node.first, node.end)]
    while len(hashes) > 1:
        hashes = parent_hashes(hashes)
    return hashes[0]


def _read_leaves(connection: Connection, start: int, end: int) -> list[bytes]:
    rows = fetch_rows(
        connection,
        "SELECT notification_id, leaf FROM stored_events "
        "WHERE notification_id > %s AND notification_id <= %s ORDER BY notification_id",
        start,
        end,
    )
    for expected, (position, _) in enumerate(rows, start + 1):
        if position != expected:
            raise PositionsMissing(
                f"positions {expected} to {position - 1} are missing from the log"
            )
    return [leaf for _, leaf in rows]
