"""Every key, login, agent and delegation, with its person and its end. For access reviews, and to find
a key by its name."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.identities import IdentityEndEvent, IdentityStart, identity_started_by
from domain.people import TokenIssued, token_stream
from domain.principals import PrincipalEvent, PrincipalLinked
from domain.recorded_event import RecordedEvent
from domain.struct_fields import fill
from projections.projection import Projection


class PrincipalRow(Struct, frozen=True):
    stream: UUID
    person: str
    """The person whose acts count."""
    kind: str
    principal: str
    """Its name in the trail: `key:…`, `user:…`, or the name of an agent or a delegate."""
    since: datetime
    agent: str | None = None
    """The agent that has the key or login, if one does."""
    issuer: str | None = None
    subject: str | None = None
    permissions: list[str] | None = None
    """The key's limits within the person's authority; null sets no limit, here and below."""
    queues: list[str] | None = None
    regions: list[str] | None = None
    until: datetime | None = None
    ended_at: datetime | None = None
    reason: str | None = None


def key(line: RecordedEvent) -> UUID | None:
    match line.event:
        case TokenIssued(digest=digest):
            return token_stream(digest)
        case event if isinstance(event, PrincipalEvent):
            return line.stream
        case _:
            return None


def fold(row: PrincipalRow | None, line: RecordedEvent) -> PrincipalRow | None:
    started = identity_started_by(line)
    if started is not None:
        return _start_row(started, line)
    if isinstance(line.event, IdentityEndEvent) and row is not None:
        return replace(row, ended_at=line.recorded_at, reason=line.event.reason)
    return row


def _start_row(started: IdentityStart, line: RecordedEvent) -> PrincipalRow:
    scope = started.scope
    row = fill(
        PrincipalRow,
        started,
        principal=started.name,
        since=line.recorded_at,
        permissions=None if scope.permissions is None else sorted(scope.permissions),
        queues=None if scope.queues is None else [*scope.queues],
        regions=None if scope.regions is None else [*scope.regions],
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
