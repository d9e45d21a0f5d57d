"""Opening the database that the settings name, and scratch databases beside it."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from infrastructure.postgres.embedded import EmbeddedPostgres
from infrastructure.postgres.roles import with_logins
from infrastructure.settings import DATABASE, Settings

OLDEST_SERVER = 15
RECOVERY_SECONDS = 60.0
"""How long a recovery that gets no further is waited for."""
_READ_ONLY: Final = "can only be read"
_logger = logging.getLogger("casetrail.database")


class DatabaseUnusable(Exception):
    """The database cannot be used."""


@contextmanager
def open_database(settings: Settings, *, to_write: bool = True) -> Iterator[str]:
    """The connection string of the database; an embedded server is started, and stopped at the end
    if nobody else uses it. One that recovers is waited for, if it is to be written to.

    Raises DatabaseUnusable, PostgresNotStarted.
    """
    if settings.database_url is not None:
        _check(settings.database_url)
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
        yield with_logins(server.dsn(DATABASE))
    finally:
        server.leave()


def _check(dsn: str) -> None:
    try:
        with psycopg.connect(dsn, connect_timeout=10) as connection:
            version = connection.info.server_version
    except psycopg.Error as error:
        raise DatabaseUnusable(f"DATABASE_URL: {error}") from None
    if version < OLDEST_SERVER * 10_000:
        raise DatabaseUnusable(
            f"DATABASE_URL: PostgreSQL {version // 10_000} is too old, {OLDEST_SERVER} or newer is needed"
        )


def _wait_for_recovery(dsn: str) -> None:
    """For as long as it gets on."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        last, ends_at = None, time.monotonic() + RECOVERY_SECONDS
        while (now := _recovery(connection)) is not None:
            if last is None:
                _logger.warning("the database is being recovered: waiting for that")
            if now.follows:
                raise DatabaseUnusable(f"it follows another server and {_READ_ONLY}: use that one")
            if now.is_paused:
                raise DatabaseUnusable(
                    f"its recovery is paused at {now.at} and {_READ_ONLY}: set recovery_target_action = "
                    "'promote' and start it again, or go on with SELECT pg_wal_replay_resume()"
                )
            if now != last:
                last, ends_at = now, time.monotonic() + RECOVERY_SECONDS
            elif time.monotonic() > ends_at:
                raise DatabaseUnusable(
                    f"its recovery gets no further than {now.at} and {_READ_ONLY}: see the server's log. A "
                    "server that is to stay a copy is not the one to use here"
                )
            time.sleep(0.1)


class _Recovery(NamedTuple):
    at: str
    is_paused: bool
    follows: bool


def _recovery(connection: psycopg.Connection[Any]) -> _Recovery | None:
    row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
    if row is None or not row[0]:
        return None
    try:
        told = connection.execute(
            "SELECT pg_last_wal_replay_lsn()::text, pg_get_wal_replay_pause_state() = 'paused', "
            "EXISTS (SELECT FROM pg_stat_wal_receiver)"
        ).fetchone()
    except psycopg.errors.ObjectNotInPrerequisiteState:
        return None  # it was promoted in between
    assert told is not None
    return _Recovery(*told)


@contextmanager
def scratch_database(dsn: str, purpose: str, *, keep: bool = False) -> Iterator[str]:
    """A fresh database on the same server, dropped at the end unless it is to be kept.

    Raises DatabaseUnusable if the role may not create databases.
    """
    name = f"casetrail_{purpose}_{secrets.token_hex(4)}"
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    except psycopg.errors.InsufficientPrivilege:
        raise DatabaseUnusable(
            f"a {purpose} needs a database of its own, and this role may not create one: "
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
