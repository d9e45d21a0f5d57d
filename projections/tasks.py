"""The open tasks of cases, with their owners. Behind GET /v1/views/tasks."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.cases.step_events import TaskCreated, TaskDone, TaskDropped, TaskOverdue
from domain.recorded_event import RecordedEvent
from projections.projection import NEVER, Projection, order_columns


class TaskRow(Struct, frozen=True):
    task_id: str
    """The key: `case/number`."""
    case_id: UUID
    task: int
    order_id: str
    title: str
    action: str
    owner: str
    created_at: datetime
    due_by: datetime
    """The year 9999 if the task has no due time."""
    overdue: bool = False
    shop: str = "default"


def key(line: RecordedEvent) -> object | None:
    match line.event:
        case TaskCreated(task=n) | TaskDone(task=n) | TaskDropped(task=n) | TaskOverdue(task=n):
            return f"{line.stream}/{n}"
        case _:
            return None


def fold(row: TaskRow | None, line: RecordedEvent) -> TaskRow | None:
    match line.event:
        case TaskCreated() as created:
            return TaskRow(
                task_id=f"{line.stream}/{created.task}",
                case_id=line.stream,
                task=created.task,
                **order_columns(line),
                title=created.title,
                action=created.action,
                owner=created.owner,
                created_at=line.recorded_at,
                due_by=created.due_at or NEVER,
            )
        case TaskOverdue():
            return row and replace(row, overdue=True)
        case TaskDone() | TaskDropped():
            return None
        case _:
            return row


TASKS = Projection(
    name="tasks",
    version=2,
    row=TaskRow,
    key=key,
    fold=fold,
    indexes=("(due_by, task_id)", "(owner, due_by, task_id)"),
)
