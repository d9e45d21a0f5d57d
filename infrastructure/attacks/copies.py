"""A small log to attack, and copies of it that are made as fast as files are copied."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier, Literal

from infrastructure.attacks.sample_case import case_about_money, sent
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.event_store.rights import Connection
from infrastructure.postgres.datastore import Datastore, connect
from infrastructure.postgres.roles import OWNER, PROJECTOR, READER, WRITER
from infrastructure.transparency.checkpoints import Checkpoints
from infrastructure.transparency.full_check import RECORDED_EARLIER, faults
from infrastructure.transparency.outside_checkpoints import Outside
from infrastructure.transparency.signing_keys import signer

MOST_EVENTS = 300
ATTACKERS = (WRITER, PROJECTOR, READER, OWNER)
_COPIED = (
    (
        "COPY (SELECT originator_id, originator_version, topic, state, notification_id, leaf "
        "FROM stored_events WHERE notification_id <= {0}) TO STDOUT (FORMAT binary)",
        "COPY stored_events FROM STDIN (FORMAT binary)",
    ),
    (
        "COPY (SELECT * FROM commands WHERE position <= {0}) TO STDOUT (FORMAT binary)",
        "COPY commands FROM STDIN (FORMAT binary)",
    ),
    (
        "COPY (SELECT * FROM duties WHERE position <= {0}) TO STDOUT (FORMAT binary)",
        "COPY duties FROM STDIN (FORMAT binary)",
    ),
)


def copy_beginning(source: str, copy: str, most: int = MOST_EVENTS) -> int:
    """The first events of a log, with the rows that came with them; how many."""
    with connect(source) as reading, connect(copy) as writing, writing.transaction():
        row = reading.execute("SELECT position FROM log_head").fetchone()
        head = min(row[0] if row else 0, most)
        for out, into in _COPIED:
            with (
                reading.cursor().copy(out.format(int(head)).encode()) as rows,
                writing.cursor().copy(into.encode()) as filled,
            ):
                for block in rows:
                    filled.write(block)
        writing.execute("UPDATE log_head SET position = %s", (head,))
    return head


class Target:
    """A log that is attacked in copies of it, with a witness of its own outside."""

    def __init__(self, server: str, dsn: str, place: Path) -> None:
        """`dsn` is of a filled, migrated database that is nobody's; nothing else may be connected to it."""
        self.dsn = dsn
        self.server = server
        self.checkpoints = Checkpoints(signer(str(place / "key")), Outside(place / "outside"))
        self.case = uuid4()
        recorder = PostgresLogRecorder(Datastore(dsn))
        try:
            for append in case_about_money(self.case, datetime.now(UTC)):
                recorder.append(append)
        finally:
            recorder.close()
        with connect(dsn) as connection:
            made = self.checkpoints.make(connection)
        assert made is not None
        self.head = made.size
        with connect(dsn) as connection:
            # A demonstration lives through its past in virtual time: that is nobody's attack.
            known = faults(connection, self.checkpoints)
            self.known = frozenset(one for one in known if one.endswith(RECORDED_EARLIER))

    def told(self) -> dict[str, str]:
        """What stands for `{…}` in an attack's statements."""
        stream: UUID = uuid4()
        calls = sent(stream, self.case)
        return {"head": str(self.head), "case": str(self.case), "stream": str(stream), **calls}

    @contextmanager
    def copy(self) -> Iterator[str]:
        """The address of a copy, with the rights of the address that was given."""
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
def logins(
    server: Connection, roles: Sequence[str] = ATTACKERS
) -> Iterator[dict[str, dict[str, str]]]:
    """A login for each role that is a member of it and of nothing else: what each says to connect."""
    made: dict[str, dict[str, str]] = {}
    try:
        for role in roles:
            # Should this process be killed, nobody can use what it leaves behind.
            expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
            name, password = f"{role}_attack_{secrets.token_hex(3)}", secrets.token_urlsafe(24)
            create = SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {} VALID UNTIL {}")
            server.execute(
                create.format(
                    Identifier(name), Literal(password), Identifier(role), Literal(expires)
                )
            )
            made[role] = {"user": name, "password": password, "options": f"-c role={role}"}
        yield made
    finally:
        for told in made.values():
            server.execute(SQL("DROP ROLE IF EXISTS {}").format(Identifier(told["user"])))
