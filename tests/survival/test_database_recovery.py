"""A start while the database recovers: it waits as long as that gets on, and says why where it does not."""

import threading
import time

import psycopg
import pytest

from infrastructure.postgres import databases
from infrastructure.postgres.databases import DatabaseUnusable, open_database
from infrastructure.postgres.embedded import EmbeddedPostgres
from infrastructure.settings import Settings
from tests.survival.programs import eventually


def stopped(server: EmbeddedPostgres) -> Settings:
    """The settings of a server that recovers, from when it is started the next time until it is told."""
    server.stop()
    data = server.cluster / "data"
    (data / "standby.signal").touch()
    with (data / "postgresql.auto.conf").open("a") as file:
        file.write("restore_command = 'false'\n")
    return Settings(home=server.home)


def test_whoever_starts_while_it_recovers_waits_for_the_end_of_it(server: EmbeddedPostgres) -> None:
    settings = stopped(server)
    server.start()  # somebody else uses it, and will say that it recovers no further

    def promote() -> None:
        time.sleep(1)
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")

    promoting = threading.Thread(target=promote)
    promoting.start()
    with open_database(settings) as dsn, psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE written (at text)")
    promoting.join()


def test_what_gets_no_further_is_told_and_can_be_looked_at(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = stopped(server)
    monkeypatch.setattr(databases, "RECOVERY_SECONDS", 0.5)
    with pytest.raises(DatabaseUnusable, match="has stopped at"), open_database(settings):
        pass
    with open_database(settings, to_write=False) as dsn, psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)


def test_what_is_paused_is_told_with_what_to_do(server: EmbeddedPostgres) -> None:
    settings = stopped(server)
    server.start()
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("SELECT pg_wal_replay_pause()")

        def is_paused() -> bool:
            row = connection.execute("SELECT pg_get_wal_replay_pause_state()").fetchone()
            return row == ("paused",)

        eventually("it is paused", is_paused, within=10)
    with (
        pytest.raises(DatabaseUnusable, match="recovery_target_action = 'promote'"),
        open_database(settings),
    ):
        pass
