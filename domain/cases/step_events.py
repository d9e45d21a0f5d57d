"""The events of a case's tasks and holds. Tags are stored for ever: never rename or reuse one."""

from datetime import datetime
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from domain.cases.next_steps import HoldOn, HoldReason, NextAction
from domain.moments import keep_in_years
from domain.policy.document_types import Title
from domain.texts import Note, Owner

Number = Annotated[int, Meta(ge=1)]
"""The number of a task or a hold within its case."""


class TaskCreated(
    Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="case.task_created"
):
    """A task was created for its owner, a team or a person."""

    task: Number
    title: Title
    action: NextAction
    owner: Owner
    due_at: datetime | None = None
    policy: str | None = None
    """The version of the policy that created it; None if a person did."""

    def __post_init__(self) -> None:
        keep_in_years(self, "due_at")


class TaskDone(Struct, frozen=True, kw_only=True, gc=False, tag="case.task_done"):
    task: Number
    note: Note = ""


class TaskDropped(Struct, frozen=True, kw_only=True, gc=False, tag="case.task_dropped"):
    """The task does not need to be done any more."""

    task: Number
    note: Note


class TaskOverdue(Struct, frozen=True, kw_only=True, gc=False, tag="case.task_overdue"):
    """The task was not done by `due_at`."""

    task: Number
    owner: Owner
    due_at: datetime


class Held(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="case.held"):
    """A hold was placed: the systems that carry out the order are asked to stop this process."""

    hold: Number
    what: HoldOn
    reason: HoldReason
    note: Note = ""
    policy: str | None = None
    """The version of the policy that placed it; None if a person did."""


class HoldReleased(Struct, frozen=True, kw_only=True, gc=False, tag="case.hold_released"):
    """A hold that this case placed was released. A case never releases other holds."""

    hold: Number
    what: HoldOn
    note: Note = ""


StepEvent: TypeAlias = TaskCreated | TaskDone | TaskDropped | TaskOverdue | Held | HoldReleased
