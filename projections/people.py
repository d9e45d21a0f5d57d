"""People with their grants, and when their tokens expire: for escalations and access reviews."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain import people
from domain.recorded_event import RecordedEvent
from projections.projection import Projection


class PersonRow(Struct, frozen=True):
    stream: UUID
    name: str
    grants: dict[str, list[str | None]]
    """Grant -> its role, and when it ends (RFC 3339) or None. Revoked grants are left out, and those of
    a break-glass: they put nobody on a ladder."""
    tokens: dict[str, str | None]
    """Digest of each token -> when it expires (RFC 3339), or None."""
    added_at: datetime
    left_at: datetime | None = None
    others: list[str] = []
    """Other names of the same person."""
    proposed: dict[str, list[str | None]] = {}
    """Grants that wait for a confirmation, as in `grants`: they put nobody on a ladder yet."""


def key(line: RecordedEvent) -> UUID | None:
    match line.event:
        case people.TokenIssued(name=name):
            return people.person_stream(name)
        case event:
            return line.stream if isinstance(event, people.PersonRecordEvent) else None


def fold(row: PersonRow | None, line: RecordedEvent) -> PersonRow | None:
    if isinstance(line.event, people.PersonAdded):
        grants: dict[str, list[str | None]] = {
            f"g{n}": [str(role), None] for n, role in enumerate(line.event.roles, start=1)
        }
        return PersonRow(line.stream, line.event.name, grants, {}, line.recorded_at)
    if row is None:
        return None
    match line.event:
        case people.PersonGranted(grant=grant, role=role, until=until, under=None):
            ends = until.isoformat() if until else None
            return replace(row, grants={**row.grants, grant: [str(role), ends]})
        case people.GrantProposed(grant=grant, role=role, until=until):
            ends = until.isoformat() if until else None
            return replace(row, proposed={**row.proposed, grant: [str(role), ends]})
        case people.GrantConfirmed(grant=grant):
            confirmed = {n: g for n, g in row.proposed.items() if n == grant}
            return replace(
                row, grants={**row.grants, **confirmed}, proposed=_without(row.proposed, grant)
            )
        case people.GrantRevoked(grant=grant):
            return replace(row, grants=_without(row.grants, grant))
        case people.GrantRejected(grant=grant) | people.GrantWithdrawn(grant=grant):
            return replace(row, proposed=_without(row.proposed, grant))
        case people.PersonLeft():
            return replace(row, left_at=line.recorded_at)
        case people.PersonReturned(gives_again=again):
            waits = {n for n in again if n in row.grants and line.actor.persons}
            return replace(
                row,
                left_at=None,
                grants={n: g for n, g in row.grants.items() if n not in waits},
                proposed={**row.proposed, **{n: row.grants[n] for n in waits}},
            )
        case people.SameAs(other=other):
            return replace(row, others=sorted({*row.others, other}))
        case people.TokenIssued(digest=digest, expires_at=expires_at):
            ends = expires_at.isoformat() if expires_at else None
            return replace(row, tokens={**row.tokens, digest: ends})
        case _:
            return row


def _without(grants: dict[str, list[str | None]], grant: str) -> dict[str, list[str | None]]:
    return {name: one for name, one in grants.items() if name != grant}


PEOPLE = Projection(
    name="people", version=4, row=PersonRow, key=key, fold=fold, indexes=("(name)",)
)
