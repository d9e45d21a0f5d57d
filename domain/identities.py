"""Keys, logins, agents and delegates: each is begun by one event, and ended by another."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from msgspec import Struct

from domain.people import TokenIssued, token_stream
from domain.principals import (
    WHOLE,
    AgentRegistered,
    AgentRetired,
    DelegationEnded,
    DelegationGranted,
    KeyScope,
    PrincipalLinked,
    PrincipalUnlinked,
    TokenRevoked,
    login_name,
    scope_of,
)
from domain.recorded import Recorded

MeansEnded: TypeAlias = TokenRevoked | PrincipalUnlinked | AgentRetired | DelegationEnded


class Means(StrEnum):
    """By what somebody comes in, or acts."""

    KEY = "key"
    LOGIN = "login"
    AGENT = "agent"
    DELEGATE = "delegate"


class MeansBegun(Struct, frozen=True, kw_only=True):
    stream: UUID
    """Where its end is recorded."""
    kind: Means
    person: str
    """Whose act it is."""
    name: str
    """As the trail names it: `key:…`, `user:…`, or the name of an agent or a delegate."""
    agent: str | None = None
    """Whose key or login it is, where an agent's."""
    scope: KeyScope = WHOLE
    until: datetime | None = None
    reason: str | None = None


def begun_by(line: Recorded) -> MeansBegun | None:
    """What somebody has from this line on; None where it gives nobody any."""
    match line.event:
        case TokenIssued() as issued:
            return MeansBegun(
                stream=token_stream(issued.digest),
                kind=Means.KEY,
                person=issued.name,
                name=f"key:{issued.key}",
                agent=issued.agent or None,
                scope=scope_of(issued),
                until=issued.expires_at,
            )
        case PrincipalLinked(issuer=issuer, subject=subject, person=person, agent=agent):
            return MeansBegun(
                stream=line.stream,
                kind=Means.LOGIN,
                person=person,
                name=login_name(issuer, subject),
                agent=agent or None,
            )
        case AgentRegistered(name=name, person=person):
            return MeansBegun(stream=line.stream, kind=Means.AGENT, person=person, name=name)
        case DelegationGranted(person=person, delegate=delegate, until=until, reason=reason):
            return MeansBegun(
                stream=line.stream,
                kind=Means.DELEGATE,
                person=person,
                name=delegate,
                until=until,
                reason=reason,
            )
        case _:
            return None
