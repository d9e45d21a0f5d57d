"""The commands of policy governance: each returns its event, or raises why it is forbidden."""

from collections.abc import Collection
from datetime import datetime, timedelta

from msgspec import UNSET, structs

from domain.errors import Fault, Invalid
from domain.people import Actor
from domain.permissions import Permission
from domain.policy import errors, events
from domain.policy.document import PolicyDocument, canonical_content, digest_of
from domain.policy.governance import Governance
from domain.policy.governance_rules import (
    HadRole,
    NamesOf,
    create_state_error,
    require_change,
    require_changeable_alone,
    require_current_base,
    require_no_chain,
    require_not_author,
    require_nothing_scheduled,
    require_person,
    require_policy_in_force,
    require_roles_held,
    require_simulation,
    require_state,
    require_two_persons,
    require_version_unchanged,
)
from domain.policy.versions import Policy, PolicyState

MAX_EMERGENCY_DURATION = timedelta(days=3)
DEFAULT_EMERGENCY_DURATION = timedelta(days=1)
MAX_SCHEDULING_HORIZON = timedelta(days=366)
_P = PolicyState
_PENDING_STATES = (_P.PROPOSED, _P.APPROVED)
_CLOSED_STATES = (_P.REJECTED, _P.WITHDRAWN, _P.REVISED, _P.EXPIRED)
_NEW_VERSION = ". Nothing was changed: to propose a change, give the document a new `version`"

_DECISIVE = (
    ("policy.proposed", Permission.PROPOSE_POLICIES),
    ("policy.approved", Permission.APPROVE_POLICIES),
)
_EMERGENCY = (("policy.emergency_activated", Permission.ACTIVATE_POLICIES),)


def _had_role(*_: object) -> bool:
    """Of decisions without people on record."""
    return True


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
    require_change(document, base)
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
    names_of: NamesOf = frozenset,
    had_role: HadRole = _had_role,
) -> events.PolicyActivated:
    require_person(by, "activates a policy")
    require_state(governed, policy, now, (_P.APPROVED,), "cannot be activated")
    in_force = require_current_base(governed, policy, now)
    require_two_persons(policy, names_of)
    require_roles_held(policy, _DECISIVE, had_role)
    require_simulation(policy, in_force, now)
    require_nothing_scheduled(governed, now, f"version {policy.version} is activated")
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
    governed: Governance,
    to: Policy,
    version: str | None,
    reason: str,
    by: Actor,
    now: datetime,
    own_queues: Collection[str] = (),
) -> events.PolicyRolledBack:
    """Put an earlier policy in force again, at once: one that an emergency change could put in force too,
    since one person decides it."""
    require_person(by, "rolls a policy back")
    require_state(governed, to, now, (_P.RETIRED,), "cannot be rolled back to")
    if all(active.is_by_one_person for active in governed.reigns if active.digest == to.digest):
        raise create_state_error(
            governed, to, now, "was an emergency change that nobody ratified, so it cannot return"
        )
    require_nothing_scheduled(governed, now, f"version {to.version} returns")
    base = require_policy_in_force(governed, now)
    require_change(to.document, base)
    what = f"a rollback to version {to.version}"
    require_changeable_alone(governed, to.document, by, now, own_queues, what)
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
    own_queues: Collection[str] = (),
    names_of: NamesOf = frozenset,
) -> events.PolicyEmergencyActivated:
    require_person(by, "changes a policy in an emergency")
    base = require_policy_in_force(governed, now)
    known = require_version_unchanged(governed, document)
    if known is not None and governed.state(known, now) not in (*_PENDING_STATES, *_CLOSED_STATES):
        raise create_state_error(governed, known, now, "exists already", _NEW_VERSION)
    require_change(document, base)
    require_changeable_alone(governed, document, by, now, own_queues, "the emergency change")
    content = canonical_content(document)
    for other in governed.policies.values():
        if (
            governed.state(other, now) is _P.EXPIRED
            and canonical_content(other.document) == content
        ):
            raise create_state_error(
                governed, other, now, "is the same change and now needs an approval"
            )
    require_no_chain(governed, by, now, names_of)
    return events.PolicyEmergencyActivated(
        document=document,
        digest=digest_of(document),
        base=base.digest,
        reason=reason,
        expires_at=_emergency_end(governed, expires_at, now),
        keeps_scheduled=True,
    )


def _emergency_end(governed: Governance, asked: datetime | None, now: datetime) -> datetime:
    """When the emergency change ends: before a scheduled policy takes effect, which two people decided."""
    days = MAX_EMERGENCY_DURATION.days
    latest, limit = now + MAX_EMERGENCY_DURATION, f"at most {days} days ahead"
    if (scheduled := governed.scheduled(now)) is not None and scheduled.starts_at < latest:
        latest, version = scheduled.starts_at, governed.policies[scheduled.digest].version
        limit = f"at most {latest.isoformat()}, when version {version} takes effect"
    until = asked or min(now + DEFAULT_EMERGENCY_DURATION, latest)
    if not now < until <= latest:
        detail = f"must be after now ({now.isoformat()}) and {limit}"
        raise Invalid([Fault("/expires_at", detail)], "the emergency change")
    return until


def ratify(
    governed: Governance,
    policy: Policy,
    note: str,
    by: Actor,
    now: datetime,
    known_as: Collection[str] = (),
    had_role: HadRole = _had_role,
) -> events.PolicyRatified:
    require_person(by, "ratifies an emergency change")
    active = governed.activation_at(now)
    if active is None or active.digest != policy.digest or active.expires_at is None:
        raise create_state_error(governed, policy, now, "is not an emergency change in force")
    require_not_author(
        policy, {*by.persons, *known_as}, "ratify", policy.last("policy.emergency_activated")
    )
    require_roles_held(policy, _EMERGENCY, had_role)
    require_nothing_scheduled(governed, now, f"version {policy.version} is ratified")
    return events.PolicyRatified(digest=policy.digest, note=note)


def require_policy(governed: Governance, name: str) -> Policy:
    """The policy with this version or digest. Raises PolicyNotFound."""
    found = governed.named(name)
    if found is None:
        known = ", ".join(p.version for p in governed.policies.values())
        raise errors.PolicyNotFound(f"there is no policy {name}; versions are: {known}")
    return found


def _next_rollback_version(version: str, taken: set[str]) -> str:
    """`7` becomes `7-r1`, then `7-r2`."""
    number = 1
    while (name := f"{version[:28]}-r{number}") in taken:
        number += 1
    return name
