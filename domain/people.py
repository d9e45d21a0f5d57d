"""People and the principals that act for them.

Every event names a principal and, where one stands behind it, the person. System principals (the
policy, the timekeeper) act for nobody and hold no duty.

What a person may is a matter of grants, each with its scope, its time and its reason. They are events
of the person's stream: who could have done something at a time is a fold up to that time.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, TypeAlias, assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from domain.policy.document_types import Name
from domain.regions import Region
from domain.texts import PATTERN_END, one_line

PEOPLE_NAMESPACE = uuid5(NAMESPACE_URL, "casetrail:people")
TOKENS_NAMESPACE = uuid5(NAMESPACE_URL, "casetrail:tokens")

PersonName = Annotated[str, Meta(pattern="^[a-z][a-z0-9_.-]{0,63}" + PATTERN_END)]
GrantId = Annotated[str, Meta(pattern="^g[1-9][0-9]{0,5}" + PATTERN_END)]
Reason = Annotated[str, one_line(500, least=1)]


class Role(StrEnum):
    HANDLER = "handler"
    EXCEPTION_SPECIALIST = "exception_specialist"
    TEAM_LEAD = "team_lead"
    OPS_MANAGER = "ops_manager"
    FINANCE_APPROVER = "finance_approver"
    QA_ANALYST = "qa_analyst"
    GOVERNANCE_OWNER = "governance_owner"
    AUDITOR = "auditor"
    INTEGRATOR = "integrator"
    PRIVACY_OFFICER = "privacy_officer"


class Actor(Struct, frozen=True, gc=False, omit_defaults=True):
    """Who did it: the principal (`key:…`, `system:…`) and the person behind it, if any."""

    principal: str
    person: str | None = None
    via: tuple[str, ...] = ()
    """The agents through which it came, the one that asked first (RFC 8693, `act`)."""
    delegate: str | None = None
    """Whose hands it was, where somebody acts for the person."""
    under: str | None = None
    """The break-glass without which it could not have been done (`break-glass:…`)."""

    @property
    def persons(self) -> tuple[str, ...]:
        """Everybody whose act it counts as: nobody sheds a duty by acting for somebody else."""
        return tuple(one for one in (self.person, self.delegate) if one is not None)

    @property
    def is_agent(self) -> bool:
        return bool(self.via)


POLICY_ACTOR = Actor("system:policy")
TIMEKEEPER_ACTOR = Actor("system:timekeeper")
ERASER_ACTOR = Actor("system:eraser")
"""Whatever destroys keys once people have ordered it."""
PAYER_ACTOR = Actor("system:payer")
"""Whatever looks after payments that people have ordered."""
OPERATOR_ACTOR = Actor("system:operator")
"""Whoever runs the command line beside the database."""


def person_stream(name: str) -> UUID:
    return uuid5(PEOPLE_NAMESPACE, name)


def token_stream(digest: str) -> UUID:
    """A token has a stream of its own, found from the token alone: whoever holds it is known as
    soon as it is issued, however far the reports have come."""
    return uuid5(TOKENS_NAMESPACE, digest)


class PersonAdded(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="person.added"):
    """Each of the roles is a grant without scope and without end: `g1`, `g2` …, in this order."""

    name: PersonName
    roles: tuple[Role, ...]
    skills: tuple[Name, ...] = ()
    """Which work claim-next offers; without any, all of it."""


class PersonGranted(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="person.granted"):
    """A role, in a scope and until a time. Who granted it is the line's actor."""

    grant: GrantId
    role: Role
    queues: tuple[Name, ...] = ()
    """Without any, all of them."""
    regions: tuple[Region, ...] = ()
    """Where the order of the case ships to; without any, everywhere."""
    case: UUID | None = None
    """This case alone."""
    until: datetime | None = None
    reason: Reason
    under: str | None = None
    """The break-glass that gave it (`break-glass:…`)."""


class GrantRevoked(Struct, frozen=True, kw_only=True, tag="person.grant_revoked"):
    grant: GrantId
    reason: Reason


class PersonLeft(Struct, frozen=True, kw_only=True, tag="person.left"):
    """The person may do nothing from here on, and stays in the record."""

    reason: Reason


class PersonReturned(Struct, frozen=True, kw_only=True, tag="person.returned"):
    """The grants that had not ended are good again."""

    reason: Reason


class SkillsSet(Struct, frozen=True, kw_only=True, tag="person.skills_set"):
    skills: tuple[Name, ...]


class SameAs(Struct, frozen=True, kw_only=True, tag="person.same_as"):
    """Two names turned out to be one human. It stands in the stream of either, and in those of all
    names by which either was known: each stream alone tells every name."""

    other: PersonName
    reason: Reason


class ReviewDue(Struct, frozen=True, kw_only=True, tag="person.review_due"):
    """The person asked for a break-glass, or opened it: it is to be reviewed by somebody else."""

    break_glass: UUID


class ReviewDone(Struct, frozen=True, kw_only=True, tag="person.review_done"):
    break_glass: UUID


class TokenIssued(Struct, frozen=True, kw_only=True, tag="person.token_issued"):
    """A token was handed out, once. Only its SHA-256 is kept; `key` names it in the trail.

    It may be an agent's, and may be good for less than the person: what is left out narrows nothing.
    """

    name: PersonName
    key: str
    digest: str
    expires_at: datetime | None = None
    agent: PersonName | UnsetType = UNSET
    permissions: tuple[str, ...] | UnsetType = UNSET
    queues: tuple[Name, ...] | UnsetType = UNSET
    regions: tuple[str, ...] | UnsetType = UNSET


PersonRecordEvent: TypeAlias = (
    PersonAdded
    | PersonGranted
    | GrantRevoked
    | PersonLeft
    | PersonReturned
    | SkillsSet
    | SameAs
    | ReviewDue
    | ReviewDone
)
"""The events of a person's own stream."""
PersonEvent: TypeAlias = PersonRecordEvent | TokenIssued


class Grant(Struct, frozen=True, kw_only=True):
    """A role, in a scope and for a time: who gave it, when and why, and what became of it."""

    grant: str
    role: Role
    queues: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    case: UUID | None = None
    granted_at: datetime
    granted_by: Actor
    reason: str | None = None
    """None for the roles that a person was added with."""
    until: datetime | None = None
    under: str | None = None
    revoked_at: datetime | None = None
    revoked_by: Actor | None = None
    revoked_for: str | None = None

    def lives(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.until is None or now < self.until)


class Person(Struct, frozen=True, kw_only=True):
    name: str
    version: int = 0
    grants: tuple[Grant, ...] = ()
    skills: tuple[str, ...] = ()
    others: frozenset[str] = frozenset()
    """The other names of the same human."""
    added_at: datetime | None = None
    left_at: datetime | None = None
    left_for: str | None = None
    reviews_due: frozenset[UUID] = frozenset()
    """Break-glasses that the person asked for or opened, and nobody has reviewed."""

    @property
    def has_left(self) -> bool:
        return self.left_at is not None

    @property
    def known_as(self) -> frozenset[str]:
        """All names of this human."""
        return self.others | {self.name}

    def at(self, now: datetime) -> tuple[Grant, ...]:
        """The grants that live at `now`, by what is recorded of the person."""
        return () if self.has_left else tuple(g for g in self.grants if g.lives(now))

    def grant(self, grant: str) -> Grant | None:
        return next((one for one in self.grants if one.grant == grant), None)

    @property
    def next_grant(self) -> str:
        return f"g{len(self.grants) + 1}"

    def after(self, event: PersonRecordEvent, at: datetime, by: Actor) -> "Person":
        now = structs.replace(self, version=self.version + 1)
        match event:
            case PersonAdded(roles=roles, skills=skills):
                given = tuple(
                    Grant(grant=f"g{n}", role=role, granted_at=at, granted_by=by)
                    for n, role in enumerate(roles, start=1)
                )
                return structs.replace(now, grants=given, skills=skills, added_at=at)
            case PersonGranted():
                grant = Grant(
                    grant=event.grant,
                    role=event.role,
                    queues=event.queues,
                    regions=event.regions,
                    case=event.case,
                    granted_at=at,
                    granted_by=by,
                    reason=event.reason,
                    until=event.until,
                    under=event.under,
                )
                return structs.replace(now, grants=(*self.grants, grant))
            case GrantRevoked(grant=revoked, reason=reason):
                grants = tuple(
                    structs.replace(one, revoked_at=at, revoked_by=by, revoked_for=reason)
                    if one.grant == revoked
                    else one
                    for one in self.grants
                )
                return structs.replace(now, grants=grants)
            case PersonLeft(reason=reason):
                return structs.replace(now, left_at=at, left_for=reason)
            case PersonReturned():
                return structs.replace(now, left_at=None, left_for=None)
            case SkillsSet(skills=skills):
                return structs.replace(now, skills=skills)
            case SameAs(other=other):
                return structs.replace(now, others=self.others | {other})
            case ReviewDue(break_glass=one):
                return structs.replace(now, reviews_due=self.reviews_due | {one})
            case ReviewDone(break_glass=one):
                return structs.replace(now, reviews_due=self.reviews_due - {one})
            case _:
                assert_never(event)
