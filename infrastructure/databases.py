"""Opening the database that the settings name, and scratch databases beside it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from infrastructure.database_roles import with_logins
from infrastructure.embedded_postgres import EmbeddedPostgres
from infrastructure.settings import DATABASE, Settings

OLDEST_SERVER = 15


class DatabaseUnusable(Exception):
    """The database cannot be used."""


@contextmanager
def open_database(settings: Settings) -> Iterator[str]:
    """The connection string of the database; an embedded server is started, and stopped at the end
    if nobody else uses it.

    Raises DatabaseUnusable, PostgresNotStarted.
    """
    if settings.database_url is not None:
        _check(settings.database_url)
        yield settings.database_url
        return
    server = EmbeddedPostgres(settings.home)
    server.start()
    try:
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
