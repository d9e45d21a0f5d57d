"""What people do about policies: each is one entry of the table at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar import Response
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody, RawBody

from api.http.commands import as_command, carry_out
from api.http.concurrency import post
from api.http.query import IdempotencyKey
from api.http.service import Service
from api.routes.cases import Asking
from api.routes.policies import PolicyView, policy_answer
from application.log.caller import Caller
from application.policy.policy_desk import Governed, PolicyDesk
from domain.errors import Fault, Invalid
from domain.permissions import Permission
from domain.policy.policy_commands import (
    ActivatePolicy,
    ApprovePolicy,
    DropPolicy,
    EmergencyPolicy,
    ProposePolicy,
    RatifyPolicy,
    RollBack,
)
from domain.policy.rulebook import Rulebook
from infrastructure.policies.files import rulebook_of

Told = tuple[Governed, int]


@post(
    "/policies",
    needs=Permission.PROPOSE_POLICIES,
    status_code=200,
    summary="Propose a policy",
)
def propose_policy(
    request: Asking,
    service: NamedDependency[Service],
    data: JSONBody[ProposePolicy],
    body: RawBody,
    key: IdempotencyKey = None,
) -> Response[PolicyView]:
    """To take the place of the one that decides now. The answer says in words what would change."""
    rulebook = _rulebook(data.document)
    desk = service.desks.policy

    def work(by: Caller) -> Told:
        return _told(desk.propose(rulebook, data.why, data.revises, by))

    return carry_out(request, service, body, key, work, policy_answer)


@post(
    "/policies/emergency",
    needs=Permission.ACTIVATE_POLICIES,
    status_code=200,
    summary="Change the policy in an emergency",
)
def emergency_policy(
    request: Asking,
    service: NamedDependency[Service],
    data: JSONBody[EmergencyPolicy],
    body: RawBody,
    key: IdempotencyKey = None,
) -> Response[PolicyView]:
    """It decides at once, approved by nobody, and expires by itself unless another person ratifies
    it: then what decided before decides again."""
    rulebook = _rulebook(data.document)
    desk = service.desks.policy

    def work(by: Caller) -> Told:
        return _told(desk.emergency(rulebook, data.reason, data.expires_at, by))

    return carry_out(request, service, body, key, work, policy_answer)


def _rulebook(document: dict[str, Any]) -> Rulebook:
    """Raises Invalid, with the places as they are in the body."""
    try:
        return rulebook_of(document)
    except Invalid as refused:
        faults = [Fault(f"/document{fault.pointer}", fault.detail) for fault in refused.faults]
        raise Invalid(faults, "the policy") from None


def _told(governed: Governed) -> Told:
    return governed, governed.position


def _command(
    name: str,
    needs: Permission,
    words: str,
    doc: str,
    kind: Any,
    act: Callable[[PolicyDesk, str, Any, Caller], Governed],
) -> HTTPRouteHandler:
    """A command on a policy, named by its version or digest, whose body is of this type."""

    def handler(
        request: Asking,
        version: FromPath[str],
        service: NamedDependency[Service],
        data: Any,
        body: RawBody,
        key: IdempotencyKey = None,
    ) -> Response[PolicyView]:
        def work(by: Caller) -> Told:
            return _told(act(service.desks.policy, version, data, by))

        return carry_out(request, service, body, key, work, policy_answer)

    path = f"/policies/{{version:str}}/{name}"
    return post(path, needs=needs, status_code=200, summary=words)(
        as_command(handler, f"{name}_policy", doc, kind)
    )


POLICY_COMMANDS: tuple[HTTPRouteHandler, ...] = (
    propose_policy,
    emergency_policy,
    _command(
        "approve",
        Permission.APPROVE_POLICIES,
        "Approve a proposed policy",
        "By another person than its authors. Say the `base` that you held it against.",
        ApprovePolicy,
        lambda desk, version, ask, by: desk.approve(version, ask.note, ask.base, by),
    ),
    _command(
        "reject",
        Permission.APPROVE_POLICIES,
        "Reject a policy that does not decide yet",
        "Proposed, approved or scheduled: it may be proposed anew.",
        DropPolicy,
        lambda desk, version, ask, by: desk.reject(version, ask.reason, by),
    ),
    _command(
        "withdraw",
        Permission.PROPOSE_POLICIES,
        "Withdraw a policy of one's own",
        "By one of its authors, as long as it does not decide.",
        DropPolicy,
        lambda desk, version, ask, by: desk.withdraw(version, ask.reason, by),
    ),
    _command(
        "activate",
        Permission.ACTIVATE_POLICIES,
        "Let an approved policy decide",
        "At once, or from `effective_from` on. Open orders are looked at under it, soon after.",
        ActivatePolicy,
        lambda desk, version, ask, by: desk.activate(version, ask.effective_from, ask.note, by),
    ),
    _command(
        "rollback",
        Permission.ACTIVATE_POLICIES,
        "Go back to a policy that decided before",
        "Its rules decide again at once, under a version of their own, which the answer tells.",
        RollBack,
        lambda desk, version, ask, by: desk.roll_back(version, ask.version, ask.reason, by),
    ),
    _command(
        "ratify",
        Permission.APPROVE_POLICIES,
        "Ratify an emergency change",
        "By another person than who made it: it does not expire then.",
        RatifyPolicy,
        lambda desk, version, ask, by: desk.ratify(version, ask.note, by),
    ),
)
