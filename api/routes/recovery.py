"""Plans to recover queues that have fallen behind: who owns each, and what is done about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, RawBody
from msgspec import Struct

from api.http.authentication import Who
from api.http.commands import as_command, carry_out
from api.http.concurrency import get, post
from api.http.query import (
    IdempotencyKey,
    IfMatch,
    MinPosition,
    Prefer,
    etag,
    expected_version,
    only_known,
    wait_for,
)
from api.http.responses import Answer
from api.http.service import Service
from api.routes.queues import must_exist
from application.cases.recovery_desk import Planned, RecoveryDesk
from application.log.caller import Caller
from domain.backlog.events import BacklogCause, Measured
from domain.backlog.recovery import Action, AddAction, CompleteAction, OwnPlan, Recovery
from domain.errors import Fault, Invalid
from domain.permissions import Permission
from domain.policy.document import Backlog

Asking = Request[Who, str, Any]


class RecoveryLine(Struct, frozen=True):
    """A queue's newest plan, in short."""

    queue: str
    plan: int
    owner: str
    causes: Sequence[str]
    cases: int
    oldest_queued_at: datetime | None
    opened_at: datetime
    closed_at: datetime | None
    actions: int
    actions_done: int


class RecoveryList(Struct, frozen=True):
    items: Sequence[RecoveryLine]


class PlanView(Struct, frozen=True):
    """A queue's newest plan: why it began, what it began with, and what ended it."""

    queue: str
    version: int
    plan: int
    owner: str
    causes: Sequence[BacklogCause]
    measured: Measured
    thresholds: Backlog
    opened_at: datetime
    actions: Sequence[Action]
    recovered: Measured | None
    closed_at: datetime | None


@get("/recovery-plans", needs=Permission.READ_CASES, summary="Queues that fell behind")
def list_recoveries(
    request: Asking,
    service: NamedDependency[Service],
    min_position: MinPosition = None,
    prefer: Prefer = None,
) -> RecoveryList:
    """Each queue's newest plan to recover; those that go on come first."""
    only_known(request)
    wait_for(service.positions, "recovery", min_position, prefer)
    reached = request.user.authority.has_all_of
    rows = [r for r in service.reports.recoveries() if reached(Permission.READ_CASES, r.queue)]
    return RecoveryList(msgspec.convert(rows, list[RecoveryLine], from_attributes=True))


@get(
    "/queues/{queue:str}/recovery",
    needs=Permission.READ_CASES,
    summary="The plan to recover a queue",
)
def get_recovery(
    request: Asking, queue: FromPath[str], service: NamedDependency[Service]
) -> Response[PlanView]:
    """The newest one, read from its own stream: never behind. Its ETag goes into If-Match."""
    must_exist(service, queue, request.user.authority, whole=True)
    recovery = service.desks.recovery.recovery(queue)
    return Response(_view(recovery), headers={"ETag": etag(recovery.version)})


def _answer(recovery: Recovery) -> Answer:
    return Answer(_view(recovery), headers={"ETag": etag(recovery.version)})


def _view(recovery: Recovery) -> PlanView:
    plan = recovery.plan
    assert plan is not None
    return PlanView(
        queue=recovery.queue,
        version=recovery.version,
        plan=plan.plan,
        owner=plan.owner,
        causes=plan.causes,
        measured=plan.measured,
        thresholds=plan.thresholds,
        opened_at=plan.opened_at,
        actions=plan.actions,
        recovered=plan.recovered,
        closed_at=plan.closed_at,
    )


def _command(
    name: str,
    words: str,
    doc: str,
    kind: Any,
    act: Callable[[RecoveryDesk, str, int, Any, Caller], Planned],
    look: Callable[[Service, Any], Any] = lambda service, ask: ask,
) -> HTTPRouteHandler:
    """A command on a queue's plan, whose body is of this type; `look` may refuse it."""

    def handler(
        request: Asking,
        queue: FromPath[str],
        service: NamedDependency[Service],
        data: Any,
        body: RawBody,
        if_match: IfMatch = None,
        key: IdempotencyKey = None,
    ) -> Response[PlanView]:
        must_exist(service, queue, request.user.authority, whole=True)

        def work(by: Caller) -> tuple[Recovery, int]:
            asked = look(service, data)
            done = act(service.desks.recovery, queue, expected_version(if_match), asked, by)
            return done.recovery, done.position

        return carry_out(request, service, body, key, work, _answer)

    path = f"/queues/{{queue:str}}/recovery/{name}"
    return post(path, needs=Permission.MANAGE_BACKLOG, status_code=200, summary=words)(
        as_command(handler, name, doc, kind)
    )


def _must_be_known(service: Service, ask: OwnPlan) -> OwnPlan:
    """A team of the policy, or a person: nobody else can answer for a plan."""
    teams = {queue.owner_team for queue in service.desks.policy.current.document.queues.values()}
    if ask.owner not in teams and service.desks.people.known(ask.owner) is None:
        known = ", ".join(sorted(teams))
        fault = Fault("/owner", f"no person and no team {ask.owner}; teams are: {known}")
        raise Invalid([fault], "the plan's owner")
    return ask


RECOVERY_COMMANDS: tuple[HTTPRouteHandler, ...] = (
    _command(
        "actions",
        "Add an action to the plan",
        "Something is to be done about the backlog, by an owner and a time.",
        AddAction,
        RecoveryDesk.add_action,
    ),
    _command(
        "complete-action",
        "Complete an action of the plan",
        "It is done. The plan itself ends when the queue has recovered.",
        CompleteAction,
        RecoveryDesk.complete_action,
    ),
    _command(
        "owner",
        "Give the plan to another owner",
        "A person, or the team of a queue, answers for it from here on.",
        OwnPlan,
        RecoveryDesk.own,
        _must_be_known,
    ),
)
