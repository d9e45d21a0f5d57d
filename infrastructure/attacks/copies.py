"""A small log to attack, and fast copies of it (file copies of the database)."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier, Literal

from infrastructure.attacks.sample_case import append_calls, sample_case_appends
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore, connect
from infrastructure.postgres.roles import OWNER, PROJECTOR, READER, WRITER
from infrastructure.postgres.rows import Connection
from infrastructure.transparency.checkpoints import Checkpoints
from infrastructure.transparency.full_check import RECORDED_EARLIER, find_faults
from infrastructure.transparency.outside_checkpoints import OutsideCheckpoints
from infrastructure.transparency.signing_keys import open_signer

MOST_EVENTS = 300
ATTACKER_ROLES = (WRITER, PROJECTOR, READER, OWNER)
_EVENT_COLUMNS = "originator_id, originator_version, topic, state, notification_id, leaf"
_COPIED_ROWS = {
    "stored_events": f"SELECT {_EVENT_COLUMNS} FROM stored_events WHERE notification_id",
    "commands": "SELECT * FROM commands WHERE position",
    "duties": "SELECT * FROM duties WHERE position",
}
"""The query of the copied rows of each table, up to the column that the head limits."""


def copy_first_events(source: str, copy: str, most: int = MOST_EVENTS) -> int:
    """Copy the first events of a log and the rows stored with them; return how many events."""
    with connect(source) as reading, connect(copy) as writing, writing.transaction():
        row = reading.execute("SELECT position FROM log_head").fetchone()
        head = min(row[0] if row else 0, most)
        for table, query in _COPIED_ROWS.items():
            out = f"COPY ({query} <= {int(head)}) TO STDOUT (FORMAT binary)".encode()
            into = f"COPY {table} FROM STDIN (FORMAT binary)".encode()
            with reading.cursor().copy(out) as rows, writing.cursor().copy(into) as filled:
                for block in rows:
                    filled.write(block)
        writing.execute("UPDATE log_head SET position = %s", (head,))
    return head


class AttackTarget:
    """A log that is attacked in copies, with its own checkpoints outside the database."""

    def __init__(self, server: str, dsn: str, place: Path) -> None:
        """`dsn` names a filled, migrated scratch database; nothing else may be connected to it."""
        self.dsn = dsn
        self.server = server
        self.checkpoints = Checkpoints(
            open_signer(str(place / "key")), OutsideCheckpoints(place / "outside")
        )
        self.case = uuid4()
        recorder = PostgresLogRecorder(Datastore(dsn))
        try:
            for append in sample_case_appends(self.case, datetime.now(UTC)):
                recorder.append(append)
        finally:
            recorder.close()
        with connect(dsn) as connection:
            made = self.checkpoints.make(connection)
        assert made is not None
        self.head = made.size
        with connect(dsn) as connection:
            # A demonstration replays its past in simulated time: those faults are not an attack.
            faults = find_faults(connection, self.checkpoints)
            self.known = frozenset(fault for fault in faults if fault.endswith(RECORDED_EARLIER))

    def placeholders(self) -> dict[str, str]:
        """The values for `{…}` in an attack's statements."""
        stream: UUID = uuid4()
        calls = append_calls(stream, self.case)
        return {"head": str(self.head), "case": str(self.case), "stream": str(stream), **calls}

    @contextmanager
    def copy(self) -> Iterator[str]:
        """The address of a new copy, with the same login; the copy is dropped at the end."""
        name = f"{conninfo_to_dict(self.dsn)['dbname']}_{secrets.token_hex(3)}"
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(
                SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                    Identifier(name), Identifier(str(conninfo_to_dict(self.dsn)["dbname"]))
                )
            )
        try:
            yield make_conninfo(self.dsn, dbname=name)
        finally:
            with psycopg.connect(self.server, autocommit=True) as connection:
                drop = SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
                connection.execute(drop.format(Identifier(name)))


@contextmanager
def temporary_logins(
    server: Connection, roles: Sequence[str] = ATTACKER_ROLES
) -> Iterator[dict[str, dict[str, str]]]:
    """A login for each role, member of that role only; yields each login's connection parameters."""
    made: dict[str, dict[str, str]] = {}
    try:
        for role in roles:
            # If this process is killed, the logins that it leaves behind expire.
            expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
            name, password = f"{role}_attack_{secrets.token_hex(3)}", secrets.token_urlsafe(24)
            create = SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {} VALID UNTIL {}")
            facts = (Identifier(name), Literal(password), Identifier(role), Literal(expires))
            server.execute(create.format(*facts))
            made[role] = {"user": name, "password": password, "options": f"-c role={role}"}
        yield made
    finally:
        for login in made.values():
            server.execute(SQL("DROP ROLE IF EXISTS {}").format(Identifier(login["user"])))
