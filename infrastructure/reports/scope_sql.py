"""What an authority reaches, as conditions on the rows of reports: pages stay full, and counts right."""

from __future__ import annotations

from psycopg.sql import SQL, Composable

from domain.authority import Authority, Scope
from domain.permissions import Permission
from infrastructure.reports.pages import EVERY, NOTHING, Clause, any_of

_QUEUE = SQL("queue = ANY(%s)")
_REGION = SQL("(region = ANY(%s) OR split_part(region, '-', 1) = ANY(%s))")
_CASE = SQL("case_id = %s")


def cases_within(authority: Authority, permission: Permission) -> Clause:
    """Of rows with `case_id`, `queue` and `region`."""
    return any_of([_of_case(scope) for scope in authority.scopes(permission)])


def known_within(authority: Authority, permission: Permission) -> Clause:
    """Of rows with a `case_id` whose queue and region stand in the report of cases."""
    reach = cases_within(authority, permission)
    if reach in (EVERY, NOTHING):
        return reach
    found = SQL("case_id IN (SELECT case_id FROM views.cases WHERE {})").format(reach.sql)
    return Clause(found, reach.values)


def orders_within(authority: Authority, permission: Permission) -> Clause:
    """Of rows with a `region`: queues have no part in it."""
    scopes = [scope for scope in authority.scopes(permission) if scope.case is None]
    return any_of([_clause(_regions(scope)) for scope in scopes])


def _of_case(scope: Scope) -> Clause:
    tests = _regions(scope)
    if scope.queues is not None:
        tests.append((_QUEUE, [sorted(scope.queues)]))
    if scope.case is not None:
        tests.append((_CASE, [scope.case]))
    return _clause(tests)


def _regions(scope: Scope) -> list[tuple[Composable, list[object]]]:
    if scope.regions is None:
        return []
    regions = sorted(scope.regions)
    return [(_REGION, [regions, regions])]


def _clause(tests: list[tuple[Composable, list[object]]]) -> Clause:
    if not tests:
        return EVERY
    joined = SQL("(") + SQL(" AND ").join([test for test, _ in tests]) + SQL(")")
    return Clause(joined, tuple(value for _, values in tests for value in values))
