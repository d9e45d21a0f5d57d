"""The rights of each database role: one list, granted by `migrate` and checked by `doctor`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct
from psycopg.sql import SQL, Composed, Identifier

from infrastructure.postgres.roles import OWNER, PROJECTOR, READER, WRITER
from infrastructure.postgres.rows import Connection as Connection
from infrastructure.postgres.rows import fetch_rows


class Right(Struct, frozen=True):
    """A privilege of a role on a table: on these columns, or on all."""

    role: str
    privilege: str
    columns: Sequence[str] = ()


_READER_SELECT = Right(READER, "SELECT")
_PROJECTOR_WRITES = tuple(Right(PROJECTOR, verb) for verb in ("INSERT", "UPDATE", "DELETE"))
TABLES: Final[Mapping[str, Sequence[Right]]] = {
    "stored_events": (_READER_SELECT,),
    "log_head": (_READER_SELECT,),
    "commands": (_READER_SELECT,),
    "duties": (_READER_SELECT,),
    "timers": (_READER_SELECT, Right(WRITER, "UPDATE", ("leased_until",))),
    "log_nodes": (_READER_SELECT, Right(PROJECTOR, "INSERT", ("level", "place", "hash"))),
    "checkpoints": (
        _READER_SELECT,
        Right(PROJECTOR, "INSERT", ("origin_number", "size", "root", "note")),
    ),
    "checkpoint_signatures": (
        _READER_SELECT,
        Right(PROJECTOR, "INSERT", ("origin_number", "size", "signed_by", "line")),
    ),
    "key_store": (_READER_SELECT, Right(WRITER, "INSERT", ("id",))),
    "order_keys": (_READER_SELECT, Right(WRITER, "UPDATE", ("destroyed_at", "destroyed_by"))),
    "order_subjects": (_READER_SELECT, Right(WRITER, "DELETE")),
    "order_references": (_READER_SELECT,),
    "personal_reads": (
        _READER_SELECT,
        Right(WRITER, "INSERT", ("at", "principal", "person", "what", "order_id")),
    ),
    "migrations": (_READER_SELECT,),
    "trail": (_READER_SELECT,),
    "projections": (_READER_SELECT, *_PROJECTOR_WRITES),
    "projections_held": (_READER_SELECT, *_PROJECTOR_WRITES),
}
WRITE_PRIVILEGES: Final = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")


class Routine(Struct, frozen=True):
    """A function of the log and the roles that may call it. `as_owner`: it runs as the log's owner,
    on a fixed search path."""

    name: str
    callers: Sequence[str] = ()
    as_owner: bool = True


ROUTINES: Final = (
    Routine("append_events", (WRITER,)),
    Routine("add_references", (WRITER,)),
    Routine("halt_log", (WRITER, PROJECTOR)),
    Routine("lift_halt"),
    Routine("refuse_change", as_owner=False),
)
DDL_GUARD_FUNCTION: Final = "refuse_ddl"
"""A superuser owns it, where one has migrated, so that the log's owner cannot rewrite it."""
TRIGGERS: Final[Mapping[str, Sequence[str]]] = dict.fromkeys(
    (
        *("stored_events", "commands", "duties", "log_nodes", "checkpoints"),
        *("checkpoint_signatures", "personal_reads", "order_keys", "key_store"),
        *("migrations", "log_head"),
    ),
    ("never_emptied", "only_added_to"),
)
UPDATABLE_TABLES: Final = ("log_head", "order_keys")
"""Rows of these tables change but are never removed: the head moves; a key is marked destroyed."""
EVENT_TRIGGERS: Final[Mapping[str, str]] = {
    "casetrail_defines": "ddl_command_end",
    "casetrail_drops": "sql_drop",
}
VIEWS_SCHEMA: Final = "views"
_FUNCTION = re.compile(r"CREATE (?:OR REPLACE )?FUNCTION (\w+)\(.*?\$\$(.*?)\$\$", re.DOTALL)


def function_bodies(files: Path) -> dict[str, str]:
    """The body of each function, by name, as the last migration that creates it has it."""
    found: dict[str, str] = {}
    for file in sorted(files.glob("*.sql")):
        found.update(_FUNCTION.findall(file.read_text(encoding="utf-8")))
    return found


def grant_rights(connection: Connection) -> None:
    """Grant exactly the rights of the list, in the transaction of a migration."""
    ((schema, is_superuser),) = fetch_rows(
        connection, "SELECT current_schema(), rolsuper FROM pg_roles WHERE rolname = current_user"
    )
    for statement in _statements(schema, is_superuser):
        connection.execute(statement)
    for statement in _older_report_statements(connection):
        connection.execute(statement)
    if is_superuser:
        _ddl_guard_statements(connection)


def _statements(name: str, is_superuser: bool) -> Iterator[Composed]:
    schema = Identifier(name)
    owner = Identifier(OWNER)
    others = SQL(", ").join(map(Identifier, (WRITER, PROJECTOR, READER)))
    yield SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, Identifier(READER))
    if not is_superuser:  # then PostgreSQL only lets an owner take over what it could create
        yield SQL("GRANT USAGE, CREATE ON SCHEMA {} TO {}").format(schema, owner)
    for table, rights in TABLES.items():
        target = Identifier(name, table)
        yield SQL("ALTER TABLE {} OWNER TO {}").format(target, owner)
        yield SQL("REVOKE ALL ON {} FROM PUBLIC, {}").format(target, others)
        for right in rights:
            columns = SQL(", ").join(map(Identifier, right.columns))
            yield SQL("GRANT {} {} ON {} TO {}").format(
                SQL(right.privilege),
                SQL("({})").format(columns) if right.columns else SQL(""),
                target,
                Identifier(right.role),
            )
    for routine in ROUTINES:
        target = Identifier(name, routine.name)
        yield SQL("ALTER FUNCTION {} OWNER TO {}").format(target, owner)
        if routine.as_owner:
            yield SQL("ALTER FUNCTION {} SECURITY DEFINER SET search_path = {}, pg_temp").format(
                target, schema
            )
        yield SQL("REVOKE ALL ON FUNCTION {} FROM PUBLIC, {}").format(target, others)
        for caller in routine.callers:
            yield SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(target, Identifier(caller))
    yield from _report_statements()


def _report_statements() -> Iterator[Composed]:
    views, projector, reader = map(Identifier, (VIEWS_SCHEMA, PROJECTOR, READER))
    yield SQL("ALTER SCHEMA {} OWNER TO {}").format(views, projector)
    yield SQL("REVOKE ALL ON SCHEMA {} FROM PUBLIC").format(views)
    yield SQL("GRANT USAGE ON SCHEMA {} TO {}").format(views, reader)
    yield SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} GRANT SELECT ON TABLES TO {}").format(
        projector, reader
    )
    yield SQL("GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {}").format(views, reader)


def _older_report_statements(connection: Connection) -> list[Composed]:
    """Statements that hand over reports created before there were roles."""
    rows = fetch_rows(
        connection,
        "SELECT relname, relkind FROM pg_class WHERE relnamespace = %s::regnamespace "
        "AND relkind IN ('r', 'v') AND relowner <> %s::regrole",
        *(VIEWS_SCHEMA, PROJECTOR),
    )
    return [
        SQL("ALTER {} {} OWNER TO {}").format(
            SQL("VIEW" if kind == "v" else "TABLE"),
            Identifier(VIEWS_SCHEMA, name),
            Identifier(PROJECTOR),
        )
        for name, kind in rows
    ]


def _ddl_guard_statements(connection: Connection) -> None:
    """Install the event triggers, as only a superuser may. The function's search path is fixed, so
    that its first schema is the log's."""
    (row,) = fetch_rows(connection, "SELECT current_schema(), current_user")
    made = fetch_rows(connection, "SELECT evtname FROM pg_event_trigger")
    schema, user = map(Identifier, row)
    function = Identifier(row[0], DDL_GUARD_FUNCTION)
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


def event_trigger_script() -> str:
    """The SQL that a superuser runs after a role without that attribute has migrated."""
    lines = [
        "-- Run once in the database as a superuser, after `casetrail migrate`. Afterwards only a superuser",
        "-- can apply migrations that change the log's tables. Replace `public` if the schema is another.",
        f"ALTER FUNCTION public.{DDL_GUARD_FUNCTION} OWNER TO CURRENT_USER;",
        f"ALTER FUNCTION public.{DDL_GUARD_FUNCTION} SET search_path = public, pg_temp;",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC;",
    ]
    for name, event in EVENT_TRIGGERS.items():
        lines.append(
            f"CREATE EVENT TRIGGER {name} ON {event} EXECUTE FUNCTION public.{DDL_GUARD_FUNCTION}();"
        )
        lines.append(f"ALTER EVENT TRIGGER {name} ENABLE ALWAYS;")
    return "\n".join(lines) + "\n"
