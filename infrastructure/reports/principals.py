"""Who may come as whom, from the report of principals."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from psycopg.rows import class_row, tuple_row

from domain.identities import IdentityKind
from infrastructure.postgres.datastore import Datastore, retry_lost_connection
from projections.principals import PrincipalRow

MOST_ROWS = 1_000


class PrincipalList:
    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore

    @retry_lost_connection
    def of(self, person: str) -> Sequence[PrincipalRow]:
        """Principals that act or acted as the person, newest first, at most MOST_ROWS."""
        with self._datastore.get_connection() as connection:
            return (
                connection.cursor(row_factory=class_row(PrincipalRow))
                .execute(
                    "SELECT * FROM views.principals WHERE person = %s "
                    "ORDER BY since DESC, stream LIMIT %s",
                    (person, MOST_ROWS),
                )
                .fetchall()
            )

    @retry_lost_connection
    def key(self, name: str) -> UUID | None:
        """The stream of the key with this name (`key:…`, or the part after the colon)."""
        principal = f"key:{name.removeprefix('key:')}"
        with self._datastore.get_connection() as connection:
            row = (
                connection.cursor(row_factory=tuple_row)
                .execute(
                    "SELECT stream FROM views.principals WHERE principal = %s AND kind = %s",
                    (principal, IdentityKind.KEY.value),
                )
                .fetchone()
            )
        return None if row is None else row[0]
