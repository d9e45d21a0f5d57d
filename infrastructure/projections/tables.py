"""The table of a report, derived from its row class: columns, bulk reads and bulk writes."""

import datetime as dt
import hashlib
import types
import typing
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, Union, get_args, get_origin
from uuid import UUID

import msgspec
import psycopg
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Composed, Identifier
from psycopg.types.json import Jsonb

from projections.projection import AnyProjection

Connection = psycopg.Connection[Any]

_COLUMN_TYPES: Mapping[Any, str] = {
    bool: "boolean",
    int: "bigint",
    float: "double precision",
    Decimal: "numeric",
    str: "text",
    bytes: "bytea",
    UUID: "uuid",
    dt.datetime: "timestamptz",
    dt.date: "date",
}


class Column(typing.NamedTuple):
    name: str
    type: str
    nullable: bool


def columns_of(row: type[msgspec.Struct]) -> tuple[Column, ...]:
    """One column per field, the key first. A field that is no plain value becomes jsonb."""
    columns = []
    for name, hint in typing.get_type_hints(row).items():
        members = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
        plain = [m for m in members if m is not types.NoneType]
        known = _COLUMN_TYPES.get(plain[0]) if len(plain) == 1 else None
        if known is None and isinstance(plain[0], type) and issubclass(plain[0], str):
            known = "text"
        columns.append(Column(name, known or "jsonb", len(plain) < len(members)))
    return tuple(columns)


def row_digest(projection: AnyProjection) -> str:
    """A digest that changes with the columns or indexes, also if the version does not."""
    shape = repr((columns_of(projection.row), projection.indexes))
    return hashlib.sha256(shape.encode()).hexdigest()[:16]


class Table:
    """The table of one generation of a report."""

    def __init__(self, projection: AnyProjection, generation: int) -> None:
        self.projection = projection
        self.generation = generation
        self.columns = columns_of(projection.row)
        self.name = Identifier("views", f"{projection.name}_{generation}")
        key = Identifier(self.columns[0].name)
        key_type = SQL(self.columns[0].type)
        names = SQL(", ").join(Identifier(c.name) for c in self.columns)
        arrays = SQL(", ").join(SQL("%b::{}[]").format(SQL(c.type)) for c in self.columns)
        others = [Identifier(c.name) for c in self.columns[1:]]
        changes = SQL(", ").join(SQL("{0} = excluded.{0}").format(other) for other in others)
        on_conflict = SQL("DO UPDATE SET ") + changes if others else SQL("DO NOTHING")
        self._select = SQL("SELECT {} FROM {} WHERE {} = ANY(%b::{}[])").format(
            names, self.name, key, key_type
        )
        self._upsert = SQL(
            "INSERT INTO {} ({}) SELECT * FROM unnest({}) ON CONFLICT ({}) {}"
        ).format(self.name, names, arrays, key, on_conflict)
        self._delete = SQL("DELETE FROM {} WHERE {} = ANY(%b::{}[])").format(
            self.name, key, key_type
        )
        self._json = tuple(n for n, c in enumerate(self.columns) if c.type == "jsonb")

    def create(self, connection: Connection) -> None:
        parts = [
            SQL("{} {}{}").format(
                Identifier(c.name),
                SQL(c.type),
                SQL(" PRIMARY KEY" if n == 0 else "" if c.nullable else " NOT NULL"),
            )
            for n, c in enumerate(self.columns)
        ]
        connection.execute(SQL("CREATE TABLE {} ({})").format(self.name, SQL(", ").join(parts)))
        for index in self.projection.indexes:
            connection.execute(SQL("CREATE INDEX ON {} {}").format(self.name, SQL(index)))

    def drop(self, connection: Connection) -> None:
        connection.execute(SQL("DROP TABLE IF EXISTS {}").format(self.name))

    def show(self, connection: Connection) -> None:
        """Make the view `views.<name>` read this table."""
        view = Identifier("views", self.projection.name)
        connection.execute(SQL("DROP VIEW IF EXISTS {}").format(view))
        connection.execute(SQL("CREATE VIEW {} AS SELECT * FROM {}").format(view, self.name))

    def rows(self, connection: Connection, keys: Collection[object]) -> dict[object, Any]:
        row = self.projection.row
        found = self._run(connection, self._select, ([*keys],), fetch=True)
        return {values[0]: row(*values) for values in found}

    def write(
        self, connection: Connection, rows: Collection[Any], gone: Collection[object]
    ) -> None:
        if rows:
            as_values = [msgspec.structs.astuple(row) for row in rows]
            columns: list[list[Any]] = [list(column) for column in zip(*as_values, strict=True)]
            for n in self._json:
                columns[n] = [
                    None if value is None else Jsonb(msgspec.to_builtins(value))
                    for value in columns[n]
                ]
            self._run(connection, self._upsert, columns)
        if gone:
            self._run(connection, self._delete, ([*gone],))

    def _run(
        self,
        connection: Connection,
        statement: Composed,
        parameters: typing.Sequence[Any],
        *,
        fetch: bool = False,
    ) -> list[tuple[Any, ...]]:
        with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
            cursor.execute(statement, parameters, prepare=True)
            return cursor.fetchall() if fetch else []
