"""The schema, as numbered SQL files that are applied once, in order, and never edited after."""

from __future__ import annotations

import hashlib
from pathlib import Path

import psycopg

FILES = Path(__file__).parent / "sql"
_LOCK = 0x0CA5E7A1


class SchemaChanged(Exception):
    """A migration that was already applied here reads differently now."""


def migrate(dsn: str) -> list[str]:
    """Apply what is missing, in one transaction; return the names of what was applied.

    Raises SchemaChanged if an applied file was edited or is missing: add a new one instead.
    """
    with psycopg.connect(dsn, autocommit=True) as connection, connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, digest text NOT NULL, "
            "applied_at timestamptz NOT NULL DEFAULT now())"
        )
        rows = connection.execute("SELECT name, digest FROM migrations").fetchall()
        applied: dict[str, str] = dict(rows)
        files = {
            file.name: file.read_text(encoding="utf-8") for file in sorted(FILES.glob("*.sql"))
        }
        for name, digest in applied.items():
            if name not in files:
                raise SchemaChanged(
                    f"the database has migration {name}, this build does not: run a newer build"
                )
            if digest != _digest(files[name]):
                raise SchemaChanged(f"{name} was edited after it was applied: add a new file")
        fresh = [name for name in files if name not in applied]
        for name in fresh:
            connection.execute(files[name].encode())
            connection.execute(
                "INSERT INTO migrations (name, digest) VALUES (%s, %s)",
                (name, _digest(files[name])),
            )
        return fresh


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
