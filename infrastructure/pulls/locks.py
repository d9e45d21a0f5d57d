"""One pull of a source at a time, over all processes of a database."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import psycopg

from infrastructure.postgres.datastore import Datastore, connect

_NAME: Final = "hashtextextended('casetrail:pull:' || %s, 0)"


class PullLocks:
    """A session lock of PostgreSQL for each source: it ends with the process that holds it."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore

    @contextmanager
    def __call__(self, source: str) -> Iterator[bool]:
        """Whether the lock was free. It is held until the context ends."""
        with connect(self._datastore.dsn) as connection:
            query = f"SELECT pg_try_advisory_lock({_NAME})"
            row = connection.execute(query, (source,)).fetchone()
            is_mine = bool(row and row[0])
            try:
                yield is_mine
            finally:
                # Else it is held until the server notices that the connection has ended: some time after us.
                if is_mine:
                    with suppress(psycopg.Error):
                        connection.execute(f"SELECT pg_advisory_unlock({_NAME})", (source,))
