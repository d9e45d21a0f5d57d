"""The rules that govern policies: which one forbids it, and which earlier act it is held against."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from domain.people import Actor
from domain.policy.document import PolicyDocument, digest_of
from domain.policy.errors import (
    AuthorMayNotDecide,
    OnlyPersonsDecide,
    PolicyNotFound,
    PolicyOutOfDate,
    PolicyStateWrong,
    PolicyVersionReused,
)
from domain.policy.governance import Act, Governance, Policy, PolicyState


def deciding(governed: Governance, now: datetime) -> Policy:
    found = governed.in_force(now)
    if found is None:
        raise PolicyNotFound("no policy decides yet: `casetrail policy bootstrap` gives the first")
    return found


def must_keep_its_name(governed: Governance, document: PolicyDocument) -> Policy | None:
    """The policy with this version, if it is this very document."""
    digest = digest_of(document)
    known = governed.named(document.version)
    if known is not None and known.digest != digest:
        raise PolicyVersionReused(
            f"version {known.version} is a document with digest {known.digest[:12]}…, "
            f"this one has {digest[:12]}…"
        )
    return known


def must_be_a_person(by: Actor, what: str) -> None:
    if by.is_agent or not by.persons:
        who = f"{by.person}'s agent {by.via[-1]}" if by.is_agent else by.principal
        raise OnlyPersonsDecide(f"a person {what}, and {who} is none")


def must_not_have_written(
    policy: Policy, names: Collection[str], what: str, act: Act | None
) -> None:
    own = sorted(policy.authors & {*names})
    if own:
        told = f", and {told_of(act)}" if act is not None else ""
        raise AuthorMayNotDecide(
            f"{own[0]} wrote version {policy.version}, or what it revises{told}: "
            f"another person must {what} it",
            authors=sorted(policy.authors),
        )


def must_be(
    governed: Governance, policy: Policy, now: datetime, states: Iterable[PolicyState], what: str
) -> None:
    if governed.state(policy, now) not in states:
        raise wrong(governed, policy, now, what)


def must_be_based_on_what_decides(governed: Governance, policy: Policy, now: datetime) -> Policy:
    in_force = deciding(governed, now)
    if policy.base != in_force.digest:
        base = governed.policies[policy.base].version if policy.base else "none"
        raise PolicyOutOfDate(
            f"version {policy.version} was proposed to take the place of version {base}, and "
            f"version {in_force.version} decides by now. Propose it anew, held against that one",
            base=policy.base,
            in_force=in_force.digest,
        )
    return in_force


def wrong(governed: Governance, policy: Policy, now: datetime, what: str) -> PolicyStateWrong:
    state = governed.state(policy, now)
    last = policy.acts[-1] if policy.acts else None
    told = f" ({told_of(last)})" if last is not None else ""
    words = str(state).replace("_", " ")
    return PolicyStateWrong(
        f"version {policy.version} {what}: it is {words}{told}", state=state, version=policy.version
    )


def told_of(act: Act) -> str:
    """What was done, by whom and when."""
    who = act.by.person or act.by.principal
    return f"{act.what} by {who} at {act.at.isoformat()}"
