"""Alter a log as a superuser who first disables the triggers that protect it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from infrastructure.event_store.rights import EVENT_TRIGGERS, TRIGGERS


@contextmanager
def without_triggers(connection: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """Disable the triggers inside this block and enable them afterwards."""
    for name in EVENT_TRIGGERS:
        connection.execute(SQL("ALTER EVENT TRIGGER {} DISABLE").format(Identifier(name)))
    _triggers(connection, "DISABLE")
    yield connection
    _triggers(connection, "ENABLE ALWAYS")
    for name in EVENT_TRIGGERS:
        connection.execute(SQL("ALTER EVENT TRIGGER {} ENABLE ALWAYS").format(Identifier(name)))


def _triggers(connection: psycopg.Connection[Any], how: str) -> None:
    for table, names in TRIGGERS.items():
        for name in names:
            statement = SQL("ALTER TABLE {} {} TRIGGER {}")
            connection.execute(statement.format(Identifier(table), SQL(how), Identifier(name)))
