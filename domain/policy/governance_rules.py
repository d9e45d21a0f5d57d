"""Rules of policy governance: each raises the error of the rule that forbids a command."""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta

from domain.people import Actor
from domain.permissions import Permission
from domain.policy import errors
from domain.policy.document import PolicyDocument, canonical_content, digest_of
from domain.policy.emergency_limits import (
    changes_routing,
    find_calendar_faults,
    find_emergency_faults,
)
from domain.policy.governance import Governance
from domain.policy.versions import Policy, PolicyAction, PolicyState

SIMULATED_DAYS = 7
"""A simulation counts if it is of at least so many days, and not older than this."""
NamesOf = Callable[[Iterable[str]], Collection[str]]
"""All names, as the log has them now, of the persons with these names."""
HadRole = Callable[[str, PolicyAction, Permission], bool]
"""Whether a person had the permission when they acted; a role that is void by the names known now gave none."""


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
    active = governed.activation_at(now)
    if active is not None and active.is_by_one_person:
        # Its change would become part of the policy, and nobody but its author was asked about it.
        raise create_state_error(
            governed,
            in_force,
            now,
            f"is an emergency change that version {policy.version} is based on: ratify it, or propose "
            "again after it has expired",
        )
    return in_force


def require_nothing_scheduled(governed: Governance, now: datetime, before: str) -> None:
    if (scheduled := governed.scheduled(now)) is not None:
        other = governed.policies[scheduled.digest]
        raise create_state_error(governed, other, now, f"must take effect before {before}")


def require_two_persons(policy: Policy, names_of: NamesOf) -> None:
    """Require that an author and the approver are two persons still: names may have been linked since."""
    approval = policy.last("policy.approved")
    approvers = {*names_of(approval.by.persons)} if approval is not None else set()
    if approval is None or approvers & {*names_of(policy.authors)}:
        who = describe_action(approval) if approval is not None else "nobody approved it"
        raise errors.AuthorMayNotDecide(
            f"an author of version {policy.version} and its approver are the same person ({who}): reject it, "
            "propose it again, and let another person approve it",
            authors=sorted(policy.authors),
        )


def require_roles_held(
    policy: Policy, acts: Iterable[tuple[str, Permission]], had_role: HadRole
) -> None:
    """Require that the person who did each of these acts last had a role that allows it, by the names known now."""
    for what, needs in acts:
        act = policy.last(what)
        # A delegate acts with the permissions of the person, who comes first.
        for name in act.by.persons[:1] if act is not None else ():
            if act is not None and not had_role(name, act, needs):
                raise errors.PolicyActsNoLongerHold(
                    f"version {policy.version}: {describe_action(act)}, and {name} had no valid role with the permission "
                    f"{needs}: reject it, and propose it again",
                    act=act.what,
                    persons=list(act.by.persons),
                    at=act.at.isoformat(),
                )


def require_simulation(policy: Policy, in_force: Policy, now: datetime) -> None:
    days = timedelta(days=SIMULATED_DAYS)
    if not any(
        one.against == in_force.digest and one.until - one.since >= days and one.until >= now - days
        for one in policy.simulations
    ):
        raise errors.SimulationMissing(
            f"version {policy.version} has no simulation of at least {SIMULATED_DAYS} days against version "
            f"{in_force.version}, which is in force: run `casetrail policy simulate {policy.version}`",
            in_force=in_force.digest,
        )


def require_change(document: PolicyDocument, base: Policy) -> None:
    if canonical_content(document) == canonical_content(base.document):
        raise errors.PolicyUnchanged(
            f"apart from version and summary, {document.version} says the same as version "
            f"{base.version}, which is in force"
        )


def require_changeable_alone(
    governed: Governance,
    document: PolicyDocument,
    by: Actor,
    now: datetime,
    own_queues: Collection[str],
    what: str,
) -> None:
    """Require that one person may make this change to the policy that two people approved.

    `own_queues` are the queues that the person has grants for.
    """
    approved = governed.approved_at(now) or require_policy_in_force(governed, now)
    faults = find_emergency_faults(approved.document, document)
    faults += find_calendar_faults(approved.document, document, now)
    if faults:
        raise errors.ChangeNeedsApproval(faults, what)
    if own_queues and changes_routing(approved.document, document):
        raise errors.RoutesOwnGrants(
            f"{what} would change which cases go where, and {by.person} has grants limited to queues: "
            f"{', '.join(sorted(own_queues))}",
            queues=sorted(own_queues),
        )


def require_no_chain(
    governed: Governance, by: Actor, now: datetime, names_of: NamesOf = frozenset
) -> None:
    """Require that this person's emergency changes since two people last decided were ratified: one after another
    would be a policy of one person without an end."""
    own = {*names_of(by.persons)}
    for active in reversed([one for one in governed.reigns if one.starts_at <= now]):
        if active.is_by_one_person and own & {*names_of(active.by.persons)}:
            earlier = governed.policies[active.digest]
            raise create_state_error(
                governed,
                earlier,
                now,
                f"is the last emergency change of {by.person}, and nobody ratified it",
                ". Another person can ratify it while it is in force, or make the next emergency change; or two people "
                "activate a policy. You can still roll back",
            )
        if not active.is_by_one_person and not active.is_rollback:
            return


def create_state_error(
    governed: Governance, policy: Policy, now: datetime, what: str, advice: str = ""
) -> errors.PolicyStateWrong:
    state = governed.state(policy, now)
    name = str(state).replace("_", " ")
    # A simulation changes no state.
    last = next((act for act in reversed(policy.acts) if act.what != "policy.simulated"), None)
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
