"""Rules of policy governance: each raises the error of the rule that forbids a command."""

from collections.abc import Collection, Iterable
from datetime import datetime

from domain.people import Actor
from domain.policy import errors
from domain.policy.document import PolicyDocument, digest_of
from domain.policy.governance import Governance, Policy, PolicyAction, PolicyState


def require_policy_in_force(governed: Governance, now: datetime) -> Policy:
    """The policy in force. Raises PolicyNotFound without one."""
    found = governed.in_force(now)
    if found is None:
        raise errors.PolicyNotFound(
            "no policy is in force yet: load the first with `casetrail policy bootstrap FILE`"
        )
    return found


def require_version_unchanged(governed: Governance, document: PolicyDocument) -> Policy | None:
    """The policy with this document, or None. Raises PolicyVersionReused for another document."""
    digest = digest_of(document)
    known = governed.named(document.version)
    if known is not None and known.digest != digest:
        raise errors.PolicyVersionReused(
            f"version {known.version} has the digest {known.digest[:12]}…, this document has "
            f"{digest[:12]}…: give it a new version"
        )
    return known


def require_person(by: Actor, what: str) -> None:
    if by.is_agent or not by.persons:
        who = f"{by.person}'s agent {by.via[-1]}" if by.is_agent else by.principal
        raise errors.OnlyPersonsDecide(f"only a person {what}, and {who} is not a person")


def require_not_author(
    policy: Policy, names: Collection[str], what: str, act: PolicyAction | None
) -> None:
    own = sorted(policy.authors & {*names})
    if own:
        cited = f" ({describe_action(act)})" if act is not None else ""
        raise errors.AuthorMayNotDecide(
            f"{own[0]} wrote version {policy.version} or a version that it revises{cited}: "
            f"another person must {what} it",
            authors=sorted(policy.authors),
        )


def require_state(
    governed: Governance, policy: Policy, now: datetime, states: Iterable[PolicyState], what: str
) -> None:
    if governed.state(policy, now) not in states:
        raise create_state_error(governed, policy, now, what)


def require_current_base(governed: Governance, policy: Policy, now: datetime) -> Policy:
    in_force = require_policy_in_force(governed, now)
    if policy.base != in_force.digest:
        base = governed.policies[policy.base].version if policy.base else "none"
        raise errors.PolicyOutOfDate(
            f"version {policy.version} was proposed to replace version {base}, but version "
            f"{in_force.version} is in force now: compare it with that one and propose it again",
            base=policy.base,
            in_force=in_force.digest,
        )
    return in_force


def create_state_error(
    governed: Governance, policy: Policy, now: datetime, what: str, advice: str = ""
) -> errors.PolicyStateWrong:
    state = governed.state(policy, now)
    name = str(state).replace("_", " ")
    last = policy.acts[-1] if policy.acts else None
    cited = f" ({describe_action(last)})" if last is not None else ""
    return errors.PolicyStateWrong(
        f"version {policy.version} {what}: it is {name}{cited}{advice}",
        state=state,
        version=policy.version,
    )


def describe_action(act: PolicyAction) -> str:
    """An action in words: what, by whom and when."""
    who = act.by.person or act.by.principal
    return f"{act.what} by {who} at {act.at.isoformat()}"
