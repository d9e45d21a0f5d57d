"""The commands of policy governance: each returns its event, or raises why it is forbidden."""

from collections.abc import Collection
from datetime import datetime, timedelta

from msgspec import UNSET, structs

from domain.errors import Fault, Invalid
from domain.people import Actor
from domain.policy import errors, events
from domain.policy.document import PolicyDocument, canonical_content, digest_of
from domain.policy.governance import Governance, Policy, PolicyState
from domain.policy.governance_rules import (
    create_state_error,
    require_current_base,
    require_not_author,
    require_person,
    require_policy_in_force,
    require_state,
    require_version_unchanged,
)

MAX_EMERGENCY_DURATION = timedelta(days=3)
DEFAULT_EMERGENCY_DURATION = timedelta(days=1)
MAX_SCHEDULING_HORIZON = timedelta(days=366)
_P = PolicyState
_PENDING_STATES = (_P.PROPOSED, _P.APPROVED)
_CLOSED_STATES = (_P.REJECTED, _P.WITHDRAWN, _P.REVISED, _P.EXPIRED)
_NEW_VERSION = ". Nothing was changed: to propose a change, give the document a new `version`"


def propose(
    governed: Governance, document: PolicyDocument, why: str, revises: str | None, now: datetime
) -> events.PolicyProposed:
    base = require_policy_in_force(governed, now)
    known = require_version_unchanged(governed, document)
    if known is not None:
        state = governed.state(known, now)
        is_stale = known.base != base.digest and state in _PENDING_STATES
        if not is_stale and state not in _CLOSED_STATES:
            raise create_state_error(governed, known, now, "exists already", _NEW_VERSION)
    _require_change(document, base)
    earlier = require_policy(governed, revises) if revises is not None else None
    if earlier is not None and governed.state(earlier, now) not in _PENDING_STATES:
        raise create_state_error(governed, earlier, now, "cannot be revised")
    return events.PolicyProposed(
        document=document,
        digest=digest_of(document),
        base=base.digest,
        why=why,
        revises=earlier.digest if earlier is not None else UNSET,
    )


def approve(
    governed: Governance,
    policy: Policy,
    note: str,
    base: str | None,
    by: Actor,
    now: datetime,
    known_as: Collection[str] = (),
) -> events.PolicyApproved:
    """`known_as` are other names of the same person: an author under another name is still an author."""
    require_person(by, "approves a policy")
    require_state(governed, policy, now, (_P.PROPOSED,), "cannot be approved")
    require_not_author(policy, {*by.persons, *known_as}, "approve", policy.last("policy.proposed"))
    in_force = require_current_base(governed, policy, now)
    if base is not None and base != in_force.digest:
        raise errors.PolicyOutOfDate(
            f"you compared version {policy.version} with the policy {base[:12]}…, but version "
            f"{in_force.version} is in force now: compare it with that one",
            base=base,
            in_force=in_force.digest,
        )
    return events.PolicyApproved(digest=policy.digest, base=in_force.digest, note=note)


def reject(
    governed: Governance, policy: Policy, reason: str, by: Actor, now: datetime
) -> events.PolicyRejected:
    require_person(by, "rejects a policy")
    require_state(governed, policy, now, (*_PENDING_STATES, _P.SCHEDULED), "cannot be rejected")
    return events.PolicyRejected(digest=policy.digest, reason=reason)


def withdraw(
    governed: Governance, policy: Policy, reason: str, by: Actor, now: datetime
) -> events.PolicyWithdrawn:
    require_state(governed, policy, now, (*_PENDING_STATES, _P.SCHEDULED), "cannot be withdrawn")
    if not policy.authors & {*by.persons}:
        names = ", ".join(sorted(policy.authors))
        raise errors.AuthorMayNotDecide(
            f"{names} wrote version {policy.version}: only an author can withdraw it; reject it instead",
            authors=sorted(policy.authors),
        )
    return events.PolicyWithdrawn(digest=policy.digest, reason=reason)


def activate(
    governed: Governance,
    policy: Policy,
    effective_from: datetime | None,
    note: str,
    by: Actor,
    now: datetime,
) -> events.PolicyActivated:
    require_person(by, "activates a policy")
    require_state(governed, policy, now, (_P.APPROVED,), "cannot be activated")
    require_current_base(governed, policy, now)
    if (scheduled := governed.scheduled(now)) is not None:
        other = governed.policies[scheduled.digest]
        raise create_state_error(
            governed, other, now, f"must take effect before version {policy.version} is activated"
        )
    if effective_from is not None and not now <= effective_from <= now + MAX_SCHEDULING_HORIZON:
        days = MAX_SCHEDULING_HORIZON.days
        detail = f"must be from now ({now.isoformat()}) to {days} days ahead"
        raise Invalid([Fault("/effective_from", detail)], "the activation")
    return events.PolicyActivated(
        document=policy.document,
        digest=policy.digest,
        effective_from=effective_from if effective_from is not None else UNSET,
        note=note or UNSET,
    )


def roll_back(
    governed: Governance, to: Policy, version: str | None, reason: str, by: Actor, now: datetime
) -> events.PolicyRolledBack:
    """Put an earlier policy in force again, at once. It needs no second approval."""
    require_person(by, "rolls a policy back")
    require_state(governed, to, now, (_P.RETIRED,), "cannot be rolled back to")
    base = require_policy_in_force(governed, now)
    _require_change(to.document, base)
    name = version or _next_rollback_version(
        to.version, {p.version for p in governed.policies.values()}
    )
    document = structs.replace(to.document, version=name)
    if governed.named(name) is not None:
        raise errors.PolicyVersionReused(f"version {name} exists already: choose another name")
    return events.PolicyRolledBack(
        document=document, digest=digest_of(document), to=to.version, reason=reason
    )


def activate_emergency(
    governed: Governance,
    document: PolicyDocument,
    reason: str,
    expires_at: datetime | None,
    by: Actor,
    now: datetime,
) -> events.PolicyEmergencyActivated:
    require_person(by, "changes a policy in an emergency")
    base = require_policy_in_force(governed, now)
    known = require_version_unchanged(governed, document)
    if known is not None and governed.state(known, now) not in (*_PENDING_STATES, *_CLOSED_STATES):
        raise create_state_error(governed, known, now, "exists already", _NEW_VERSION)
    _require_change(document, base)
    content = canonical_content(document)
    for other in governed.policies.values():
        if (
            governed.state(other, now) is _P.EXPIRED
            and canonical_content(other.document) == content
        ):
            raise create_state_error(
                governed, other, now, "is the same change and now needs an approval"
            )
    until = expires_at or now + DEFAULT_EMERGENCY_DURATION
    if not now < until <= now + MAX_EMERGENCY_DURATION:
        days = MAX_EMERGENCY_DURATION.days
        detail = f"must be after now ({now.isoformat()}) and at most {days} days ahead"
        raise Invalid([Fault("/expires_at", detail)], "the emergency change")
    return events.PolicyEmergencyActivated(
        document=document,
        digest=digest_of(document),
        base=base.digest,
        reason=reason,
        expires_at=until,
    )


def ratify(
    governed: Governance,
    policy: Policy,
    note: str,
    by: Actor,
    now: datetime,
    known_as: Collection[str] = (),
) -> events.PolicyRatified:
    require_person(by, "ratifies an emergency change")
    active = governed.activation_at(now)
    if active is None or active.digest != policy.digest or active.expires_at is None:
        raise create_state_error(governed, policy, now, "is not an emergency change in force")
    require_not_author(
        policy, {*by.persons, *known_as}, "ratify", policy.last("policy.emergency_activated")
    )
    return events.PolicyRatified(digest=policy.digest, note=note)


def require_policy(governed: Governance, name: str) -> Policy:
    """The policy with this version or digest. Raises PolicyNotFound."""
    found = governed.named(name)
    if found is None:
        known = ", ".join(p.version for p in governed.policies.values())
        raise errors.PolicyNotFound(f"there is no policy {name}; versions are: {known}")
    return found


def _require_change(document: PolicyDocument, base: Policy) -> None:
    if canonical_content(document) == canonical_content(base.document):
        raise errors.PolicyUnchanged(
            f"apart from version and summary, {document.version} says the same as version "
            f"{base.version}, which is in force"
        )


def _next_rollback_version(version: str, taken: set[str]) -> str:
    """`7` becomes `7-r1`, then `7-r2`."""
    number = 1
    while (name := f"{version[:28]}-r{number}") in taken:
        number += 1
    return name
