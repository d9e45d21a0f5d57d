"""Who may what in the database: one list, granted by `migrate` and compared by `doctor`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import psycopg
from msgspec import Struct
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Composed, Identifier

from infrastructure.postgres.roles import OWNER, PROJECTOR, READER, WRITER

Connection = psycopg.Connection[Any]


class Right(Struct, frozen=True):
    """A role may do this with a table: with these of its columns, or with all."""

    role: str
    privilege: str
    columns: Sequence[str] = ()


_READ = Right(READER, "SELECT")
TABLES: Final[Mapping[str, Sequence[Right]]] = {
    "stored_events": (_READ,),
    "log_head": (_READ,),
    "commands": (_READ,),
    "duties": (_READ,),
    "timers": (_READ, Right(WRITER, "UPDATE", ("leased_until",))),
    "log_nodes": (_READ, Right(PROJECTOR, "INSERT", ("level", "place", "hash"))),
    "checkpoints": (_READ, Right(PROJECTOR, "INSERT", ("size", "root", "note"))),
    "checkpoint_signatures": (_READ, Right(PROJECTOR, "INSERT", ("size", "signed_by", "line"))),
    "key_store": (_READ, Right(WRITER, "INSERT", ("id",))),
    "order_keys": (
        _READ,
        Right(WRITER, "UPDATE", ("destroyed_at",)),
    ),
    "order_subjects": (
        _READ,
        Right(WRITER, "DELETE"),
    ),
    "personal_reads": (
        _READ,
        Right(WRITER, "INSERT", ("at", "principal", "person", "what", "order_id")),
    ),
    "migrations": (_READ,),
    "trail": (_READ,),
    "projections": (_READ, *(Right(PROJECTOR, one) for one in ("INSERT", "UPDATE", "DELETE"))),
    "projections_held": (_READ, *(Right(PROJECTOR, one) for one in ("INSERT", "UPDATE", "DELETE"))),
}
CHANGES: Final = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")


class Routine(Struct, frozen=True):
    """A function of the log, and who may call it. Those that act as the owner do so on a fixed path."""

    name: str
    callers: Sequence[str] = ()
    as_owner: bool = True


ROUTINES: Final = (
    Routine("append_events", (WRITER,)),
    Routine("halt_log", (WRITER, PROJECTOR)),
    Routine("lift_halt"),
    Routine("refuse_change", as_owner=False),
)
REFUSES_DDL: Final = "refuse_ddl"
"""Not the owner's: a superuser's, where one has migrated, so that the owner cannot rewrite it."""
TRIGGERS: Final[Mapping[str, Sequence[str]]] = {
    **dict.fromkeys(
        (
            "stored_events",
            "commands",
            "duties",
            "log_nodes",
            "checkpoints",
            "checkpoint_signatures",
            "personal_reads",
            "order_keys",
            "key_store",
            "migrations",
            "log_head",
        ),
        ("never_emptied", "only_added_to"),
    )
}
UPDATED: Final = ("log_head", "order_keys")
"""Rows of these are never removed, but change: the head moves, and a key is noted to be destroyed."""
EVENT_TRIGGERS: Final[Mapping[str, str]] = {
    "casetrail_defines": "ddl_command_end",
    "casetrail_drops": "sql_drop",
}
VIEWS: Final = "views"
_FUNCTION = re.compile(r"CREATE (?:OR REPLACE )?FUNCTION (\w+)\(.*?\$\$(.*?)\$\$", re.DOTALL)


def bodies(files: Path) -> dict[str, str]:
    """What the functions are by the migrations: the last word on each counts."""
    found: dict[str, str] = {}
    for file in sorted(files.glob("*.sql")):
        found.update(_FUNCTION.findall(file.read_text(encoding="utf-8")))
    return found


def grant(connection: Connection) -> None:
    """Make the rights what the list says. In the transaction of a migration."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(
            "SELECT current_schema(), rolsuper FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert row is not None
    schema, is_superuser = row
    for statement in _statements(schema, is_superuser):
        connection.execute(statement)
    for statement in _of_older_reports(connection):
        connection.execute(statement)
    if is_superuser:
        _refuse_ddl(connection)


def _statements(name: str, is_superuser: bool) -> Iterator[Composed]:
    schema = Identifier(name)
    owner = Identifier(OWNER)
    others = SQL(", ").join(map(Identifier, (WRITER, PROJECTOR, READER)))
    yield SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, Identifier(READER))
    if (
        not is_superuser
    ):  # whoever is none may only hand things to an owner that could have made them
        yield SQL("GRANT USAGE, CREATE ON SCHEMA {} TO {}").format(schema, owner)
    for table, rights in TABLES.items():
        it = Identifier(name, table)
        yield SQL("ALTER TABLE {} OWNER TO {}").format(it, owner)
        yield SQL("REVOKE ALL ON {} FROM PUBLIC, {}").format(it, others)
        for right in rights:
            columns = SQL(", ").join(map(Identifier, right.columns))
            yield SQL("GRANT {} {} ON {} TO {}").format(
                SQL(right.privilege),
                SQL("({})").format(columns) if right.columns else SQL(""),
                it,
                Identifier(right.role),
            )
    for routine in ROUTINES:
        it = Identifier(name, routine.name)
        yield SQL("ALTER FUNCTION {} OWNER TO {}").format(it, owner)
        if routine.as_owner:
            yield SQL("ALTER FUNCTION {} SECURITY DEFINER SET search_path = {}, pg_temp").format(
                it, schema
            )
        yield SQL("REVOKE ALL ON FUNCTION {} FROM PUBLIC, {}").format(it, others)
        for caller in routine.callers:
            yield SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(it, Identifier(caller))
    yield from _of_reports()


def _of_reports() -> Iterator[Composed]:
    views, projector, reader = map(Identifier, (VIEWS, PROJECTOR, READER))
    yield SQL("ALTER SCHEMA {} OWNER TO {}").format(views, projector)
    yield SQL("REVOKE ALL ON SCHEMA {} FROM PUBLIC").format(views)
    yield SQL("GRANT USAGE ON SCHEMA {} TO {}").format(views, reader)
    yield SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} GRANT SELECT ON TABLES TO {}").format(
        projector, reader
    )
    yield SQL("GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {}").format(views, reader)


def _of_older_reports(connection: Connection) -> list[Composed]:
    """Reports that were made before there were roles."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(
            "SELECT relname, relkind FROM pg_class WHERE relnamespace = %s::regnamespace "
            "AND relkind IN ('r', 'v') AND relowner <> %s::regrole",
            (VIEWS, PROJECTOR),
        ).fetchall()
    return [
        SQL("ALTER {} {} OWNER TO {}").format(
            SQL("VIEW" if kind == "v" else "TABLE"), Identifier(VIEWS, name), Identifier(PROJECTOR)
        )
        for name, kind in rows
    ]


def _refuse_ddl(connection: Connection) -> None:
    """Of what a superuser alone may do. A fixed path: its first schema is known for the log's."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute("SELECT current_schema(), current_user").fetchone()
        made = cursor.execute("SELECT evtname FROM pg_event_trigger").fetchall()
    assert row is not None
    schema, user = map(Identifier, row)
    function = Identifier(row[0], REFUSES_DDL)
    connection.execute(SQL("ALTER FUNCTION {} OWNER TO {}").format(function, user))
    connection.execute(
        SQL("ALTER FUNCTION {} SET search_path = {}, pg_temp").format(function, schema)
    )
    for name, event in EVENT_TRIGGERS.items():
        trigger = Identifier(name)
        if (name,) not in made:
            connection.execute(
                SQL("CREATE EVENT TRIGGER {} ON {} EXECUTE FUNCTION {}()").format(
                    trigger, SQL(event), function
                )
            )
        connection.execute(SQL("ALTER EVENT TRIGGER {} ENABLE ALWAYS").format(trigger))
    connection.execute(SQL("REVOKE CREATE ON SCHEMA {} FROM PUBLIC").format(schema))


def script() -> str:
    """What a superuser runs in the database where a lesser one has migrated."""
    lines = [
        "-- Once in the database, after `casetrail migrate`, as a superuser; from then on only a superuser",
        "-- migrates what changes the log's own tables. Say its schema where that is not public.",
        f"ALTER FUNCTION public.{REFUSES_DDL} OWNER TO CURRENT_USER;",
        f"ALTER FUNCTION public.{REFUSES_DDL} SET search_path = public, pg_temp;",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC;",
    ]
    for name, event in EVENT_TRIGGERS.items():
        lines.append(
            f"CREATE EVENT TRIGGER {name} ON {event} EXECUTE FUNCTION public.{REFUSES_DDL}();"
        )
        lines.append(f"ALTER EVENT TRIGGER {name} ENABLE ALWAYS;")
    return "\n".join(lines) + "\n"
