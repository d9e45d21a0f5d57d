"""Opens the database of the settings, and scratch databases on the same server."""

import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Final, NamedTuple

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from infrastructure.postgres.embedded import EmbeddedPostgres
from infrastructure.postgres.roles import dsn_with_role_logins
from infrastructure.postgres.rows import Connection, fetch_rows
from infrastructure.postgres.supervisor import supervised
from infrastructure.settings import DATABASE, Settings

MIN_SERVER_VERSION = 15
RECOVERY_SECONDS = 60.0
"""How long to wait for a recovery that makes no progress."""
_IN_RECOVERY: Final = "can only be read"
_logger = logging.getLogger("casetrail.database")


class DatabaseUnusable(Exception):
    """The database cannot be used."""


@contextmanager
def open_database(
    settings: Settings, *, to_write: bool = True, supervise: bool = False
) -> Iterator[str]:
    """The connection string of the database. An embedded server is started, and stopped at the end
    if no other process uses it; with `supervise`, it is kept running. With `to_write`, waits for a
    server that recovers. Raises DatabaseUnusable, PostgresNotStarted."""
    if settings.database_url is not None:
        _require_usable(settings.database_url)
        if to_write:
            _wait_for_recovery(settings.database_url)
        yield settings.database_url
        return
    server = EmbeddedPostgres(settings.home)
    server.start()
    try:
        if to_write:
            _wait_for_recovery(server.dsn())
            server.ensure_database(DATABASE)
        with supervised(server) if supervise else nullcontext():
            yield dsn_with_role_logins(server.dsn(DATABASE))
    finally:
        server.leave()


def _require_usable(dsn: str) -> None:
    try:
        with psycopg.connect(dsn, connect_timeout=10) as connection:
            version = connection.info.server_version
    except psycopg.Error as error:
        raise DatabaseUnusable(f"DATABASE_URL: {error}") from None
    if version < MIN_SERVER_VERSION * 10_000:
        raise DatabaseUnusable(
            f"DATABASE_URL: PostgreSQL {version // 10_000} is too old; use {MIN_SERVER_VERSION} or newer"
        )


def _wait_for_recovery(dsn: str) -> None:
    """Wait until the recovery has ended, as long as it makes progress. Raises DatabaseUnusable."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        last, ends_at = None, time.monotonic() + RECOVERY_SECONDS
        while (now := _read_recovery(connection)) is not None:
            if last is None:
                _logger.warning("waiting for the database to finish its recovery")
            if now.follows:
                raise DatabaseUnusable(
                    f"it is a replica of another server and {_IN_RECOVERY}: use the primary"
                )
            if now.is_paused:
                raise DatabaseUnusable(
                    f"its recovery is paused at {now.at} and it {_IN_RECOVERY}: set recovery_target_action "
                    "= 'promote' and restart it, or run SELECT pg_wal_replay_resume()"
                )
            if now != last:
                last, ends_at = now, time.monotonic() + RECOVERY_SECONDS
            elif time.monotonic() > ends_at:
                raise DatabaseUnusable(
                    f"its recovery has stopped at {now.at} and it {_IN_RECOVERY}: see the server's log. If "
                    "it is a replica, use the primary instead"
                )
            time.sleep(0.1)


class _Recovery(NamedTuple):
    at: str
    is_paused: bool
    follows: bool


def _read_recovery(connection: Connection) -> _Recovery | None:
    if fetch_rows(connection, "SELECT pg_is_in_recovery()") != [(True,)]:
        return None
    try:
        (state,) = fetch_rows(
            connection,
            "SELECT pg_last_wal_replay_lsn()::text, pg_get_wal_replay_pause_state() = 'paused', "
            "EXISTS (SELECT FROM pg_stat_wal_receiver)",
        )
    except psycopg.errors.ObjectNotInPrerequisiteState:
        return None  # it was promoted in between
    return _Recovery(*state)


@contextmanager
def scratch_database(dsn: str, purpose: str, *, keep: bool = False) -> Iterator[str]:
    """A new database on the same server, dropped at the end unless `keep`. Raises DatabaseUnusable
    if the role may not create databases."""
    name = f"casetrail_{purpose}_{secrets.token_hex(4)}"
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    except psycopg.errors.InsufficientPrivilege:
        raise DatabaseUnusable(
            f"a {purpose} needs its own database, but this role may not create one: "
            "grant it CREATEDB, or unset DATABASE_URL to use the embedded server"
        ) from None
    try:
        yield make_conninfo(dsn, dbname=name)
    finally:
        if not keep:
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute(
                    SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name))
                )
