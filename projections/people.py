"""People, and when their tokens expire: whom to ask, and what to take back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.people import PersonAdded, TokenIssued, person_stream
from domain.recorded import Recorded
from projections.projection import Projection


class PersonRow(Struct, frozen=True):
    stream: UUID
    name: str
    roles: list[str]
    tokens: dict[str, str | None]
    """Digest of each token -> when it expires (RFC 3339), None for never."""
    added_at: datetime


def key(line: Recorded) -> UUID | None:
    match line.event:
        case PersonAdded(name=name) | TokenIssued(name=name):
            return person_stream(name)
        case _:
            return None


def fold(row: PersonRow | None, line: Recorded) -> PersonRow | None:
    match line.event:
        case PersonAdded(name=name, roles=roles):
            return PersonRow(line.stream, name, [str(r) for r in roles], {}, line.recorded_at)
        case TokenIssued(digest=digest, expires_at=expires_at) if row is not None:
            until = expires_at.isoformat() if expires_at else None
            return replace(row, tokens={**row.tokens, digest: until})
        case _:
            return row


PEOPLE = Projection(
    name="people",
    version=1,
    row=PersonRow,
    key=key,
    fold=fold,
    indexes=("(name)",),
)
