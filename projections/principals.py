"""Who may come as whom: a row for each key, login, agent and delegation, with its end. What an
access review goes through, and where a key is found by its name."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.identities import MeansBegun, MeansEnded, begun_by
from domain.people import TokenIssued, token_stream
from domain.principals import PrincipalEvent, PrincipalLinked
from domain.recorded import Recorded
from projections.projection import Projection


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


def key(line: Recorded) -> UUID | None:
    match line.event:
        case TokenIssued(digest=digest):
            return token_stream(digest)
        case event if isinstance(event, PrincipalEvent):
            return line.stream
        case _:
            return None


def fold(row: PrincipalRow | None, line: Recorded) -> PrincipalRow | None:
    begun = begun_by(line)
    if begun is not None:
        return _row(begun, line)
    if isinstance(line.event, MeansEnded) and row is not None:
        return replace(row, ended_at=line.recorded_at, reason=line.event.reason)
    return row


def _row(begun: MeansBegun, line: Recorded) -> PrincipalRow:
    scope = begun.scope
    row = PrincipalRow(
        stream=begun.stream,
        person=begun.person,
        kind=begun.kind,
        principal=begun.name,
        since=line.recorded_at,
        agent=begun.agent,
        permissions=None if scope.permissions is None else sorted(scope.permissions),
        queues=None if scope.queues is None else [*scope.queues],
        regions=None if scope.regions is None else [*scope.regions],
        until=begun.until,
        reason=begun.reason,
    )
    if isinstance(line.event, PrincipalLinked):
        return replace(row, issuer=line.event.issuer, subject=line.event.subject)
    return row


PRINCIPALS = Projection(
    name="principals",
    version=1,
    row=PrincipalRow,
    key=key,
    fold=fold,
    indexes=("(person, since)", "(principal)"),
)
