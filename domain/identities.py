"""Identities: keys, logins, agents and delegates. One event starts each, and another ends it."""

from datetime import datetime
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from msgspec import Struct

from domain import principals
from domain.people import TokenIssued, token_stream
from domain.recorded_event import RecordedEvent

IdentityEndEvent: TypeAlias = (
    principals.TokenRevoked
    | principals.PrincipalUnlinked
    | principals.AgentRetired
    | principals.DelegationEnded
)


class IdentityKind(StrEnum):
    """How a caller authenticates, or acts for a person."""

    KEY = "key"
    LOGIN = "login"
    AGENT = "agent"
    DELEGATE = "delegate"


class IdentityStart(Struct, frozen=True, kw_only=True):
    stream: UUID
    """Where its end is recorded."""
    kind: IdentityKind
    person: str
    """The person whose acts count."""
    name: str
    """Its name in the trail: `key:…`, `user:…`, or the name of an agent or a delegate."""
    agent: str | None = None
    """The agent that has the key or login, if one does."""
    scope: principals.KeyScope = principals.UNRESTRICTED_KEY
    until: datetime | None = None
    reason: str | None = None


def identity_started_by(line: RecordedEvent) -> IdentityStart | None:
    """The identity that the line starts; None if it starts none."""
    match line.event:
        case TokenIssued() as issued:
            return IdentityStart(
                stream=token_stream(issued.digest),
                kind=IdentityKind.KEY,
                person=issued.name,
                name=f"key:{issued.key}",
                agent=issued.agent or None,
                scope=principals.key_scope_of(issued),
                until=issued.expires_at,
            )
        case principals.PrincipalLinked(issuer=issuer, subject=subject, person=person, agent=agent):
            return IdentityStart(
                stream=line.stream,
                kind=IdentityKind.LOGIN,
                person=person,
                name=principals.login_name(issuer, subject),
                agent=agent or None,
            )
        case principals.AgentRegistered(name=name, person=person):
            return IdentityStart(
                stream=line.stream, kind=IdentityKind.AGENT, person=person, name=name
            )
        case principals.DelegationGranted(
            person=person, delegate=delegate, until=until, reason=reason
        ):
            return IdentityStart(
                stream=line.stream,
                kind=IdentityKind.DELEGATE,
                person=person,
                name=delegate,
                until=until,
                reason=reason,
            )
        case _:
            return None
