"""The recovery of one queue: the fold of its plans, and the decisions that start and end a plan.

A plan is about a whole queue, and a queue has no stream. So a plan is decided on a measurement, and the
event holds the measurement with its position in the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Meta, Struct, structs

from domain.backlog import events
from domain.backlog.errors import ActionNotOpen, RecoveryNotFound
from domain.moments import CommandRequest, Moment
from domain.people import PersonName
from domain.policy.document import Backlog
from domain.policy.document_types import Name, Title
from domain.struct_fields import fill, replace_where

RECOVERIES_NAMESPACE = uuid5(NAMESPACE_URL, "casetrail:recoveries")


def recovery_stream(queue: str) -> UUID:
    return uuid5(RECOVERIES_NAMESPACE, queue)


class AddAction(CommandRequest, frozen=True, kw_only=True):
    title: Title
    owner: PersonName | Name | None = None
    """A team or a person; left out, the plan's owner."""
    due_at: Moment | None = None


class CompleteAction(CommandRequest, frozen=True, kw_only=True):
    action: Annotated[int, Meta(ge=1)]
    note: events.PlanNote = ""


class AssignPlanOwner(CommandRequest, frozen=True, kw_only=True):
    owner: PersonName | Name
    note: events.PlanNote = ""


class RecoveryAction(Struct, frozen=True, kw_only=True, gc=False):
    action: int
    title: str
    owner: str
    due_at: datetime | None
    done_at: datetime | None = None


class RecoveryPlan(Struct, frozen=True, kw_only=True):
    """A queue's plan: its owner, its actions, and the measurements at its start and end."""

    plan: int
    owner: str
    causes: tuple[events.BacklogCause, ...]
    measured: events.BacklogMeasurement
    thresholds: Backlog
    opened_at: datetime
    actions: tuple[RecoveryAction, ...] = ()
    recovered: events.BacklogMeasurement | None = None
    closed_at: datetime | None = None


class Recovery(Struct, frozen=True, kw_only=True):
    queue: str = ""
    version: int = 0
    plan: RecoveryPlan | None = None
    """The newest plan, open or closed."""

    def after(self, event: events.RecoveryEvent, at: datetime) -> Recovery:
        now = structs.replace(self, version=self.version + 1)
        if isinstance(event, events.RecoveryOpened):
            plan = fill(RecoveryPlan, event, opened_at=at)
            return structs.replace(now, queue=event.queue, plan=plan)
        assert self.plan is not None
        return structs.replace(now, plan=_plan_after(self.plan, event, at))


def _plan_after(
    plan: RecoveryPlan,
    event: events.RecoveryOwned
    | events.RecoveryActionAdded
    | events.RecoveryActionDone
    | events.RecoveryClosed,
    at: datetime,
) -> RecoveryPlan:
    match event:
        case events.RecoveryOwned(owner=owner):
            return structs.replace(plan, owner=owner)
        case events.RecoveryActionAdded(action=number, title=title, owner=owner, due_at=due_at):
            action = RecoveryAction(action=number, title=title, owner=owner, due_at=due_at)
            return structs.replace(plan, actions=(*plan.actions, action))
        case events.RecoveryActionDone(action=number):
            actions = replace_where(plan.actions, "action", number, done_at=at)
            return structs.replace(plan, actions=actions)
        case events.RecoveryClosed(measured=measured):
            return structs.replace(plan, recovered=measured, closed_at=at)
        case _:
            assert_never(event)


def decide_recovery(
    recovery: Recovery,
    queue: str,
    limits: Mapping[str, Backlog],
    owner_team: str,
    policy: str,
    measured: events.BacklogMeasurement,
    now: datetime,
) -> list[events.RecoveryEvent]:
    """The events of a measurement: a plan starts, the plan ends, or nothing."""
    plan = recovery.plan
    if plan is not None and plan.closed_at is None:
        if _has_recovered(plan.thresholds, measured, now):
            return [events.RecoveryClosed(plan=plan.plan, measured=measured)]
        return []
    thresholds = limits.get(queue)
    causes = _exceeded_limits(thresholds, measured, now) if thresholds is not None else ()
    if thresholds is None or not causes:
        return []
    return [
        events.RecoveryOpened(
            queue=queue,
            plan=plan.plan + 1 if plan is not None else 1,
            owner=thresholds.owner or owner_team,
            causes=causes,
            measured=measured,
            thresholds=thresholds,
            policy=policy,
        )
    ]


def assign_owner(recovery: Recovery, request: AssignPlanOwner) -> events.RecoveryOwned:
    _require_open_plan(recovery)
    return events.RecoveryOwned(owner=request.owner, note=request.note)


def add_action(recovery: Recovery, request: AddAction) -> events.RecoveryActionAdded:
    plan = _require_open_plan(recovery)
    return events.RecoveryActionAdded(
        action=len(plan.actions) + 1,
        title=request.title,
        owner=request.owner or plan.owner,
        due_at=request.due_at,
    )


def complete_action(recovery: Recovery, request: CompleteAction) -> events.RecoveryActionDone:
    plan = _require_open_plan(recovery)
    still_open = [one.action for one in plan.actions if one.done_at is None]
    if request.action not in still_open:
        numbers = ", ".join(map(str, still_open)) or "none"
        raise ActionNotOpen(f"action {request.action} is not open; open actions: {numbers}")
    return events.RecoveryActionDone(action=request.action, note=request.note)


def _require_open_plan(recovery: Recovery) -> RecoveryPlan:
    plan = recovery.plan
    if plan is None or plan.closed_at is not None:
        raise RecoveryNotFound(f"queue {recovery.queue} has no open recovery plan")
    return plan


def _exceeded_limits(
    limits: Backlog, measured: events.BacklogMeasurement, now: datetime
) -> tuple[events.BacklogCause, ...]:
    causes = []
    if limits.volume is not None and measured.cases > limits.volume:
        causes.append(events.BacklogCause.VOLUME)
    if limits.age is not None and _oldest_age(measured, now) > limits.age:
        causes.append(events.BacklogCause.AGE)
    return tuple(causes)


def _has_recovered(limits: Backlog, measured: events.BacklogMeasurement, now: datetime) -> bool:
    few = limits.recovered_volume is None or measured.cases <= limits.recovered_volume
    young = limits.recovered_age is None or _oldest_age(measured, now) <= limits.recovered_age
    return few and young


def _oldest_age(measured: events.BacklogMeasurement, now: datetime) -> timedelta:
    oldest = measured.oldest_queued_at
    return now - oldest if oldest is not None else timedelta()
