"""Database migrations: numbered SQL files, applied once and in order, never edited afterwards."""

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import psycopg

from infrastructure.event_store.reference_table import fill_references
from infrastructure.event_store.rights import grant_rights
from infrastructure.postgres.roles import ensure_roles, roles_exist

MIGRATIONS_DIRECTORY = Path(__file__).parent / "sql"
REFERENCES: Final = "0017_references.sql"
_LOCK = 0x0CA5E7A1
_logger = logging.getLogger("casetrail.migrations")


class AppliedMigrationChanged(Exception):
    """An applied migration and its file in this build differ."""


class MigrationNotPermitted(Exception):
    """The schema is out of date, and this database role may not change it."""


def migrate(dsn: str, *, again: bool = False) -> list[str]:
    """Apply the missing migrations in one transaction, and grant the rights; return their names.
    `again`: grant the rights even if no migration is missing. Raises AppliedMigrationChanged if an
    applied file was edited or is missing. Raises RolesMissing, or MigrationNotPermitted if this
    database role may not migrate."""
    files = shipped_migrations()
    with psycopg.connect(dsn, autocommit=True) as connection:
        # Most starts find nothing to do, and some use a role that may only read.
        if not again and not missing_migrations(connection, files) and roles_exist(connection):
            return []
        ensure_roles(connection)
        try:
            return _applied_migrations(connection, files)
        except psycopg.errors.InsufficientPrivilege as error:
            raise MigrationNotPermitted(
                f"{error.diag.message_primary}. Run `casetrail migrate` as the database's owner, or "
                "have an administrator run the output of `casetrail migrate --print-roles`."
            ) from None


def shipped_migrations() -> dict[str, str]:
    files = sorted(MIGRATIONS_DIRECTORY.glob("*.sql"))
    return {file.name: file.read_text(encoding="utf-8") for file in files}


def missing_migrations(connection: psycopg.Connection[Any], files: Mapping[str, str]) -> list[str]:
    """The names of the migrations not yet applied. Raises AppliedMigrationChanged."""
    known = connection.execute("SELECT to_regclass('migrations') IS NOT NULL").fetchone()
    if known is None or not known[0]:
        return [*files]
    applied = dict(connection.execute("SELECT name, digest FROM migrations").fetchall())
    for name, digest in applied.items():
        if name not in files:
            raise AppliedMigrationChanged(
                f"the database has migration {name} and this build does not: run a newer build"
            )
        if digest != _digest(files[name]):
            raise AppliedMigrationChanged(
                f"migration {name} was edited after it was applied: restore it and add a new file"
            )
    return [name for name in files if name not in applied]


def _applied_migrations(connection: psycopg.Connection[Any], files: Mapping[str, str]) -> list[str]:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.execute("SET LOCAL casetrail.migrating = on")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, digest text NOT NULL, "
            "applied_at timestamptz NOT NULL DEFAULT now())"
        )
        missing = missing_migrations(connection, files)
        for name in missing:
            connection.execute(files[name].encode())
            row = (name, _digest(files[name]))
            connection.execute("INSERT INTO migrations (name, digest) VALUES (%s, %s)", row)
        if REFERENCES in missing:
            for progress in fill_references(connection):
                _logger.info("references: position %s of %s", progress.position, progress.head)
        grant_rights(connection)
    return missing


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
