"""What people may do about policies: decisions that return an event, or raise what forbids it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from msgspec import UNSET, structs

from domain.errors import Fault, Invalid
from domain.people import Actor
from domain.policy.document import PolicyDocument, content_of, digest_of
from domain.policy.errors import (
    AuthorMayNotDecide,
    PolicyNotFound,
    PolicyOutOfDate,
    PolicyUnchanged,
    PolicyVersionReused,
)
from domain.policy.events import (
    PolicyActivated,
    PolicyApproved,
    PolicyEmergencyActivated,
    PolicyProposed,
    PolicyRatified,
    PolicyRejected,
    PolicyRolledBack,
    PolicyWithdrawn,
)
from domain.policy.governance import Governance, Policy, PolicyState
from domain.policy.governance_rules import (
    deciding,
    must_be,
    must_be_a_person,
    must_be_based_on_what_decides,
    must_keep_its_name,
    must_not_have_written,
    wrong,
)

LONGEST_EMERGENCY = timedelta(days=3)
USUAL_EMERGENCY = timedelta(days=1)
FURTHEST = timedelta(days=366)
_P = PolicyState
_ALIVE = (_P.PROPOSED, _P.APPROVED)
_CLOSED = (_P.REJECTED, _P.WITHDRAWN, _P.REVISED, _P.EXPIRED)


def propose(
    governed: Governance, document: PolicyDocument, why: str, revises: str | None, now: datetime
) -> PolicyProposed:
    base = deciding(governed, now)
    known = must_keep_its_name(governed, document)
    if known is not None:
        state = governed.state(known, now)
        is_stale = known.base != base.digest and state in _ALIVE
        if not is_stale and state not in _CLOSED:
            raise wrong(governed, known, now, "is known already")
    if content_of(document) == content_of(base.document):
        raise PolicyUnchanged(
            f"but for its version and summary, {document.version} says what version "
            f"{base.version} says, which decides now"
        )
    earlier = policy_named(governed, revises) if revises is not None else None
    if earlier is not None and governed.state(earlier, now) not in _ALIVE:
        raise wrong(governed, earlier, now, "cannot be revised")
    return PolicyProposed(
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
) -> PolicyApproved:
    """`known_as` are other names of whoever it is: nobody sheds having written it with a name."""
    must_be_a_person(by, "approves a policy")
    must_be(governed, policy, now, (_P.PROPOSED,), "cannot be approved")
    must_not_have_written(
        policy, {*by.persons, *known_as}, "approve", policy.last("policy.proposed")
    )
    in_force = must_be_based_on_what_decides(governed, policy, now)
    if base is not None and base != in_force.digest:
        raise PolicyOutOfDate(
            f"you held version {policy.version} against the policy {base[:12]}…, and by now it is "
            f"to take the place of version {in_force.version}",
            base=base,
            in_force=in_force.digest,
        )
    return PolicyApproved(digest=policy.digest, base=in_force.digest, note=note)


def reject(
    governed: Governance, policy: Policy, reason: str, by: Actor, now: datetime
) -> PolicyRejected:
    must_be_a_person(by, "rejects a policy")
    must_be(governed, policy, now, (*_ALIVE, _P.SCHEDULED), "cannot be rejected")
    return PolicyRejected(digest=policy.digest, reason=reason)


def withdraw(
    governed: Governance, policy: Policy, reason: str, by: Actor, now: datetime
) -> PolicyWithdrawn:
    must_be(governed, policy, now, (*_ALIVE, _P.SCHEDULED), "cannot be withdrawn")
    if not policy.authors & {*by.persons}:
        names = ", ".join(sorted(policy.authors))
        raise AuthorMayNotDecide(
            f"version {policy.version} is {names}'s: an author withdraws it, others reject it",
            authors=sorted(policy.authors),
        )
    return PolicyWithdrawn(digest=policy.digest, reason=reason)


def activate(
    governed: Governance,
    policy: Policy,
    effective_from: datetime | None,
    note: str,
    by: Actor,
    now: datetime,
) -> PolicyActivated:
    must_be_a_person(by, "activates a policy")
    must_be(governed, policy, now, (_P.APPROVED,), "cannot be activated")
    must_be_based_on_what_decides(governed, policy, now)
    if (scheduled := governed.scheduled(now)) is not None:
        other = governed.policies[scheduled.digest]
        raise wrong(governed, other, now, f"has its turn before {policy.version} can have one")
    if effective_from is not None and not now <= effective_from <= now + FURTHEST:
        detail = f"must be from now ({now.isoformat()}) on, at most {FURTHEST.days} days ahead"
        raise Invalid([Fault("/effective_from", detail)], "the activation")
    return PolicyActivated(
        document=policy.document,
        digest=policy.digest,
        effective_from=effective_from if effective_from is not None else UNSET,
        note=note or UNSET,
    )


def roll_back(
    governed: Governance, to: Policy, version: str | None, reason: str, by: Actor, now: datetime
) -> PolicyRolledBack:
    """What once was approved decides again, at once. It needs no second approval."""
    must_be_a_person(by, "rolls a policy back")
    must_be(governed, to, now, (_P.RETIRED,), "cannot be gone back to")
    base = deciding(governed, now)
    if content_of(to.document) == content_of(base.document):
        raise PolicyUnchanged(f"what version {to.version} says is what decides now")
    name = version or _next_name(to.version, {one.version for one in governed.policies.values()})
    document = structs.replace(to.document, version=name)
    if governed.named(name) is not None:
        raise PolicyVersionReused(f"version {name} is there already: name another")
    return PolicyRolledBack(
        document=document, digest=digest_of(document), to=to.version, reason=reason
    )


def emergency(
    governed: Governance,
    document: PolicyDocument,
    reason: str,
    expires_at: datetime | None,
    by: Actor,
    now: datetime,
) -> PolicyEmergencyActivated:
    must_be_a_person(by, "changes a policy in an emergency")
    base = deciding(governed, now)
    known = must_keep_its_name(governed, document)
    if known is not None and governed.state(known, now) not in (*_ALIVE, *_CLOSED):
        raise wrong(governed, known, now, "is known already")
    content = content_of(document)
    if content == content_of(base.document):
        raise PolicyUnchanged(f"version {base.version}, which decides now, says the same")
    for other in governed.policies.values():
        if governed.state(other, now) is _P.EXPIRED and content_of(other.document) == content:
            raise wrong(governed, other, now, "is this very change, and must be approved now")
    until = expires_at or now + USUAL_EMERGENCY
    if not now < until <= now + LONGEST_EMERGENCY:
        days = LONGEST_EMERGENCY.days
        detail = f"must be after now ({now.isoformat()}), at most {days} days ahead"
        raise Invalid([Fault("/expires_at", detail)], "the emergency")
    return PolicyEmergencyActivated(
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
) -> PolicyRatified:
    must_be_a_person(by, "ratifies an emergency change")
    reign = governed.reign(now)
    if reign is None or reign.digest != policy.digest or reign.expires_at is None:
        raise wrong(governed, policy, now, "is no emergency change that decides now")
    must_not_have_written(
        policy, {*by.persons, *known_as}, "ratify", policy.last("policy.emergency_activated")
    )
    return PolicyRatified(digest=policy.digest, note=note)


def policy_named(governed: Governance, name: str) -> Policy:
    """By version or digest. Raises PolicyNotFound."""
    found = governed.named(name)
    if found is None:
        known = ", ".join(one.version for one in governed.policies.values())
        raise PolicyNotFound(f"no policy {name}; versions are: {known}")
    return found


def _next_name(version: str, taken: set[str]) -> str:
    """`7` becomes `7-r1`, then `7-r2`."""
    number = 1
    while (name := f"{version[:28]}-r{number}") in taken:
        number += 1
    return name
