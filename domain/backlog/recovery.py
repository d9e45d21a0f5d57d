"""The recovery of one queue: a fold over its plans, and when a plan begins and ends.

A plan is about a whole queue, which has no stream of its own: it is decided on a measurement, which
stands in the event with the position of the log at which it was true.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Meta, Struct, structs

from domain.backlog.errors import ActionNotOpen, RecoveryNotFound
from domain.backlog.events import (
    BacklogCause,
    Measured,
    PlanNote,
    RecoveryActionAdded,
    RecoveryActionDone,
    RecoveryClosed,
    RecoveryEvent,
    RecoveryOpened,
    RecoveryOwned,
)
from domain.cases.work_commands import Ask
from domain.people import PersonName
from domain.policy.document import Backlog
from domain.policy.parts import Name, Title

RECOVERIES = uuid5(NAMESPACE_URL, "casetrail:recoveries")


def recovery_stream(queue: str) -> UUID:
    return uuid5(RECOVERIES, queue)


class AddAction(Ask, frozen=True, kw_only=True):
    title: Title
    owner: PersonName | Name | None = None
    """A team or a person; left out, whoever owns the plan."""
    due_at: Annotated[datetime, Meta(tz=True)] | None = None


class CompleteAction(Ask, frozen=True, kw_only=True):
    action: Annotated[int, Meta(ge=1)]
    note: PlanNote = ""


class OwnPlan(Ask, frozen=True, kw_only=True):
    owner: PersonName | Name
    note: PlanNote = ""


class Action(Struct, frozen=True, kw_only=True, gc=False):
    action: int
    title: str
    owner: str
    due_at: datetime | None
    done_at: datetime | None = None


class Plan(Struct, frozen=True, kw_only=True):
    """How a queue is to recover: who owns it, what is done about it, and what it recovered to."""

    plan: int
    owner: str
    causes: tuple[BacklogCause, ...]
    measured: Measured
    thresholds: Backlog
    opened_at: datetime
    actions: tuple[Action, ...] = ()
    recovered: Measured | None = None
    closed_at: datetime | None = None


class Recovery(Struct, frozen=True, kw_only=True):
    queue: str = ""
    version: int = 0
    plan: Plan | None = None
    """The newest; it is over once it is closed."""

    @property
    def is_recovering(self) -> bool:
        return self.plan is not None and self.plan.closed_at is None

    def after(self, event: RecoveryEvent, at: datetime) -> Recovery:
        now = structs.replace(self, version=self.version + 1)
        if isinstance(event, RecoveryOpened):
            plan = Plan(
                plan=event.plan,
                owner=event.owner,
                causes=event.causes,
                measured=event.measured,
                thresholds=event.thresholds,
                opened_at=at,
            )
            return structs.replace(now, queue=event.queue, plan=plan)
        assert self.plan is not None
        return structs.replace(now, plan=_plan_after(self.plan, event, at))


def _plan_after(
    plan: Plan,
    event: RecoveryOwned | RecoveryActionAdded | RecoveryActionDone | RecoveryClosed,
    at: datetime,
) -> Plan:
    match event:
        case RecoveryOwned(owner=owner):
            return structs.replace(plan, owner=owner)
        case RecoveryActionAdded(action=number, title=title, owner=owner, due_at=due_at):
            action = Action(action=number, title=title, owner=owner, due_at=due_at)
            return structs.replace(plan, actions=(*plan.actions, action))
        case RecoveryActionDone(action=number):
            actions = (
                structs.replace(action, done_at=at) if action.action == number else action
                for action in plan.actions
            )
            return structs.replace(plan, actions=tuple(actions))
        case RecoveryClosed(measured=measured):
            return structs.replace(plan, recovered=measured, closed_at=at)
        case _:
            assert_never(event)


def look_at_backlog(
    recovery: Recovery,
    queue: str,
    limits: Mapping[str, Backlog],
    owner_team: str,
    policy: str,
    measured: Measured,
    now: datetime,
) -> list[RecoveryEvent]:
    """What a measurement leads to: a plan that begins, one that ends, or nothing."""
    plan = recovery.plan
    if plan is not None and plan.closed_at is None:
        if _has_recovered(plan.thresholds, measured, now):
            return [RecoveryClosed(plan=plan.plan, measured=measured)]
        return []
    thresholds = limits.get(queue)
    causes = _exceeded(thresholds, measured, now) if thresholds is not None else ()
    if thresholds is None or not causes:
        return []
    return [
        RecoveryOpened(
            queue=queue,
            plan=plan.plan + 1 if plan is not None else 1,
            owner=thresholds.owner or owner_team,
            causes=causes,
            measured=measured,
            thresholds=thresholds,
            policy=policy,
        )
    ]


def own(recovery: Recovery, ask: OwnPlan) -> RecoveryOwned:
    _running(recovery)
    return RecoveryOwned(owner=ask.owner, note=ask.note)


def add_action(recovery: Recovery, ask: AddAction) -> RecoveryActionAdded:
    plan = _running(recovery)
    return RecoveryActionAdded(
        action=len(plan.actions) + 1,
        title=ask.title,
        owner=ask.owner or plan.owner,
        due_at=ask.due_at,
    )


def complete_action(recovery: Recovery, ask: CompleteAction) -> RecoveryActionDone:
    plan = _running(recovery)
    if not any(one.action == ask.action and one.done_at is None for one in plan.actions):
        there = ", ".join(str(one.action) for one in plan.actions if one.done_at is None)
        raise ActionNotOpen(f"no action {ask.action} is open; open are: {there or 'none'}")
    return RecoveryActionDone(action=ask.action, note=ask.note)


def _running(recovery: Recovery) -> Plan:
    plan = recovery.plan
    if plan is None or plan.closed_at is not None:
        raise RecoveryNotFound(f"queue {recovery.queue} has no plan to recover: it needs none")
    return plan


def _exceeded(limits: Backlog, measured: Measured, now: datetime) -> tuple[BacklogCause, ...]:
    causes = []
    if limits.volume is not None and measured.cases > limits.volume:
        causes.append(BacklogCause.VOLUME)
    if limits.age is not None and _age(measured, now) > limits.age:
        causes.append(BacklogCause.AGE)
    return tuple(causes)


def _has_recovered(limits: Backlog, measured: Measured, now: datetime) -> bool:
    few = limits.recovered_volume is None or measured.cases <= limits.recovered_volume
    young = limits.recovered_age is None or _age(measured, now) <= limits.recovered_age
    return few and young


def _age(measured: Measured, now: datetime) -> timedelta:
    """Of the oldest."""
    oldest = measured.oldest_queued_at
    return now - oldest if oldest is not None else timedelta()
