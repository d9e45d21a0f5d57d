"""Who may come as whom, from the report of principals."""

from collections.abc import Sequence
from uuid import UUID

from domain.identities import IdentityKind
from infrastructure.postgres.datastore import Datastore
from infrastructure.reports.rows import read_structs, read_tuples
from projections.principals import PrincipalRow

MOST_ROWS = 1_000


class PrincipalList:
    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore

    def of(self, person: str) -> Sequence[PrincipalRow]:
        """Principals that act or acted as the person, newest first, at most MOST_ROWS."""
        return read_structs(
            self._datastore,
            PrincipalRow,
            "SELECT * FROM views.principals WHERE person = %s ORDER BY since DESC, stream LIMIT %s",
            (person, MOST_ROWS),
        )

    def key(self, name: str) -> UUID | None:
        """The stream of the key with this name (`key:…`, or the part after the colon)."""
        principal = f"key:{name.removeprefix('key:')}"
        query = "SELECT stream FROM views.principals WHERE principal = %s AND kind = %s"
        rows = read_tuples(self._datastore, query, (principal, IdentityKind.KEY.value))
        return rows[0][0] if rows else None
