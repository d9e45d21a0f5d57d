"""A start waits while the database makes progress in its recovery, and otherwise fails with the reason."""

import threading
import time

import psycopg
import pytest

from infrastructure.postgres import databases
from infrastructure.postgres.databases import DatabaseUnusable, open_database
from infrastructure.postgres.embedded import EmbeddedPostgres
from infrastructure.settings import Settings
from tests.survival.programs import eventually


def stop_for_recovery(server: EmbeddedPostgres) -> Settings:
    """Stop the server, so that its next start stays in recovery until it is promoted."""
    server.stop()
    data = server.cluster / "data"
    (data / "standby.signal").touch()
    with (data / "postgresql.auto.conf").open("a") as file:
        file.write("restore_command = 'false'\n")
    return Settings(home=server.home)


def test_a_start_waits_until_the_recovery_ends(server: EmbeddedPostgres) -> None:
    settings = stop_for_recovery(server)
    server.start()  # another user has started it and promotes it later

    def promote() -> None:
        time.sleep(1)
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")

    promoting = threading.Thread(target=promote)
    promoting.start()
    with open_database(settings) as dsn, psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE written (at text)")
    promoting.join()


def test_a_stalled_recovery_is_an_error_and_the_database_can_be_read(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = stop_for_recovery(server)
    monkeypatch.setattr(databases, "RECOVERY_SECONDS", 0.5)
    with pytest.raises(DatabaseUnusable, match="has stopped at"), open_database(settings):
        pass
    with open_database(settings, to_write=False) as dsn, psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)


def test_the_error_of_a_paused_recovery_says_what_to_do(server: EmbeddedPostgres) -> None:
    settings = stop_for_recovery(server)
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
