"""People and the principals that act for them.

Every event names a principal and, where one stands behind it, the person. System principals (the
policy, the timekeeper) act for nobody and hold no duty.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from domain.policy.parts import Name
from domain.texts import END

PEOPLE = uuid5(NAMESPACE_URL, "casetrail:people")
TOKENS = uuid5(NAMESPACE_URL, "casetrail:tokens")

PersonName = Annotated[str, Meta(pattern="^[a-z][a-z0-9_.-]{0,63}" + END)]


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


class Actor(Struct, frozen=True, gc=False, omit_defaults=True):
    """Who did it: the principal (`key:…`, `system:…`) and the person behind it, if any."""

    principal: str
    person: str | None = None
    via: tuple[str, ...] = ()
    """The agents through which it came, the one that asked first (RFC 8693, `act`)."""
    delegate: str | None = None
    """Whose hands it was, where somebody acts for the person."""

    @property
    def persons(self) -> tuple[str, ...]:
        """Everybody whose act it counts as: nobody sheds a duty by acting for somebody else."""
        return tuple(one for one in (self.person, self.delegate) if one is not None)

    @property
    def is_agent(self) -> bool:
        return bool(self.via)


POLICY = Actor("system:policy")
TIMEKEEPER = Actor("system:timekeeper")
OPERATOR = Actor("system:operator")
"""Whoever runs the command line beside the database."""


def person_stream(name: str) -> UUID:
    return uuid5(PEOPLE, name)


def token_stream(digest: str) -> UUID:
    """A token has a stream of its own, found from the token alone: whoever holds it is known as
    soon as it is issued, however far the reports have come."""
    return uuid5(TOKENS, digest)


class PersonAdded(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="person.added"):
    name: PersonName
    roles: tuple[Role, ...]
    skills: tuple[Name, ...] = ()
    """Which work claim-next offers; without any, all of it."""


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


PersonEvent: TypeAlias = PersonAdded | TokenIssued


class Person(Struct, frozen=True, kw_only=True):
    name: str
    version: int = 0
    roles: tuple[Role, ...] = ()
    skills: tuple[str, ...] = ()

    def after(self, event: PersonAdded) -> "Person":
        return structs.replace(
            self, version=self.version + 1, roles=event.roles, skills=event.skills
        )
