"""Pages of a report by keyset: every page costs the same."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct
from psycopg.sql import SQL, Composable, Identifier

from infrastructure.postgres.datastore import Datastore
from infrastructure.reports.rows import read_structs

R = TypeVar("R")

Ordering = Sequence[tuple[str, bool]]
"""Columns to order by; True means descending."""


class Clause(Struct, frozen=True):
    """SQL of a source or a condition, with the values of its parameters."""

    sql: Composable
    values: Sequence[object] = ()


ALL_ROWS = Clause(SQL("true"))
NO_ROWS = Clause(SQL("false"))


def any_of(clauses: Sequence[Clause]) -> Clause:
    if ALL_ROWS in clauses:
        return ALL_ROWS
    if not clauses:
        return NO_ROWS
    joined = SQL("(") + SQL(" OR ").join([clause.sql for clause in clauses]) + SQL(")")
    return Clause(joined, tuple(value for clause in clauses for value in clause.values))


def all_of(*clauses: Clause) -> Clause:
    limits = [clause for clause in clauses if clause != ALL_ROWS]
    if not limits:
        return ALL_ROWS
    joined = SQL(" AND ").join([clause.sql for clause in limits])
    return Clause(joined, tuple(value for clause in limits for value in clause.values))


def read_page(
    datastore: Datastore,
    view: str | Clause,
    row: type[R],
    where: Mapping[str, object],
    ordering: Ordering,
    after: Sequence[object] | None,
    limit: int,
    always: Clause = ALL_ROWS,
) -> list[R]:
    """The next rows after the row that has the values `after` in the columns of the ordering. `where` names
    the value that a column must have, or the list of values of which it must have one."""
    source = Clause(Identifier("views", view)) if isinstance(view, str) else view
    tests: list[Composable] = [always.sql]
    wanted = [_column_condition(name, value) for name, value in where.items()]
    tests += [clause.sql for clause in wanted]
    values: list[Any] = [*source.values, *always.values]
    values += [value for clause in wanted for value in clause.values]
    if after is not None:
        test, more = _after_condition(ordering, after)
        tests.append(test)
        values += more
    condition = SQL("WHERE ") + SQL(" AND ").join(tests)
    order = SQL(", ").join(
        SQL("{} DESC" if down else "{}").format(Identifier(name)) for name, down in ordering
    )
    statement = SQL("SELECT * FROM {} {} ORDER BY {} LIMIT %s").format(source.sql, condition, order)
    return read_structs(datastore, row, statement, [*values, limit])


def _column_condition(name: str, value: object) -> Clause:
    """The condition that a column has the value, or one of several values."""
    if not isinstance(value, list):
        return Clause(SQL("{} = %s").format(Identifier(name)), (value,))
    if len(value) == 1:  # so that an index gives the rows in order
        return _column_condition(name, value[0])
    return Clause(SQL("{} = ANY(%s)").format(Identifier(name)), ([str(one) for one in value],))


def _after_condition(
    ordering: Ordering, after: Sequence[object]
) -> tuple[Composable, list[object]]:
    """The condition of rows that come after the row with these values."""
    tests: list[Composable] = []
    values: list[object] = []
    for n, (name, down) in enumerate(ordering):
        same = [SQL("{} = %s").format(Identifier(earlier)) for earlier, _ in ordering[:n]]
        later = SQL("{} < %s" if down else "{} > %s").format(Identifier(name))
        tests.append(SQL("({})").format(SQL(" AND ").join([*same, later])))
        values += [*after[:n], after[n]]
    # The bound of the first column follows from the rest, but an index can use it only if stated.
    name, down = ordering[0]
    bound = SQL("{} <= %s" if down else "{} >= %s").format(Identifier(name))
    beyond = SQL("({} AND ({}))").format(bound, SQL(" OR ").join(tests))
    return beyond, [after[0], *values]
