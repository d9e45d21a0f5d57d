"""The scope of an authority as SQL conditions on reports, so that pages are full and counts right."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from psycopg.sql import SQL, Composable

from domain.authority import Authority, Scope
from domain.permissions import Permission
from infrastructure.reports.pages import ALL_ROWS, NO_ROWS, Clause, all_of, any_of

_QUEUE = SQL("queue = ANY(%s)")
_REGION = SQL("(region = ANY(%s) OR split_part(region, '-', 1) = ANY(%s))")
_CASE = SQL("case_id = %s")
_REFERENCE = SQL("name IN (SELECT order_id FROM order_references WHERE kind = %s AND value = %s)")
_SUBJECT = SQL("name IN (SELECT order_id FROM order_subjects WHERE subject = %s)")
_CASE_SUBJECT = SQL(
    "(order_id, shop) IN (SELECT order_id, shop FROM views.orders WHERE "
    "name IN (SELECT order_id FROM order_subjects WHERE subject = %s))"
)
_CHANGED_SINCE = SQL("position > %s")
_UPDATED_SINCE = SQL("updated_at >= %s")


def cases_in_scope(authority: Authority, permission: Permission) -> Clause:
    """The condition on rows with `case_id`, `queue` and `region`."""
    return any_of([_case_conditions(scope) for scope in authority.scopes(permission)])


def known_cases_in_scope(authority: Authority, permission: Permission) -> Clause:
    """The condition on rows with a `case_id`; queue and region come from the report of cases."""
    reach = cases_in_scope(authority, permission)
    if reach in (ALL_ROWS, NO_ROWS):
        return reach
    found = SQL("case_id IN (SELECT case_id FROM views.cases WHERE {})").format(reach.sql)
    return Clause(found, reach.values)


def orders_in_scope(authority: Authority, permission: Permission) -> Clause:
    """The condition on rows with a `region`; limits to queues do not apply."""
    scopes = [scope for scope in authority.scopes(permission) if scope.case is None]
    return any_of([_clause(_region_conditions(scope)) for scope in scopes])


def orders_named(references: Sequence[tuple[str, str]]) -> Clause:
    """The condition on orders that all of these references, by kind and value, lead to."""
    return all_of(*(Clause(_REFERENCE, reference) for reference in references))


def orders_of_subject(subject: UUID) -> Clause:
    """The condition on the orders of a customer, by the id of the customer's record."""
    return Clause(_SUBJECT, (subject,))


def cases_of_subject(subject: UUID) -> Clause:
    """The condition on the cases of a customer's orders, by the id of the customer's record."""
    return Clause(_CASE_SUBJECT, (subject,))


def updated_since(moment: datetime | None) -> Clause:
    """The condition on rows with an event that was recorded then or later."""
    return Clause(_UPDATED_SINCE, (moment,)) if moment is not None else ALL_ROWS


def orders_changed_since(position: int) -> Clause:
    """The condition on orders with an event after this position of the log."""
    return Clause(_CHANGED_SINCE, (position,))


def _case_conditions(scope: Scope) -> Clause:
    tests = _region_conditions(scope)
    if scope.queues is not None:
        tests.append((_QUEUE, [sorted(scope.queues)]))
    if scope.case is not None:
        tests.append((_CASE, [scope.case]))
    return _clause(tests)


def _region_conditions(scope: Scope) -> list[tuple[Composable, list[object]]]:
    if scope.regions is None:
        return []
    regions = sorted(scope.regions)
    return [(_REGION, [regions, regions])]


def _clause(tests: list[tuple[Composable, list[object]]]) -> Clause:
    if not tests:
        return ALL_ROWS
    joined = SQL("(") + SQL(" AND ").join([test for test, _ in tests]) + SQL(")")
    return Clause(joined, tuple(value for _, values in tests for value in values))
