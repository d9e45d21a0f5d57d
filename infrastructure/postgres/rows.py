"""Reads rows as tuples, also from connections with another row factory."""

from typing import Any

import psycopg
from psycopg.rows import tuple_row

Connection = psycopg.Connection[Any]
Rows = list[tuple[Any, ...]]


def fetch_rows(
    connection: Connection, statement: str, *parameters: object, prepare: bool | None = None
) -> Rows:
    with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
        return cursor.execute(statement.encode(), parameters, prepare=prepare).fetchall()
