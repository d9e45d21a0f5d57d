"""People, their grants, and the actors that events name.

Every event names a principal and the person behind it, if there is one. System principals (the policy,
the timekeeper) act for nobody and have no duty.

Grants say what a person may do, each with a scope, a time and a reason. They are events of the
person's stream (folded in `domain/person.py`).
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import UNSET, Struct, UnsetType

from domain.moments import keep_in_years
from domain.policy.document_types import Name
from domain.regions import Region
from domain.texts import form, one_line

PEOPLE_NAMESPACE = uuid5(NAMESPACE_URL, "casetrail:people")
TOKENS_NAMESPACE = uuid5(NAMESPACE_URL, "casetrail:tokens")

_PERSON = "a name of a-z, 0-9, `_`, `.` and `-` that begins with a letter, such as ana"
PersonName = Annotated[str, form("[a-z][a-z0-9_.-]{0,63}", _PERSON)]
GrantId = Annotated[str, form("g[1-9][0-9]{0,5}", "a grant such as g1")]
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
    """The actor of an event: the principal (`key:…`, `system:…`) and the person behind it, if any."""

    principal: str
    person: str | None = None
    via: tuple[str, ...] = ()
    """The agents through which the request came, the first caller first (RFC 8693, `act`)."""
    delegate: str | None = None
    """The delegate who acted for the person, if one did."""
    under: str | None = None
    """The break-glass that allowed the act (`break-glass:…`), if nothing else did."""

    @property
    def persons(self) -> tuple[str, ...]:
        """The people whose act it is: the person and the delegate. Both get the duty."""
        return tuple(one for one in (self.person, self.delegate) if one is not None)

    @property
    def is_agent(self) -> bool:
        return bool(self.via)


POLICY_ACTOR = Actor("system:policy")
TIMEKEEPER_ACTOR = Actor("system:timekeeper")
ERASER_ACTOR = Actor("system:eraser")
"""The process that destroys keys after people have ordered an erasure."""
PAYER_ACTOR = Actor("system:payer")
"""The process that carries out payments that people have ordered."""
OPERATOR_ACTOR = Actor("system:operator")
"""The user of command line tools that use the database directly."""


def person_stream(name: str) -> UUID:
    return uuid5(PEOPLE_NAMESPACE, name)


def token_stream(digest: str) -> UUID:
    """The stream of a token, found from the token alone.

    So a token works as soon as it is issued, even while the reports are behind.
    """
    return uuid5(TOKENS_NAMESPACE, digest)


class PersonAdded(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="person.added"):
    """A person was added. Each role is a grant without scope or end: `g1`, `g2` …, in this order."""

    name: PersonName
    roles: tuple[Role, ...]
    skills: tuple[Name, ...] = ()
    """The work that claim-next offers; empty means all work."""


class PersonGranted(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="person.granted"):
    """The line's actor granted a role, in a scope and until a time."""

    grant: GrantId
    role: Role
    queues: tuple[Name, ...] = ()
    """Empty means all queues."""
    regions: tuple[Region, ...] = ()
    """Where the case's order ships to; empty means everywhere."""
    case: UUID | None = None
    """The grant applies to this case only."""
    until: datetime | None = None
    reason: Reason
    under: str | None = None
    """The break-glass that gave it (`break-glass:…`)."""

    def __post_init__(self) -> None:
        keep_in_years(self, "until")


class GrantProposed(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag="person.grant_proposed"
):
    """The line's actor proposed a grant. It gives nothing until another person confirms it."""

    grant: GrantId
    role: Role
    queues: tuple[Name, ...] = ()
    """Empty means all queues."""
    regions: tuple[Region, ...] = ()
    """Where the case's order ships to; empty means everywhere."""
    until: datetime | None = None
    reason: Reason

    def __post_init__(self) -> None:
        keep_in_years(self, "until")


class GrantConfirmed(Struct, frozen=True, kw_only=True, tag="person.grant_confirmed"):
    """The line's actor confirmed a grant: if it was only proposed, it is active from here on."""

    grant: GrantId


class GrantRejected(Struct, frozen=True, kw_only=True, tag="person.grant_rejected"):
    """The line's actor rejected a proposed grant."""

    grant: GrantId
    reason: Reason


class GrantWithdrawn(Struct, frozen=True, kw_only=True, tag="person.grant_withdrawn"):
    """The person who had proposed the grant withdrew it."""

    grant: GrantId
    reason: Reason


class GrantRevoked(Struct, frozen=True, kw_only=True, tag="person.grant_revoked"):
    grant: GrantId
    reason: Reason


class PersonLeft(Struct, frozen=True, kw_only=True, tag="person.left"):
    """The person left: no grant is active from here on. The record stays."""

    reason: Reason


class PersonReturned(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="person.returned"):
    """The person returned: the grants that have not ended are active again, except for `gives_again`."""

    reason: Reason
    gives_again: tuple[GrantId, ...] = ()
    """Grants that take two people. The line's actor gives them again: at once as the operator, otherwise
    they wait for a confirmation."""


class SkillsSet(Struct, frozen=True, kw_only=True, tag="person.skills_set"):
    skills: tuple[Name, ...]


class SameAs(Struct, frozen=True, kw_only=True, tag="person.same_as"):
    """Two names turned out to be one person.

    The event is in the streams of all names of the person, so each stream alone lists every name.
    """

    other: PersonName
    reason: Reason


class ReviewDue(Struct, frozen=True, kw_only=True, tag="person.review_due"):
    """The person requested or opened a break-glass that another person must review."""

    break_glass: UUID


class ReviewDone(Struct, frozen=True, kw_only=True, tag="person.review_done"):
    break_glass: UUID


class TokenIssued(Struct, frozen=True, kw_only=True, tag="person.token_issued"):
    """A token was issued and shown once. Only its SHA-256 is kept; `key` names it in the trail.

    It may be an agent's, and may be limited to some permissions, queues or regions. A field that is
    left out sets no limit.
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
    | GrantProposed
    | GrantConfirmed
    | GrantRejected
    | GrantWithdrawn
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
