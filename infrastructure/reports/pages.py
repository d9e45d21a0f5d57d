"""Pages of a report by keyset, so that a page costs the same however far it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct
from psycopg.rows import class_row
from psycopg.sql import SQL, Composable, Identifier

from infrastructure.postgres.datastore import Datastore, patiently

R = TypeVar("R")

Ordering = Sequence[tuple[str, bool]]
"""Columns of an order; True: descending."""


class Clause(Struct, frozen=True):
    """What is read from, or a condition beyond plain equality; with the values that its text asks
    for."""

    sql: Composable
    values: Sequence[object] = ()


EVERY = Clause(SQL("true"))
NOTHING = Clause(SQL("false"))


def any_of(clauses: Sequence[Clause]) -> Clause:
    if EVERY in clauses:
        return EVERY
    if not clauses:
        return NOTHING
    joined = SQL("(") + SQL(" OR ").join([clause.sql for clause in clauses]) + SQL(")")
    return Clause(joined, tuple(value for clause in clauses for value in clause.values))


def all_of(*clauses: Clause) -> Clause:
    told = [clause for clause in clauses if clause != EVERY]
    if not told:
        return EVERY
    joined = SQL(" AND ").join([clause.sql for clause in told])
    return Clause(joined, tuple(value for clause in told for value in clause.values))


@patiently
def page(
    datastore: Datastore,
    view: str | Clause,
    row: type[R],
    where: Mapping[str, object],
    ordering: Ordering,
    after: Sequence[object] | None,
    limit: int,
    always: Clause = EVERY,
) -> list[R]:
    """The next rows after the row that has these values in the columns of the order."""
    source = Clause(Identifier("views", view)) if isinstance(view, str) else view
    tests: list[Composable] = [always.sql]
    tests += [SQL("{} = %s").format(Identifier(name)) for name in where]
    values: list[Any] = [*source.values, *always.values, *where.values()]
    if after is not None:
        test, more = _beyond(ordering, after)
        tests.append(test)
        values += more
    condition = SQL("WHERE ") + SQL(" AND ").join(tests)
    order = SQL(", ").join(
        SQL("{} DESC" if down else "{}").format(Identifier(name)) for name, down in ordering
    )
    statement = SQL("SELECT * FROM {} {} ORDER BY {} LIMIT %s").format(source.sql, condition, order)
    with datastore.get_connection() as connection:
        cursor = connection.cursor(row_factory=class_row(row))
        return cursor.execute(statement, [*values, limit]).fetchall()


def _beyond(ordering: Ordering, after: Sequence[object]) -> tuple[Composable, list[object]]:
    """Rows that come later in the order than the row with these values."""
    tests: list[Composable] = []
    values: list[object] = []
    for n, (name, down) in enumerate(ordering):
        same = [SQL("{} = %s").format(Identifier(earlier)) for earlier, _ in ordering[:n]]
        later = SQL("{} < %s" if down else "{} > %s").format(Identifier(name))
        tests.append(SQL("({})").format(SQL(" AND ").join([*same, later])))
        values += [*after[:n], after[n]]
    # The first column's bound follows from the rest; said by itself, an index can begin there.
    name, down = ordering[0]
    bound = SQL("{} <= %s" if down else "{} >= %s").format(Identifier(name))
    beyond = SQL("({} AND ({}))").format(bound, SQL(" OR ").join(tests))
    return beyond, [after[0], *values]
