"""The tasks and holds of a case: their fold, and the decisions on them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from msgspec import Struct, structs

from domain.cases import step_events as events
from domain.cases.errors import HoldNotOurs, StepsOpen, TaskNotOpen
from domain.cases.next_steps import HoldOn, HoldReason, NextAction
from domain.cases.step_commands import AddTask, PlaceHold
from domain.clock.open_hours import after_business_time
from domain.clock.terms import ServiceTerms
from domain.policy.document import Kind
from domain.struct_fields import replace_where


class TaskState(StrEnum):
    OPEN = "open"
    OVERDUE = "overdue"
    DONE = "done"
    DROPPED = "dropped"


class Task(Struct, frozen=True, kw_only=True, gc=False):
    task: int
    title: str
    action: NextAction
    owner: str
    due_at: datetime | None
    state: TaskState = TaskState.OPEN

    @property
    def is_open(self) -> bool:
        return self.state in (TaskState.OPEN, TaskState.OVERDUE)


class Hold(Struct, frozen=True, kw_only=True, gc=False):
    hold: int
    what: HoldOn
    reason: HoldReason
    placed_at: datetime
    released_at: datetime | None = None


class Steps(Struct, frozen=True, kw_only=True):
    """The tasks and holds of a case, each numbered from 1 in the order of their creation."""

    tasks: tuple[Task, ...] = ()
    holds: tuple[Hold, ...] = ()

    @property
    def open_tasks(self) -> tuple[Task, ...]:
        return tuple(task for task in self.tasks if task.is_open)

    @property
    def open_holds(self) -> tuple[Hold, ...]:
        return tuple(hold for hold in self.holds if hold.released_at is None)

    @property
    def next_due(self) -> datetime | None:
        """When the next task is due that was not reported as overdue."""
        return min((task.due_at for task in self._unreported()), default=None)

    def overdue(self, now: datetime) -> list[events.TaskOverdue]:
        """The tasks that are overdue by now and were not reported, the earliest first."""
        found = [task for task in self._unreported() if task.due_at <= now]
        return sorted(found, key=lambda task: (task.due_at, task.task))

    def after(self, event: events.StepEvent, at: datetime) -> Steps:
        match event:
            case events.TaskCreated(
                task=number, title=title, action=action, owner=owner, due_at=due_at
            ):
                task = Task(task=number, title=title, action=action, owner=owner, due_at=due_at)
                return structs.replace(self, tasks=(*self.tasks, task))
            case events.TaskDone(task=number):
                return self._with_state(number, TaskState.DONE)
            case events.TaskDropped(task=number):
                return self._with_state(number, TaskState.DROPPED)
            case events.TaskOverdue(task=number):
                return self._with_state(number, TaskState.OVERDUE)
            case events.Held(hold=number, what=what, reason=reason):
                hold = Hold(hold=number, what=what, reason=reason, placed_at=at)
                return structs.replace(self, holds=(*self.holds, hold))
            case events.HoldReleased(hold=number):
                holds = replace_where(self.holds, "hold", number, released_at=at)
                return structs.replace(self, holds=holds)
            case _:
                assert_never(event)

    def _unreported(self) -> Iterator[events.TaskOverdue]:
        for task in self.tasks:
            if task.state is TaskState.OPEN and task.due_at is not None:
                yield events.TaskOverdue(task=task.task, owner=task.owner, due_at=task.due_at)

    def _with_state(self, number: int, state: TaskState) -> Steps:
        return structs.replace(self, tasks=replace_where(self.tasks, "task", number, state=state))


def create_policy_steps(
    kind: Kind, steps: Steps, team: str, terms: ServiceTerms | None, policy: str, now: datetime
) -> list[events.StepEvent]:
    """The holds, then the tasks, that policy requires for a problem of this kind.

    A task's time runs on the calendar of the case's terms; without terms, around the clock.
    """
    found: list[events.StepEvent] = [
        events.Held(hold=number, what=hold.what, reason=hold.reason, policy=policy)
        for number, hold in enumerate(kind.holds, start=len(steps.holds) + 1)
    ]
    for number, step in enumerate(kind.next_steps, start=len(steps.tasks) + 1):
        due_at = _due_at(terms, now, step.within)
        found.append(
            events.TaskCreated(
                task=number,
                title=step.title,
                action=step.action,
                owner=step.owner or team,
                due_at=due_at,
                policy=policy,
            )
        )
    return found


def _due_at(terms: ServiceTerms | None, now: datetime, within: timedelta) -> datetime:
    if terms is None:
        return now + within
    try:
        return after_business_time(terms.calendar, now, within)
    except ValueError:
        # The terms are pinned, and an older policy's calendar may hardly ever be open. Better early
        # than never.
        return now + within


def close_open_steps(steps: Steps, why: str) -> list[events.StepEvent]:
    """Drop every open task and release every active hold, since the problem is gone."""
    dropped = [events.TaskDropped(task=task.task, note=why) for task in steps.open_tasks]
    released = [events.HoldReleased(hold=h.hold, what=h.what, note=why) for h in steps.open_holds]
    return [*dropped, *released]


def add_task(steps: Steps, request: AddTask, team: str) -> events.TaskCreated:
    return events.TaskCreated(
        task=len(steps.tasks) + 1,
        title=request.title,
        action=request.action,
        owner=request.owner or team,
        due_at=request.due_at,
    )


def require_open_task(steps: Steps, number: int) -> Task:
    """Raises TaskNotOpen."""
    for task in steps.tasks:
        if task.task == number:
            if not task.is_open:
                raise TaskNotOpen(f"task {number} is {task.state}", task=number, state=task.state)
            return task
    raise TaskNotOpen(f"no task {number}; the case has {len(steps.tasks)}", task=number)


def place_hold(steps: Steps, request: PlaceHold) -> events.Held:
    return events.Held(
        hold=len(steps.holds) + 1, what=request.what, reason=request.reason, note=request.note
    )


def release_hold(steps: Steps, number: int, note: str) -> events.HoldReleased:
    """Raises HoldNotOurs for a hold that the case did not place, or has already released."""
    for hold in steps.open_holds:
        if hold.hold == number:
            return events.HoldReleased(hold=number, what=hold.what, note=note)
    active = ", ".join(f"{hold.hold} on {hold.what}" for hold in steps.open_holds) or "none"
    raise HoldNotOurs(f"no active hold {number} of this case; active are: {active}", hold=number)


def require_no_open_steps(steps: Steps) -> None:
    """Raises StepsOpen while the case has open tasks or active holds."""
    tasks, holds = steps.open_tasks, steps.open_holds
    if tasks or holds:
        names = [f"task {task.task} ({task.title})" for task in tasks]
        names += [f"hold {hold.hold} on {hold.what}" for hold in holds]
        raise StepsOpen(
            f"still open: {', '.join(names)}",
            tasks=[task.task for task in tasks],
            holds=[hold.hold for hold in holds],
        )
