"""One pull of a source at a time, over all processes of a database."""

from collections.abc import Iterator
from contextlib import contextmanager

from infrastructure.postgres.datastore import Datastore, connect


class PullLocks:
    """A session lock of PostgreSQL for each source: it ends with the process that holds it."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore

    @contextmanager
    def __call__(self, source: str) -> Iterator[bool]:
        """Whether the lock was free. It is held until the context ends."""
        with connect(self._datastore.dsn) as connection:
            row = connection.execute(
                "SELECT pg_try_advisory_lock(hashtextextended('casetrail:pull:' || %s, 0))",
                (source,),
            ).fetchone()
            yield bool(row and row[0])
