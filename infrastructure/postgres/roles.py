"""The roles of a database, and the addresses with which a connection acts as one of them.

Roles belong to the whole cluster: several databases, and several processes that migrate them at once,
share these. They are never dropped.
"""

from __future__ import annotations

import time
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier

OWNER: Final = "casetrail_owner"
"""Owns the log. Nobody connects as it."""
WRITER: Final = "casetrail_writer"
"""Appends by the one function, takes what is due, and may halt the log."""
PROJECTOR: Final = "casetrail_projector"
"""Keeps the reports and the tree over the log, and may halt the log."""
READER: Final = "casetrail_reader"
"""Reads."""
ROLES: Final = (OWNER, WRITER, PROJECTOR, READER)
READING: Final = (WRITER, PROJECTOR)
"""Those that may read what the reader may."""
LOGINS: Final = "casetrail.logins"
"""Said in an address (`options=-c casetrail.logins=on`): there, each role logs in by itself."""
_TRIES = 20
_PAUSE_SECONDS = 0.05

Connection = psycopg.Connection[Any]


class RolesMissing(Exception):
    """The database's roles are missing, and this address may not create them."""


def acting_as(dsn: str, role: str) -> str:
    """The address of connections that may do what the role may, and no more."""
    told = conninfo_to_dict(dsn)
    options = str(told.get("options") or "")
    if f"{LOGINS}=on" in options:
        return make_conninfo(dsn, user=role)
    return make_conninfo(dsn, options=f"{options} -c role={role}".strip())


def with_logins(dsn: str) -> str:
    """The address of a server on which each role logs in by itself."""
    return make_conninfo(dsn, options=f"-c {LOGINS}=on")


def ensure_roles(connection: Connection) -> None:
    """Create what is missing of the roles and of who belongs to whom; outside of any transaction.
    Raises RolesMissing."""
    for attempt in range(_TRIES):
        try:
            wanted = _missing(connection)
            for statement in wanted:
                connection.execute(statement)
            return
        except psycopg.errors.InsufficientPrivilege as error:
            raise RolesMissing(
                f"{error.diag.message_primary}. Have an administrator run what `casetrail migrate "
                "--print-roles` prints, and start again."
            ) from None
        except (
            psycopg.errors.DuplicateObject,
            psycopg.errors.UniqueViolation,
            psycopg.errors.InternalError_,  # "tuple concurrently updated"
        ):
            # Another process, perhaps of another database, does the same at this moment.
            if attempt == _TRIES - 1:
                raise
            time.sleep(_PAUSE_SECONDS)


def roles_exist(connection: Connection) -> bool:
    """And may log in, where each does."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(
            "SELECT count(*) FROM pg_roles WHERE rolname = ANY (%s) AND (rolname = %s OR rolcanlogin "
            "OR coalesce(current_setting(%s, true), '') <> 'on')",
            (list(ROLES), OWNER, LOGINS),
        ).fetchone()
    return row is not None and row[0] == len(ROLES)


def _missing(connection: Connection) -> list[SQL | Any]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        found: dict[str, bool] = dict(
            cursor.execute(
                "SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname = ANY (%s)", (list(ROLES),)
            ).fetchall()
        )
        row = cursor.execute(
            "SELECT rolsuper, coalesce(current_setting(%s, true), '') = 'on' "
            "FROM pg_roles WHERE rolname = current_user",
            (LOGINS,),
        ).fetchone()
        assert row is not None
        is_superuser, logs_in = row
        members = cursor.execute(
            "SELECT role.rolname, member.rolname FROM pg_auth_members "
            "JOIN pg_roles AS role ON role.oid = roleid JOIN pg_roles AS member ON member.oid = member "
            "WHERE role.rolname = ANY (%s)",
            (list(ROLES),),
        ).fetchall()
        ours = cursor.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY (%s) AND NOT rolsuper "
            "AND pg_has_role(current_user, oid, 'USAGE')",
            (list(ROLES),),
        ).fetchall()
    wanted: list[Any] = []
    for role in ROLES:
        login = SQL("LOGIN" if logs_in and role != OWNER else "NOLOGIN")
        if role not in found:
            wanted.append(SQL("CREATE ROLE {} {}").format(Identifier(role), login))
        elif logs_in and role != OWNER and not found[role]:
            wanted.append(SQL("ALTER ROLE {} LOGIN").format(Identifier(role)))
    wanted += [
        SQL("GRANT {} TO {}").format(Identifier(READER), Identifier(role))
        for role in READING
        if (READER, role) not in members
    ]
    if not is_superuser:
        wanted += [
            SQL("GRANT {} TO CURRENT_USER").format(Identifier(role))
            for role in ROLES
            if (role,) not in ours
        ]
    return wanted


def script(dsn: str | None) -> str:
    """What an administrator runs, once for each server, where the address may create no roles."""
    user = str(conninfo_to_dict(dsn or "").get("user") or "LOGIN_THAT_MIGRATES")
    lines = ["-- Once for each server. Leave out what is there already."]
    lines += [f"CREATE ROLE {role} NOLOGIN;" for role in ROLES]
    lines.append(f"GRANT {READER} TO {', '.join(READING)};")
    lines.append(f'GRANT {", ".join(ROLES)} TO "{user}";')
    lines.append("-- For `serve` and `worker`, a login that can neither migrate nor lift a halt:")
    lines.append("-- CREATE ROLE casetrail_service LOGIN PASSWORD '…';")
    lines.append(f"-- GRANT {', '.join(ROLES[1:])} TO casetrail_service;")
    return "\n".join(lines)
