"""Commands on policies; most are entries of the table at the end."""

from collections.abc import Callable
from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from api.http.commands import CommandRequest, configure_command_handler
from api.http.concurrency import post
from api.routes.policies import PolicyView, policy_response
from application.log.caller import Caller
from application.policy.policy_desk import PolicyDesk, PolicyResult
from domain.errors import Fault, Invalid
from domain.permissions import Permission
from domain.policy import commands
from domain.policy.rulebook import Rulebook
from infrastructure.policies.files import parse_rulebook


@post("/policies", needs=Permission.PROPOSE_POLICIES, summary="Propose a policy")
def propose_policy(
    command: CommandRequest, data: JSONBody[commands.ProposePolicy]
) -> Response[PolicyView]:
    """To replace the active policy. The answer says in words what would change."""
    rulebook = _rulebook_of_body(data.document)
    return _run(command, lambda desk, by: desk.propose(rulebook, data.why, data.revises, by))


@post(
    "/policies/emergency",
    needs=Permission.ACTIVATE_POLICIES,
    summary="Change the policy in an emergency",
)
def emergency_policy(
    command: CommandRequest, data: JSONBody[commands.EmergencyPolicy]
) -> Response[PolicyView]:
    """Activates the policy at once, without approval. Unless another person ratifies it, it expires,
    and the policy before it becomes active again. It may only make a kind's automation stricter, add to
    `automation_pauses_when`, and change routes, priorities, backlogs and calendars."""
    rulebook = _rulebook_of_body(data.document)
    return _run(
        command, lambda desk, by: desk.emergency(rulebook, data.reason, data.expires_at, by)
    )


def _rulebook_of_body(document: dict[str, Any]) -> Rulebook:
    """Raises Invalid, with pointers into the body."""
    try:
        return parse_rulebook(document)
    except Invalid as refused:
        faults = [Fault(f"/document{fault.pointer}", fault.detail) for fault in refused.faults]
        raise Invalid(faults, "the policy") from None


def _run(
    command: CommandRequest, act: Callable[[PolicyDesk, Caller], PolicyResult]
) -> Response[Any]:
    desk = command.service.desks.policy
    return command.run(lambda by: act(desk, by), lambda result: result, policy_response)


def _command(
    name: str,
    needs: Permission,
    summary: str,
    doc: str,
    kind: Any,
    act: Callable[[PolicyDesk, str, Any, Caller], PolicyResult],
) -> HTTPRouteHandler:
    """The route of a command on a policy (by version or digest); `kind` is the type of its body."""

    def handler(command: CommandRequest, version: FromPath[str], data: Any) -> Response[PolicyView]:
        return _run(command, lambda desk, by: act(desk, version, data, by))

    path = f"/policies/{{version:str}}/{name}"
    return post(path, needs=needs, summary=summary)(
        configure_command_handler(handler, f"{name}_policy", doc, kind)
    )


POLICY_COMMANDS: tuple[HTTPRouteHandler, ...] = (
    propose_policy,
    emergency_policy,
    _command(
        "approve",
        Permission.APPROVE_POLICIES,
        "Approve a proposed policy",
        "By a person who is not an author. Send the `base` version that you compared it with.",
        commands.ApprovePolicy,
        lambda desk, version, data, by: desk.approve(version, data.note, data.base, by),
    ),
    _command(
        "reject",
        Permission.APPROVE_POLICIES,
        "Reject a policy that is not active",
        "It may be proposed, approved or scheduled. It can be proposed again.",
        commands.DropPolicy,
        lambda desk, version, data, by: desk.reject(version, data.reason, by),
    ),
    _command(
        "withdraw",
        Permission.PROPOSE_POLICIES,
        "Withdraw your policy",
        "By one of its authors, before it is active.",
        commands.DropPolicy,
        lambda desk, version, data, by: desk.withdraw(version, data.reason, by),
    ),
    _command(
        "activate",
        Permission.ACTIVATE_POLICIES,
        "Activate an approved policy",
        "At once, or at `effective_from`. It must have been simulated against the active policy. Open orders are "
        "then re-evaluated under it.",
        commands.ActivatePolicy,
        lambda desk, version, data, by: desk.activate(version, data.effective_from, data.note, by),
    ),
    _command(
        "rollback",
        Permission.ACTIVATE_POLICIES,
        "Roll back to an earlier policy",
        "Activates its rules again at once, under a new version, which the answer contains. What may differ is "
        "limited as in an emergency.",
        commands.RollBack,
        lambda desk, version, data, by: desk.roll_back(version, data.version, data.reason, by),
    ),
    _command(
        "ratify",
        Permission.APPROVE_POLICIES,
        "Ratify an emergency change",
        "By a person who did not make it. Then it does not expire.",
        commands.RatifyPolicy,
        lambda desk, version, data, by: desk.ratify(version, data.note, by),
    ),
)
