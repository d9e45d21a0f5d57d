"""Policies: all versions, their states, and their differences."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from litestar.params import FromPath, QueryParameter
from msgspec import UNSET, Struct

from api.http.authentication import AuthenticatedRequest
from api.http.concurrency import get
from api.http.responses import CommandResponse
from api.http.service import ServiceDependency
from application.policy.policy_desk import PolicyResult
from domain.permissions import Permission
from domain.policy.differences import find_differences
from domain.policy.document import PolicyDocument
from domain.policy.events import PolicySimulated
from domain.policy.governance import Governance
from domain.policy.governance_decisions import require_policy
from domain.policy.holidays import holiday_notices
from domain.policy.money_figures import MoneyFigures
from domain.policy.rechecks import Recheck
from domain.policy.simulation_figures import SimulationFigures
from domain.policy.versions import Policy, PolicyState
from domain.struct_fields import fill

_logger = logging.getLogger("casetrail.policy")


class ActView(Struct, frozen=True):
    """An act on a policy; `person` is null for an act of the system."""

    what: str
    person: str | None
    principal: str
    at: datetime
    note: str


class PolicyLine(Struct, frozen=True):
    """A summary of a policy. `base` is the version that it was proposed to replace."""

    version: str
    digest: str
    policy: str
    summary: str
    state: PolicyState
    base: str | None
    authors: Sequence[str]
    effective_from: datetime | None
    """The start of its current or last activation."""
    expires_at: datetime | None
    """The end of an emergency change that is not ratified."""
    acts: Sequence[ActView]
    notices: Sequence[str]
    """What its owner has to do soon, such as add the holidays of later years. Empty once it no longer decides."""


class PolicyList(Struct, frozen=True):
    """Newest first."""

    items: Sequence[PolicyLine]


class DifferenceView(Struct, frozen=True):
    where: str
    how: str


class SimulationView(Struct, frozen=True):
    """The simulated results on recorded history; `against` is the version it is compared with."""

    against: str
    since: datetime
    until: datetime
    position: int
    figures: SimulationFigures
    money: MoneyFigures | None
    """The adjustments that were proposed, under both approval matrices."""


class RecheckView(Struct, frozen=True):
    """The progress of the re-evaluation of open orders, after this policy became active."""

    done_percent: int
    orders: int
    opened: int
    cleared: int
    changed: int
    began_at: datetime | None
    finished_at: datetime | None
    overtaken: bool


class PolicyView(PolicyLine, frozen=True):
    """A policy with its document, and its differences from the version `against`, in words."""

    document: PolicyDocument
    against: str | None
    differences: Sequence[DifferenceView]
    simulations: Sequence[SimulationView]
    recheck: RecheckView | None


_CURRENT: Final = {
    PolicyState.PROPOSED,
    PolicyState.APPROVED,
    PolicyState.SCHEDULED,
    PolicyState.IN_FORCE,
}
"""The states of a policy that decides, or may come to decide without being proposed again."""
AgainstVersion = Annotated[
    str | None,
    QueryParameter(description="The version or digest to compare it with [what it is based on]."),
]


@get("/policies", needs=Permission.READ_POLICIES, summary="List policies")
def list_policies(request: AuthenticatedRequest, service: ServiceDependency) -> PolicyList:
    """All versions, each with its state now and who did what with it."""
    governance, now = service.desks.policy.refresh(), service.desks.clock()
    policies = reversed([*governance.policies.values()])
    return PolicyList([PolicyLine(**_line(governance, policy, now)) for policy in policies])


@get("/policies/{version:str}", needs=Permission.READ_POLICIES, summary="Get a policy")
def get_policy(
    request: AuthenticatedRequest,
    version: FromPath[str],
    service: ServiceDependency,
    against: AgainstVersion = None,
) -> PolicyView:
    """By its version or digest. No version is ever removed."""
    governance = service.desks.policy.refresh()
    policy = require_policy(governance, version)
    other = require_policy(governance, against) if against is not None else None
    recheck = service.desks.rechecks.progress(policy.digest)
    return view_of(governance, policy, service.desks.clock(), other, recheck)


def policy_response(governed: PolicyResult) -> CommandResponse:
    return CommandResponse(view_of(governed.governance, governed.policy, governed.now))


def view_of(
    governance: Governance,
    policy: Policy,
    now: datetime,
    against: Policy | None = None,
    recheck: Recheck | None = None,
) -> PolicyView:
    base = governance.policies.get(policy.base or "")
    other = against or base
    found = find_differences(other.document, policy.document) if other is not None else ()
    return PolicyView(
        **_line(governance, policy, now),
        document=policy.document,
        against=other.version if other is not None else None,
        differences=[DifferenceView(difference.where, difference.how) for difference in found],
        simulations=[simulation_view(governance, event) for event in policy.simulations],
        recheck=fill(RecheckView, recheck) if recheck is not None else None,
    )


def simulation_view(governance: Governance, event: PolicySimulated) -> SimulationView:
    against = governance.policies[event.against].version
    money = None if event.money is UNSET else event.money
    return fill(SimulationView, event, against=against, money=money)


def _line(governance: Governance, policy: Policy, now: datetime) -> dict[str, Any]:
    state = governance.state(policy, now)
    base = governance.policies.get(policy.base or "")
    reign = next((r for r in reversed(governance.reigns) if r.digest == policy.digest), None)
    return {
        "version": policy.version,
        "digest": policy.digest,
        "policy": policy.document.policy,
        "summary": policy.document.summary,
        "state": state,
        "base": base.version if base is not None else None,
        "authors": sorted(policy.authors),
        "effective_from": reign.starts_at if reign is not None else None,
        "expires_at": reign.expires_at if reign is not None else None,
        "acts": [
            ActView(act.what, act.by.person, act.by.principal, act.at, act.note)
            for act in policy.acts
        ],
        "notices": _notices(policy, now) if state in _CURRENT else [],
    }


def _notices(policy: Policy, now: datetime) -> list[str]:
    try:
        return holiday_notices(policy.document, now)
    except Exception:
        # The answer may be to a command that is recorded already: it must not fail.
        _logger.exception("cannot compute the notices of policy version %s", policy.version)
        return []
