"""The database roles, and the addresses for connections that act as one of them.

Roles belong to the whole cluster: all databases share them, and several processes may create them at
once. They are never dropped.
"""

import time
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from infrastructure.postgres.rows import Connection, fetch_rows

OWNER: Final = "casetrail_owner"
"""Owns the log. No connection logs in as it."""
WRITER: Final = "casetrail_writer"
"""Appends through the append function, leases due timers, and may halt the log."""
PROJECTOR: Final = "casetrail_projector"
"""Maintains the reports and the log's tree, and may halt the log."""
READER: Final = "casetrail_reader"
"""Only reads."""
ROLES: Final = (OWNER, WRITER, PROJECTOR, READER)
READING_ROLES: Final = (WRITER, PROJECTOR)
"""The roles that are members of the reader."""
LOGINS_SETTING: Final = "casetrail.logins"
"""In an address (`options=-c casetrail.logins=on`): each role has its own login on that server."""
_TRIES = 20
_PAUSE_SECONDS = 0.05


class RolesMissing(Exception):
    """The database's roles are missing, and this login may not create them."""


def dsn_for_role(dsn: str, role: str) -> str:
    """The address for connections with exactly the rights of the role."""
    options = str(conninfo_to_dict(dsn).get("options") or "")
    if f"{LOGINS_SETTING}=on" in options:
        return make_conninfo(dsn, user=role)
    return make_conninfo(dsn, options=f"{options} -c role={role}".strip())


def dsn_with_role_logins(dsn: str) -> str:
    """The address of a server on which each role has its own login."""
    return make_conninfo(dsn, options=f"-c {LOGINS_SETTING}=on")


def ensure_roles(connection: Connection) -> None:
    """Create missing roles and memberships, outside of a transaction. Raises RolesMissing."""
    for attempt in range(_TRIES):
        try:
            for statement in _missing_role_statements(connection):
                connection.execute(statement)
            return
        except psycopg.errors.InsufficientPrivilege as error:
            raise RolesMissing(
                f"{error.diag.message_primary}. Have an administrator run the output of `casetrail "
                "migrate --print-roles`, and start again."
            ) from None
        except (
            psycopg.errors.DuplicateObject,
            psycopg.errors.UniqueViolation,
            psycopg.errors.InternalError_,  # "tuple concurrently updated"
        ):
            # Another process, perhaps of another database, does the same now.
            if attempt == _TRIES - 1:
                raise
            time.sleep(_PAUSE_SECONDS)


def roles_exist(connection: Connection) -> bool:
    """Whether all roles exist, and may log in if each has its own login."""
    ((count,),) = fetch_rows(
        connection,
        "SELECT count(*) FROM pg_roles WHERE rolname = ANY (%s) AND (rolname = %s OR rolcanlogin "
        "OR coalesce(current_setting(%s, true), '') <> 'on')",
        *(list(ROLES), OWNER, LOGINS_SETTING),
    )
    return bool(count == len(ROLES))


def _missing_role_statements(connection: Connection) -> list[SQL | Any]:
    roles = list(ROLES)
    found: dict[str, bool] = dict(
        fetch_rows(
            connection, "SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname = ANY (%s)", roles
        )
    )
    ((is_superuser, logs_in),) = fetch_rows(
        connection,
        "SELECT rolsuper, coalesce(current_setting(%s, true), '') = 'on' "
        "FROM pg_roles WHERE rolname = current_user",
        LOGINS_SETTING,
    )
    members = fetch_rows(
        connection,
        "SELECT role.rolname, member.rolname FROM pg_auth_members "
        "JOIN pg_roles AS role ON role.oid = roleid JOIN pg_roles AS member ON member.oid = member "
        "WHERE role.rolname = ANY (%s)",
        roles,
    )
    ours = fetch_rows(
        connection,
        "SELECT rolname FROM pg_roles WHERE rolname = ANY (%s) AND NOT rolsuper "
        "AND pg_has_role(current_user, oid, 'USAGE')",
        roles,
    )
    wanted: list[Any] = []
    for role in ROLES:
        login = SQL("LOGIN" if logs_in and role != OWNER else "NOLOGIN")
        if role not in found:
            wanted.append(SQL("CREATE ROLE {} {}").format(Identifier(role), login))
        elif logs_in and role != OWNER and not found[role]:
            wanted.append(SQL("ALTER ROLE {} LOGIN").format(Identifier(role)))
    wanted += [
        SQL("GRANT {} TO {}").format(Identifier(READER), Identifier(role))
        for role in READING_ROLES
        if (READER, role) not in members
    ]
    if not is_superuser:
        wanted += [
            SQL("GRANT {} TO CURRENT_USER").format(Identifier(role))
            for role in ROLES
            if (role,) not in ours
        ]
    return wanted


def roles_script(dsn: str | None) -> str:
    """The SQL that an administrator runs once for each server if our login may not create roles."""
    user = str(conninfo_to_dict(dsn or "").get("user") or "LOGIN_THAT_MIGRATES")
    lines = ["-- Run once for each server. Leave out roles that exist already."]
    lines += [f"CREATE ROLE {role} NOLOGIN;" for role in ROLES]
    lines.append(f"GRANT {READER} TO {', '.join(READING_ROLES)};")
    lines.append(f'GRANT {", ".join(ROLES)} TO "{user}";')
    lines.append("-- For `serve` and `worker`, a login that can neither migrate nor lift a halt:")
    lines.append("-- CREATE ROLE casetrail_service LOGIN PASSWORD '…';")
    lines.append(f"-- GRANT {', '.join(ROLES[1:])} TO casetrail_service;")
    return "\n".join(lines)
