"""The list of tasks."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Response
from litestar.params import QueryParameter
from msgspec import Struct

from api.http.concurrency import get
from api.http.query import ListQuery, Page, Sort, given_filters, none_if_never
from api.http.service import ServiceDependency
from domain.permissions import Permission
from domain.struct_fields import fill
from infrastructure.reports.scope_sql import known_cases_in_scope
from projections.tasks import TaskRow

BY_DUE: Sort = {"due_by": datetime, "task_id": str}


class TaskView(Struct, frozen=True):
    case: UUID
    task: int
    order: str
    shop: str
    title: str
    action: str
    owner: str
    created_at: datetime
    due_at: datetime | None
    overdue: bool


@get("/views/tasks", needs=Permission.READ_CASES, summary="List tasks")
def get_tasks(
    listing: ListQuery,
    service: ServiceDependency,
    owner: Annotated[list[str] | None, QueryParameter(description="A person or a team.")] = None,
    overdue: Annotated[bool | None, QueryParameter()] = None,
) -> Response[Page[TaskView]]:
    """The open tasks of all cases; those due first come first."""
    listing.wait_for("tasks")
    where = given_filters(owner=owner, overdue=overdue)
    reach = known_cases_in_scope(listing.authority, Permission.READ_CASES)
    return listing.page(
        BY_DUE, lambda after, limit: service.reports.tasks(where, after, limit, reach), _view
    )


def _view(row: TaskRow) -> TaskView:
    due_at = none_if_never(row.due_by)
    return fill(TaskView, row, case=row.case_id, order=row.order_id, due_at=due_at)
