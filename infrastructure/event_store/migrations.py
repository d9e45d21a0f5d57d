"""The schema, as numbered SQL files that are applied once, in order, and never edited after."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

from infrastructure.event_store.rights import grant
from infrastructure.postgres.roles import ensure_roles, roles_exist

FILES = Path(__file__).parent / "sql"
_LOCK = 0x0CA5E7A1


class SchemaChanged(Exception):
    """A migration that was already applied here reads differently now."""


class MayNotMigrate(Exception):
    """The schema is not up to date, and this address may not change it."""


def migrate(dsn: str, *, again: bool = False) -> list[str]:
    """Apply what is missing, in one transaction, and grant the rights; return the names of what was
    applied. `again`: grant them whether or not anything was missing.

    Raises SchemaChanged if an applied file was edited or is missing: add a new one instead. Raises
    RolesMissing, or MayNotMigrate if the address may not do it.
    """
    files = shipped()
    with psycopg.connect(dsn, autocommit=True) as connection:
        # Most starts find all as it should be, and some of them with an address that may only look.
        if not again and not missing(connection, files) and roles_exist(connection):
            return []
        ensure_roles(connection)
        try:
            return _applied(connection, files)
        except psycopg.errors.InsufficientPrivilege as error:
            raise MayNotMigrate(
                f"{error.diag.message_primary}. Run `casetrail migrate` with the address of the "
                "database's owner, or have an administrator run what `migrate --print-roles` prints."
            ) from None


def shipped() -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8") for file in sorted(FILES.glob("*.sql"))}


def missing(connection: psycopg.Connection[Any], files: Mapping[str, str]) -> list[str]:
    """The names of what is not applied yet. Raises SchemaChanged."""
    known = connection.execute("SELECT to_regclass('migrations') IS NOT NULL").fetchone()
    if known is None or not known[0]:
        return [*files]
    applied = dict(connection.execute("SELECT name, digest FROM migrations").fetchall())
    for name, digest in applied.items():
        if name not in files:
            raise SchemaChanged(
                f"the database has migration {name}, this build does not: run a newer build"
            )
        if digest != _digest(files[name]):
            raise SchemaChanged(f"{name} was edited after it was applied: add a new file")
    return [name for name in files if name not in applied]


def _applied(connection: psycopg.Connection[Any], files: Mapping[str, str]) -> list[str]:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.execute("SET LOCAL casetrail.migrating = on")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, digest text NOT NULL, "
            "applied_at timestamptz NOT NULL DEFAULT now())"
        )
        fresh = missing(connection, files)
        for name in fresh:
            connection.execute(files[name].encode())
            connection.execute(
                "INSERT INTO migrations (name, digest) VALUES (%s, %s)",
                (name, _digest(files[name])),
            )
        grant(connection)
    return fresh


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
