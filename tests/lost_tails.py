"""Logs that lose their last events, and the people who accept that."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner, Result
from psycopg import Connection

from api.cli import casetrail
from api.composition import desks, prepare_database
from api.configured_checkpoints import checkpoints_of, continuity
from domain.people import Role
from infrastructure.doctor import examine
from infrastructure.doctor.findings import Finding
from infrastructure.postgres.datastore import connect
from infrastructure.settings import Settings, load_settings
from infrastructure.transparency.origins import Origins, read_origins
from tests.tampering import without_triggers


def lose_tail(dsn: str, kept: int, *, keep_checkpoints: bool = False) -> None:
    """Cut the log back to this position and end all connections, like a restore."""
    with connect(dsn) as connection:
        with without_triggers(connection):
            connection.execute("DELETE FROM stored_events WHERE notification_id > %s", (kept,))
            connection.execute("DELETE FROM commands WHERE position > %s", (kept,))
            connection.execute("DELETE FROM duties WHERE position > %s", (kept,))
            connection.execute("DELETE FROM log_nodes WHERE (place + 1) << level > %s", (kept,))
            if not keep_checkpoints:
                connection.execute("DELETE FROM checkpoint_signatures WHERE size > %s", (kept,))
                connection.execute("DELETE FROM checkpoints WHERE size > %s", (kept,))
        connection.execute("UPDATE log_head SET position = %s", (kept,))
        end_connections(connection)


def end_connections(connection: Connection[tuple[object, ...]]) -> None:
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def add_people(dsn: str, **people: Role) -> dict[str, str]:
    """Add people, each with a role; return their tokens by name."""
    with desks(dsn) as working:
        for name, role in people.items():
            working.people.add(name, [role], working.clock())
        return {name: working.people.issue_token(name, working.clock()) for name in people}


def run_command(settings: Settings, *words: str, token: str | None = None, **more: str) -> Result:
    """Run `casetrail WORDS` in this process."""
    environment: Mapping[str, str | None] = {
        "DATABASE_URL": settings.database_url,
        "CASETRAIL_TOKEN": token,
        "CASETRAIL_WITNESS": settings.witness,
        **more,
    }
    given = ["--home", str(settings.home), *words]
    return CliRunner().invoke(casetrail, given, env=environment)


def accept(settings: Settings, first: str, second: str, *words: str) -> Result:
    """Let two people, each by their token, accept the loss."""
    asked = run_command(
        settings, "log", "accept-loss", "--reason", "The standby was behind.", *words, token=first
    )
    assert asked.exit_code == 0, asked.output
    return run_command(settings, "log", "confirm-loss", token=second)


class Site:
    """A log of two managers and a few more people, with a checkpoint after each step."""

    def __init__(self, dsn: str, home: Path) -> None:
        self.dsn = dsn
        prepare_database(dsn)
        self.settings = load_settings({"DATABASE_URL": dsn}, home)
        tokens = add_people(dsn, ana=Role.OPS_MANAGER, ben=Role.GOVERNANCE_OWNER, hugo=Role.HANDLER)
        self.ana, self.ben, self.hugo = tokens.values()
        self.names = 0
        self.sign()
        self.kept = self.head()

    def append(self, many: int = 1) -> None:
        with desks(self.dsn, continuity=continuity(self.settings)) as working:
            for _ in range(many):
                self.names += 1
                working.people.add(f"p{self.names}", [], working.clock())

    def sign(self) -> None:
        with connect(self.dsn) as connection:
            checkpoints_of(self.settings).make(connection)

    def head(self) -> int:
        with connect(self.dsn) as connection:
            ((head,),) = connection.execute("SELECT position FROM log_head").fetchall()
        return int(head)

    def lose(self, kept: int | None = None, **more: bool) -> None:
        lose_tail(self.dsn, self.kept if kept is None else kept, **more)

    def accept(self, *words: str) -> Result:
        return accept(self.settings, self.ana, self.ben, *words)

    def origins(self) -> Origins:
        with connect(self.dsn) as connection:
            return read_origins(connection)

    def examined(self) -> dict[str, Finding]:
        with connect(self.dsn) as connection:
            return {one.what: one for one in examine(connection, self.settings, whole=True)}

    def ask(self, number: int) -> tuple[int, Any]:
        asked = run_command(self.settings, "audit", "ask", str(number), "--json")
        return asked.exit_code, msgspec.json.decode(asked.stdout)["answer"]
