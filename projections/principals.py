"""Who may come as whom: a row for each key, login, agent and delegation, with its end. What an
access review goes through, and where a key is found by its name."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.people import TokenIssued, token_stream
from domain.principals import (
    AgentRegistered,
    AgentRetired,
    DelegationEnded,
    DelegationGranted,
    PrincipalLinked,
    PrincipalUnlinked,
    TokenRevoked,
    login_name,
    scope_of,
)
from domain.recorded import Recorded
from projections.projection import Projection


class PrincipalKind(StrEnum):
    KEY = "key"
    LOGIN = "login"
    AGENT = "agent"
    DELEGATE = "delegate"


class PrincipalRow(Struct, frozen=True):
    stream: UUID
    person: str
    """Whose act it is."""
    kind: str
    principal: str
    """As the trail names it: `key:…`, `user:…`, or the name of an agent or a delegate."""
    since: datetime
    agent: str | None = None
    """Whose key or login it is, where an agent's."""
    issuer: str | None = None
    subject: str | None = None
    permissions: list[str] | None = None
    """What a key is good for, of what the person may; null narrows nothing, here and below."""
    queues: list[str] | None = None
    regions: list[str] | None = None
    until: datetime | None = None
    ended_at: datetime | None = None
    reason: str | None = None


_EVENTS = (
    TokenIssued,
    TokenRevoked,
    PrincipalLinked,
    PrincipalUnlinked,
    AgentRegistered,
    AgentRetired,
    DelegationGranted,
    DelegationEnded,
)


def key(line: Recorded) -> UUID | None:
    match line.event:
        case TokenIssued(digest=digest):
            return token_stream(digest)
        case event if isinstance(event, _EVENTS):
            return line.stream
        case _:
            return None


def fold(row: PrincipalRow | None, line: Recorded) -> PrincipalRow | None:
    begun = _begun(line)
    if begun is not None:
        return begun
    match line.event:
        case (
            TokenRevoked(reason=reason)
            | PrincipalUnlinked(reason=reason)
            | AgentRetired(reason=reason)
            | DelegationEnded(reason=reason)
        ) if row is not None:
            return replace(row, ended_at=line.recorded_at, reason=reason)
        case _:
            return row


def _begun(line: Recorded) -> PrincipalRow | None:
    stream, since = line.stream, line.recorded_at
    match line.event:
        case TokenIssued() as issued:
            scope = scope_of(issued)
            return PrincipalRow(
                stream=token_stream(issued.digest),
                person=issued.name,
                kind=PrincipalKind.KEY,
                principal=f"key:{issued.key}",
                since=since,
                agent=issued.agent or None,
                permissions=None if scope.permissions is None else sorted(scope.permissions),
                queues=None if scope.queues is None else [*scope.queues],
                regions=None if scope.regions is None else [*scope.regions],
                until=issued.expires_at,
            )
        case PrincipalLinked(issuer=issuer, subject=subject, person=person, agent=agent):
            return PrincipalRow(
                stream=stream,
                person=person,
                kind=PrincipalKind.LOGIN,
                principal=login_name(issuer, subject),
                since=since,
                agent=agent or None,
                issuer=issuer,
                subject=subject,
            )
        case AgentRegistered(name=name, person=person):
            kind = PrincipalKind.AGENT
            return PrincipalRow(
                stream=stream, person=person, kind=kind, principal=name, since=since
            )
        case DelegationGranted(person=person, delegate=delegate, until=until, reason=reason):
            return PrincipalRow(
                stream=stream,
                person=person,
                kind=PrincipalKind.DELEGATE,
                principal=delegate,
                since=since,
                until=until,
                reason=reason,
            )
        case _:
            return None


PRINCIPALS = Projection(
    name="principals",
    version=1,
    row=PrincipalRow,
    key=key,
    fold=fold,
    indexes=("(person, since)", "(principal)"),
)
