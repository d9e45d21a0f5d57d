"""Recovery plans of queues that have fallen behind: their owners, causes and actions."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Struct

from api.http.authentication import AuthenticatedRequest
from api.http.commands import CommandRequest, configure_command_handler
from api.http.concurrency import get, post
from api.http.query import IfMatch, ReadQuery, etag, expected_version
from api.http.responses import CommandResponse
from api.http.service import Service, ServiceDependency
from api.routes.queues import require_queue
from application.cases.recovery_desk import RecoveryDesk, RecoveryResult
from application.log.caller import Caller
from domain.backlog import recovery as plans
from domain.backlog.events import BacklogCause, BacklogMeasurement
from domain.errors import Fault, Invalid
from domain.fault_texts import did_you_mean
from domain.permissions import Permission
from domain.policy.document import Backlog
from domain.struct_fields import fill


class RecoveryLine(Struct, frozen=True):
    """A summary of a queue's newest plan."""

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
    """A queue's newest plan: its causes, the measured backlog at its start and its end, its actions."""

    queue: str
    version: int
    plan: int
    owner: str
    causes: Sequence[BacklogCause]
    measured: BacklogMeasurement
    thresholds: Backlog
    opened_at: datetime
    actions: Sequence[plans.RecoveryAction]
    recovered: BacklogMeasurement | None
    closed_at: datetime | None


@get("/recovery-plans", needs=Permission.READ_CASES, summary="List recovery plans")
def list_recoveries(read: ReadQuery, service: ServiceDependency) -> RecoveryList:
    """Each queue's newest plan; open plans come first."""
    read.wait_for("recovery")
    may_read = read.authority.has_whole_queue
    rows = [r for r in service.reports.recoveries() if may_read(Permission.READ_CASES, r.queue)]
    return RecoveryList([fill(RecoveryLine, row) for row in rows])


@get(
    "/queues/{queue:str}/recovery",
    needs=Permission.READ_CASES,
    summary="Get the recovery plan of a queue",
)
def get_recovery(
    request: AuthenticatedRequest, queue: FromPath[str], service: ServiceDependency
) -> Response[PlanView]:
    """The newest one. Computed from its own events: always up to date. Send its ETag as If-Match with
    a command."""
    require_queue(service, queue, request.user.authority, whole=True)
    answer = _command_response(service.desks.recovery.recovery(queue))
    return Response(answer.body, headers=answer.headers)  # type: ignore[arg-type]


def _command_response(recovery: plans.Recovery) -> CommandResponse:
    view = fill(PlanView, recovery.plan, queue=recovery.queue, version=recovery.version)
    return CommandResponse(view, headers={"ETag": etag(recovery.version)})


def _command(
    name: str,
    summary: str,
    doc: str,
    kind: Any,
    act: Callable[[RecoveryDesk, str, int, Any, Caller], RecoveryResult],
    check: Callable[[Service, Any], None] = lambda service, data: None,
) -> HTTPRouteHandler:
    """The route of a command on a queue's plan; `kind` is the type of its body, `check` may refuse it."""

    def handler(
        command: CommandRequest, queue: FromPath[str], data: Any, if_match: IfMatch = None
    ) -> Response[PlanView]:
        service = command.service
        require_queue(service, queue, command.request.user.authority, whole=True)

        def run(by: Caller) -> RecoveryResult:
            check(service, data)
            return act(service.desks.recovery, queue, expected_version(if_match), data, by)

        return command.run(run, lambda result: result.recovery, _command_response)

    path = f"/queues/{{queue:str}}/recovery/{name}"
    return post(path, needs=Permission.MANAGE_BACKLOG, summary=summary)(
        configure_command_handler(handler, name, doc, kind)
    )


def _require_known_owner(service: Service, data: plans.AssignPlanOwner) -> None:
    """Raises Invalid unless the owner is a team of the policy or a person."""
    teams = {queue.owner_team for queue in service.desks.policy.current.document.queues.values()}
    if data.owner not in teams and service.desks.people.known(data.owner) is None:
        people = [person.name for person in service.desks.people.everybody()]
        guess = did_you_mean(data.owner, [*teams, *people])
        detail = (
            f"no person or team {data.owner}{guess or ';'} teams are: {', '.join(sorted(teams))}"
        )
        fault = Fault("/owner", detail)
        raise Invalid([fault], "the plan's owner")


RECOVERY_COMMANDS: tuple[HTTPRouteHandler, ...] = (
    _command(
        "actions",
        "Add an action to a recovery plan",
        "With an owner and a due time.",
        plans.AddAction,
        RecoveryDesk.add_action,
    ),
    _command(
        "complete-action",
        "Complete an action of a recovery plan",
        "The plan itself ends when the queue has recovered.",
        plans.CompleteAction,
        RecoveryDesk.complete_action,
    ),
    _command(
        "owner",
        "Change the owner of a recovery plan",
        "To a person, or to the team of a queue.",
        plans.AssignPlanOwner,
        RecoveryDesk.own,
        _require_known_owner,
    ),
)
