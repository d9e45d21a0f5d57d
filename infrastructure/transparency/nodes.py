"""Full subtrees of the log's tree, kept so that proofs read a few rows; filled in behind the head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import psycopg
from psycopg.rows import tuple_row

from domain.merkle.hashing import parent_hashes
from domain.merkle.tree import Node

LOWEST_LEVEL: Final = 3
"""The leaves below it stand with their events: a row for each eight of them is enough."""
BATCH_SIZE: Final = 1 << 13
_BLOCK = 1 << LOWEST_LEVEL
_LOCK = 0x0CA5E7A3

Connection = psycopg.Connection[Any]


class PositionsMissing(Exception):
    """The log has gaps."""


def read_head(connection: Connection) -> int:
    return int(_rows(connection, "SELECT position FROM log_head")[0][0])


def try_lock(connection: Connection, lock: int) -> bool:
    """Nobody else holds the lock; it is held until the transaction ends."""
    return bool(_rows(connection, "SELECT pg_try_advisory_xact_lock(%s)", lock)[0][0])


def fill_nodes(connection: Connection, batch: int = BATCH_SIZE) -> bool:
    """Fill in the next nodes, after whoever else is at it; False if there are none to fill in.
    Raises PositionsMissing."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        filled = _rows(
            connection, "SELECT max(place) FROM log_nodes WHERE level = %s", LOWEST_LEVEL
        )
        done = 0 if filled[0][0] is None else (filled[0][0] + 1) << LOWEST_LEVEL
        leaves = _read_leaves(connection, done, done + batch)
        whole = len(leaves) - len(leaves) % _BLOCK
        if not whole:
            return False
        rows = _completed_nodes(connection, done, leaves[:whole])
        with connection.cursor().copy("COPY log_nodes (level, place, hash) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    return True


def fill_all_nodes(connection: Connection) -> None:
    """All that the log has full by now: whoever asks for more must fill in again."""
    while fill_nodes(connection):
        pass


def _completed_nodes(
    connection: Connection, done: int, leaves: Sequence[bytes]
) -> list[tuple[int, int, bytes]]:
    """What these leaves, which come after so many, make full."""
    found, place, hashes, level = [], done, list(leaves), 0
    while True:
        if level >= LOWEST_LEVEL:
            found += [(level, place + n, one) for n, one in enumerate(hashes)]
        if place & 1:  # the left sibling was filled in before
            place -= 1
            hashes[:0] = read_nodes(connection, [Node(level, place)])
        del hashes[len(hashes) & ~1 :]
        if not hashes:
            return found
        level, place, hashes = level + 1, place >> 1, parent_hashes(hashes)


def read_nodes(connection: Connection, nodes: Sequence[Node]) -> list[bytes]:
    """Hashes of full subtrees, in the order in which they are asked for. Raises PositionsMissing."""
    high = [node for node in nodes if node.level >= LOWEST_LEVEL]
    low = {
        leaf for node in nodes if node.level < LOWEST_LEVEL for leaf in range(node.first, node.end)
    }
    found: dict[Node, bytes] = {}
    if high:
        rows = _rows(
            connection,
            "SELECT level, place, hash FROM log_nodes JOIN "
            "unnest(%s::smallint[], %s::bigint[]) AS asked (level, place) USING (level, place)",
            [node.level for node in high],
            [node.place for node in high],
        )
        found |= {Node(level, place): one for level, place, one in rows}
    if low:
        rows = _rows(
            connection,
            "SELECT notification_id, leaf FROM stored_events WHERE notification_id = ANY(%s::bigint[])",
            [leaf + 1 for leaf in low],
        )
        found |= {Node(0, position - 1): one for position, one in rows}
    return [_compute_node(node, found) for node in nodes]


def _compute_node(node: Node, found: dict[Node, bytes]) -> bytes:
    if node.level >= LOWEST_LEVEL or node.level == 0:
        try:
            return found[node]
        except KeyError:
            raise PositionsMissing(f"{node.first + 1} to {node.end} are not there") from None
    hashes = [_compute_node(Node(0, leaf), found) for leaf in range(node.first, node.end)]
    while len(hashes) > 1:
        hashes = parent_hashes(hashes)
    return hashes[0]


def _read_leaves(connection: Connection, start: int, end: int) -> list[bytes]:
    rows = _rows(
        connection,
        "SELECT notification_id, leaf FROM stored_events "
        "WHERE notification_id > %s AND notification_id <= %s ORDER BY notification_id",
        start,
        end,
    )
    for expected, (position, _) in enumerate(rows, start + 1):
        if position != expected:
            raise PositionsMissing(f"{expected} to {position - 1} are not there")
    return [leaf for _, leaf in rows]


def _rows(connection: Connection, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
        return cursor.execute(statement.encode(), parameters).fetchall()
