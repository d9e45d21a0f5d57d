"""Checks of owners, roles, rights, functions, triggers and tables against what migrations make."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from psycopg.rows import tuple_row

from infrastructure.doctor.findings import Finding, ok, unsafe, warning
from infrastructure.event_store import rights as expected
from infrastructure.event_store.migrations import MIGRATIONS_DIRECTORY
from infrastructure.postgres.roles import OWNER, PROJECTOR, READER, READING_ROLES, WRITER

MIGRATE_ADVICE: Final = (
    "run `casetrail migrate` as the database's owner, and find out who changed it."
)
MAX_LISTED: Final = 5
RUNTIME_ROLES: Final = (WRITER, PROJECTOR, READER)
_BEFORE_ROW, _DELETE, _UPDATE, _BEFORE_TRUNCATE = 3, 8, 16, 34  # bits of pg_trigger.tgtype
INDEXES: Final = (
    *("stored_events_pkey", "stored_events_notification_id_index", "commands_pkey"),
    *("duties_pkey", "log_nodes_pkey", "checkpoints_pkey", "log_head_pkey"),
)
"""Indexes that keep positions, versions, keys and duties unique."""
_LOG_SCHEMA = "(SELECT relnamespace FROM pg_class WHERE oid = to_regclass('stored_events'))"


def check_rights(connection: expected.Connection) -> Iterator[Finding]:
    yield from _check_owners(connection)
    yield from _check_role_members(connection)
    yield from _check_privileges(connection)
    yield from _check_routines(connection)
    yield from _check_triggers(connection)
    yield from _check_table_structure(connection)
    yield from _check_event_triggers(connection)


def _check_owners(connection: expected.Connection) -> Iterator[Finding]:
    rows = _rows(
        connection,
        f"SELECT relname, pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = {_LOG_SCHEMA} "
        "AND relname = ANY (%s)",
        list(expected.TABLES),
    )
    missing = sorted(set(expected.TABLES) - {name for name, _ in rows})
    strange = sorted(f"{name} belongs to {owner}" for name, owner in rows if owner != OWNER)
    views = _rows(
        connection,
        "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = %s",
        expected.VIEWS_SCHEMA,
    )
    strange += [
        f"schema {expected.VIEWS_SCHEMA} belongs to {owner}"
        for (owner,) in views
        if owner != PROJECTOR
    ]
    strange += [f"{name} is missing" for name in missing]
    yield _finding_for(
        "owner of the log", strange, f"{len(rows)} tables and views belong to {OWNER}"
    )


def _check_privileges(connection: expected.Connection) -> Iterator[Finding]:
    """Check each grant, and the effective rights with everything that roles inherit."""
    found = set(
        _rows(
            connection,
            "SELECT relname, NULL, coalesce(rolname, 'PUBLIC'), privilege_type FROM pg_class, "
            "LATERAL aclexplode(relacl) AS acl LEFT JOIN pg_roles ON pg_roles.oid = acl.grantee "
            f"WHERE relnamespace = {_LOG_SCHEMA} AND relname = ANY (%s) AND acl.grantee <> relowner "
            "UNION ALL SELECT relname, attname, coalesce(rolname, 'PUBLIC'), privilege_type "
            "FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid, "
            "LATERAL aclexplode(attacl) AS acl LEFT JOIN pg_roles ON pg_roles.oid = acl.grantee "
            f"WHERE relnamespace = {_LOG_SCHEMA} AND relname = ANY (%s) AND acl.grantee <> relowner",
            list(expected.TABLES),
            list(expected.TABLES),
        )
    )
    wanted = {
        (table, column, right.role, right.privilege)
        for table, rights in expected.TABLES.items()
        for right in rights
        for column in (right.columns or (None,))
    }
    strange = [f"{_format_row(one)} was granted" for one in sorted(found - wanted, key=str)]
    strange += [f"{_format_row(one)} was revoked" for one in sorted(wanted - found, key=str)]
    yield _finding_for("rights on the log", strange, f"{len(wanted)} grants, all as expected")
    effective = _rows(
        connection,
        "SELECT relname, role, privilege FROM pg_class, unnest(%s::text[]) AS role, "
        "unnest(%s::text[]) AS privilege "
        f"WHERE relnamespace = {_LOG_SCHEMA} AND relname = ANY (%s) AND to_regrole(role) IS NOT NULL AND CASE "
        "WHEN privilege IN ('DELETE', 'TRUNCATE') "
        "THEN has_table_privilege(role, pg_class.oid, privilege) "
        "ELSE has_any_column_privilege(role, pg_class.oid, privilege) END",
        list(RUNTIME_ROLES),
        list(expected.WRITE_PRIVILEGES),
        list(expected.TABLES),
    )
    allowed = {
        (table, role, right.privilege)
        for table, rights in expected.TABLES.items()
        for right in rights
        for role in (right.role, *(READING_ROLES if right.role == READER else ()))
    }
    more = [f"{role} may {what} {table}" for table, role, what in effective]
    more = [
        text
        for text, one in zip(more, effective, strict=True)
        if (one[0], one[1], one[2]) not in allowed
    ]
    yield _finding_for("effective rights", sorted(more), "no role has more than it needs")


def _check_role_members(connection: expected.Connection) -> Iterator[Finding]:
    known = _rows(
        connection,
        "SELECT rolname, rolsuper OR rolcreaterole OR rolbypassrls OR rolreplication OR rolcreatedb "
        "FROM pg_roles WHERE rolname = ANY (%s)",
        [OWNER, *RUNTIME_ROLES],
    )
    strange = [f"{name} has attributes that a role must not have" for name, more in known if more]
    strange += [
        f"{name} is missing"
        for name in (OWNER, *RUNTIME_ROLES)
        if name not in {one for one, _ in known}
    ]
    belongs = _rows(
        connection,
        "SELECT member.rolname, role.rolname FROM pg_auth_members "
        "JOIN pg_roles AS role ON role.oid = roleid JOIN pg_roles AS member ON member.oid = member "
        "WHERE member.rolname = ANY (%s)",
        [OWNER, *RUNTIME_ROLES],
    )
    fine = {(role, READER) for role in READING_ROLES}
    strange += [f"{a} is a member of {b}" for a, b in sorted(set(belongs) - fine)]
    yield _finding_for("roles", strange, ", ".join((OWNER, *RUNTIME_ROLES)))
    owners = _rows(
        connection,
        "SELECT DISTINCT rolname FROM pg_auth_members JOIN pg_roles ON pg_roles.oid = member "
        "WHERE roleid = to_regrole(%s) AND NOT rolsuper ORDER BY rolname",
        OWNER,
    )
    if owners:
        yield ok("who may act as the owner", ", ".join(name for (name,) in owners))


def _check_routines(connection: expected.Connection) -> Iterator[Finding]:
    rows = _rows(
        connection,
        "SELECT proname, prosrc, prosecdef, coalesce(proconfig, '{}'), pg_get_userbyid(proowner), "
        "array(SELECT coalesce(rolname, 'PUBLIC') FROM aclexplode(coalesce(proacl, "
        "acldefault('f', proowner))) AS acl LEFT JOIN pg_roles ON pg_roles.oid = acl.grantee "
        "WHERE acl.grantee <> proowner ORDER BY 1), nspname FROM pg_proc "
        "JOIN pg_namespace ON pg_namespace.oid = pronamespace "
        f"WHERE pronamespace = {_LOG_SCHEMA} AND proname = ANY (%s)",
        [*(one.name for one in expected.ROUTINES), expected.DDL_GUARD_FUNCTION],
    )
    texts, strange = expected.function_bodies(MIGRATIONS_DIRECTORY), []
    known = {row[0]: row for row in rows}
    if len(known) < len(rows):
        strange.append("several functions have the same name")
    for routine in expected.ROUTINES:
        if routine.name not in known:
            strange.append(f"{routine.name} is missing")
            continue
        name, body, as_owner, options, owner, callers, schema = known[routine.name]
        if body != texts[name]:
            strange.append(f"{name} differs from the migrations")
        if owner != OWNER:
            strange.append(f"{name} belongs to {owner}")
        if routine.as_owner and not (as_owner and [*options] == [f"search_path={schema}, pg_temp"]):
            strange.append(f"{name} does not run as the owner with a fixed search_path")
        wanted = sorted(routine.callers) if routine.as_owner or routine.callers else []
        if sorted(callers) != wanted:
            strange.append(f"{name} may be called by {', '.join(callers) or 'nobody'}")
    refusing = known.get(expected.DDL_GUARD_FUNCTION)
    if refusing is not None and refusing[1] != texts[expected.DDL_GUARD_FUNCTION]:
        strange.append(f"{expected.DDL_GUARD_FUNCTION} differs from the migrations")
    yield _finding_for(
        "functions of the log", strange, ", ".join(one.name for one in expected.ROUTINES)
    )


def _check_triggers(connection: expected.Connection) -> Iterator[Finding]:
    rows = _rows(
        connection,
        "SELECT relname, tgname, tgenabled, tgtype, tgqual IS NULL, proname FROM pg_trigger "
        "JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid "
        f"WHERE relnamespace = {_LOG_SCHEMA} AND relname = ANY (%s) AND NOT tgisinternal",
        list(expected.TABLES),
    )
    found = {(table, name): (*rest,) for table, name, *rest in rows}
    wanted = {}
    for table, names in expected.TRIGGERS.items():
        row_level = _BEFORE_ROW | _DELETE | (0 if table in expected.UPDATABLE_TABLES else _UPDATE)
        types = {"only_added_to": row_level, "never_emptied": _BEFORE_TRUNCATE}
        for name in names:
            wanted[table, name] = ("A", types[name], True, "refuse_change")
    strange = [f"{name} on {table} is missing" for table, name in wanted.keys() - found.keys()]
    strange += [f"{name} on {table} is unknown" for table, name in found.keys() - wanted.keys()]
    strange += [
        f"{name} on {table} does not always fire"
        if found[table, name][0] != "A"
        else f"{name} differs"
        for table, name in wanted.keys() & found.keys()
        if found[table, name] != wanted[table, name]
    ]
    yield _finding_for("triggers", sorted(strange), f"{len(wanted)}, always enabled")


def _check_table_structure(connection: expected.Connection) -> Iterator[Finding]:
    """Check for rules, row security, child tables, unlogged tables and missing indexes."""
    rows = _rows(
        connection,
        f"WITH log AS (SELECT * FROM pg_class WHERE relnamespace = {_LOG_SCHEMA} AND relname = ANY (%s)) "
        "SELECT format('%%s has the rule %%s', relname, rulename) FROM log JOIN pg_rewrite "
        "ON ev_class = log.oid WHERE rulename <> '_RETURN' "
        "UNION ALL SELECT format('%%s has row security', relname) FROM log "
        "WHERE relrowsecurity OR relforcerowsecurity "
        "UNION ALL SELECT format('%%s is not a permanent table', relname) FROM log "
        "WHERE relkind NOT IN ('r', 'v') OR relpersistence <> 'p' OR relkind = 'v' AND relname <> 'trail' "
        "UNION ALL SELECT format('%%s has a child', relname) FROM log JOIN pg_inherits ON inhparent = log.oid "
        "UNION ALL SELECT format('%%s is missing', name) FROM unnest(%s::text[]) AS name "
        "WHERE NOT EXISTS (SELECT FROM log JOIN pg_index ON indrelid = log.oid JOIN pg_class AS one "
        "ON one.oid = indexrelid WHERE one.relname = name AND indisunique AND indisvalid AND indpred IS NULL)",
        list(expected.TABLES),
        list(INDEXES),
    )
    yield _finding_for(
        "shape of the log", sorted(one for (one,) in rows), "no rules, no children, all keys"
    )
    open_to_all = _rows(
        connection,
        "SELECT nspname FROM pg_namespace, LATERAL aclexplode(nspacl) AS acl "
        f"WHERE pg_namespace.oid = {_LOG_SCHEMA} AND acl.grantee = 0 AND privilege_type = 'CREATE'",
    )
    for (schema,) in open_to_all:
        to_do = f"run: REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC"
        yield warning("schema of the log", f"every login may create objects in {schema}", to_do)


def _check_event_triggers(connection: expected.Connection) -> Iterator[Finding]:
    rows = _rows(
        connection,
        "SELECT evtname, evtevent, evtenabled, proname, rolsuper FROM pg_event_trigger "
        "JOIN pg_proc ON pg_proc.oid = evtfoid JOIN pg_roles ON pg_roles.oid = proowner "
        "WHERE evtname = ANY (%s)",
        list(expected.EVENT_TRIGGERS),
    )
    fine = {
        name
        for name, event, enabled, function, by_superuser in rows
        if (event, enabled, function, by_superuser)
        == (expected.EVENT_TRIGGERS[name], "A", expected.DDL_GUARD_FUNCTION, True)
    }
    if missing := sorted(expected.EVENT_TRIGGERS.keys() - fine):
        yield warning(
            "event triggers",
            f"{', '.join(missing)} missing or not always enabled: the log's owner could redefine its tables",
            "let a superuser run `casetrail migrate`, or the SQL that `migrate --print-roles` prints.",
        )
    else:
        yield ok("event triggers", ", ".join(expected.EVENT_TRIGGERS))


def _finding_for(what: str, strange: Sequence[str], fine: str) -> Finding:
    if not strange:
        return ok(what, fine)
    listed = [*strange[:MAX_LISTED]]
    if len(strange) > MAX_LISTED:
        listed.append(f"and {len(strange) - MAX_LISTED} more")
    return unsafe(what, "; ".join(listed), MIGRATE_ADVICE)


def _format_row(one: tuple[Any, ...]) -> str:
    table, column, role, privilege = one
    where = f"{table} ({column})" if column else table
    return f"{privilege} on {where} to {role}"


def _rows(
    connection: expected.Connection, statement: str, *parameters: object
) -> list[tuple[Any, ...]]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(statement.encode(), parameters or None).fetchall()
