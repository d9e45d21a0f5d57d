"""Tasks and holds of a case, event by event. A tag is written down for ever."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from domain.cases.next_steps import HoldOn, HoldReason, NextAction
from domain.personal_data import PERSONAL
from domain.policy.parts import Title
from domain.texts import lines, one_line

Number = Annotated[int, Meta(ge=1)]
"""Of a task or a hold within its case."""
Owner = Annotated[str, one_line(64, least=1)]
StepNote = Annotated[str, lines(4000), PERSONAL]


class TaskCreated(
    Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="case.task_created"
):
    """Something is to be done by its owner, a team or a person."""

    task: Number
    title: Title
    action: NextAction
    owner: Owner
    due_at: datetime | None = None
    policy: str | None = None
    """The version of the policy that asks for it; None where a person does."""


class TaskDone(Struct, frozen=True, kw_only=True, gc=False, tag="case.task_done"):
    task: Number
    note: StepNote = ""


class TaskDropped(Struct, frozen=True, kw_only=True, gc=False, tag="case.task_dropped"):
    """It needs not be done any more."""

    task: Number
    note: StepNote


class TaskOverdue(Struct, frozen=True, kw_only=True, gc=False, tag="case.task_overdue"):
    """It was not done by `due_at`."""

    task: Number
    owner: Owner
    due_at: datetime


class Held(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="case.held"):
    """We ask the systems that carry the order out to keep this from going on."""

    hold: Number
    what: HoldOn
    reason: HoldReason
    note: StepNote = ""
    policy: str | None = None
    """The version of the policy that placed it; None where a person did."""


class HoldReleased(Struct, frozen=True, kw_only=True, gc=False, tag="case.hold_released"):
    """A hold that this case placed is over. Nobody else's is ever released."""

    hold: Number
    what: HoldOn
    note: StepNote = ""


StepEvent: TypeAlias = TaskCreated | TaskDone | TaskDropped | TaskOverdue | Held | HoldReleased
