"""Reads rows with one statement; a read is repeated after a lost connection."""

from collections.abc import Sequence
from typing import Any, LiteralString, TypeAlias, TypeVar

from psycopg.rows import class_row, tuple_row
from psycopg.sql import SQL, Composed

from infrastructure.postgres.datastore import Datastore, retry_lost_connection

R = TypeVar("R")
Query: TypeAlias = LiteralString | SQL | Composed


@retry_lost_connection
def read_tuples(
    datastore: Datastore, query: Query, values: Sequence[object] = ()
) -> list[tuple[Any, ...]]:
    with datastore.get_connection() as connection:
        cursor = connection.cursor(row_factory=tuple_row)
        return cursor.execute(query, values or None).fetchall()


@retry_lost_connection
def read_structs(
    datastore: Datastore, row: type[R], query: Query, values: Sequence[object] = ()
) -> list[R]:
    with datastore.get_connection() as connection:
        cursor = connection.cursor(row_factory=class_row(row))
        return cursor.execute(query, values or None).fetchall()
