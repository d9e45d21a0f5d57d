"""Tasks: what is to be done about cases, the most pressing first."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Struct

from api.http.authentication import Who
from api.http.concurrency import get
from api.http.query import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    MinPosition,
    Page,
    Prefer,
    asked,
    asked_for,
    decode_cursor,
    only_known,
    page_of_views,
    unless_never,
    wait_for,
)
from api.http.service import Service
from domain.permissions import Permission
from infrastructure.reports.scope_sql import known_within
from projections.tasks import TaskRow

DUE_TYPES = (datetime, str)


class TaskView(Struct, frozen=True):
    case: UUID
    task: int
    order: str
    title: str
    action: str
    owner: str
    created_at: datetime
    due_at: datetime | None
    overdue: bool


@get("/views/tasks", needs=Permission.READ_CASES, summary="What is to be done, due soonest first")
def get_tasks(
    request: Request[Who, str, Any],
    service: NamedDependency[Service],
    owner: Annotated[str | None, QueryParameter(description="A person or a team.")] = None,
    overdue: Annotated[bool | None, QueryParameter()] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    min_position: MinPosition = None,
    prefer: Prefer = None,
) -> Response[Page[TaskView]]:
    """The tasks of all cases that are neither done nor dropped."""
    only_known(request, "owner", "overdue")
    wait_for(service.positions, "tasks", min_position, prefer)
    after = decode_cursor(cursor, asked_for(request), DUE_TYPES)
    reach = known_within(request.user.authority, Permission.READ_CASES)
    rows = service.reports.tasks(asked(owner=owner, overdue=overdue), after, limit + 1, reach)
    return page_of_views(request, rows, limit, ("due_by", "task_id"), _view)


def _view(row: TaskRow) -> TaskView:
    return TaskView(
        case=row.case_id,
        task=row.task,
        order=row.order_id,
        title=row.title,
        action=row.action,
        owner=row.owner,
        created_at=row.created_at,
        due_at=unless_never(row.due_by),
        overdue=row.overdue,
    )
