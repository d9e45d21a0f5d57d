"""What the server promises, who asks it, and whether its clock is ours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from psycopg.rows import dict_row

from infrastructure.doctor.findings import Finding, ok, unsafe, warning
from infrastructure.event_store.rights import Connection
from infrastructure.postgres.embedded import EXPENDABLE
from infrastructure.postgres.roles import LOGINS, ROLES

CLOCKS_APART: Final = timedelta(seconds=2)
SETTINGS: Final = (
    *("fsync", "full_page_writes", "synchronous_commit", "data_checksums"),
    *("wal_level", "archive_mode", "server_version"),
)
_LOST: Final = {
    "fsync": "a power cut may destroy the database",
    "full_page_writes": "a power cut may tear pages, and no recovery mends them",
    "synchronous_commit": "what was answered as stored may be gone after a crash",
}


def server_found(connection: Connection) -> Iterator[Finding]:
    before = datetime.now(UTC)
    told = _asked(connection)
    after = datetime.now(UTC)
    yield ok("server", f"PostgreSQL {told['server_version']}")
    yield _who(told)
    for name, harm in _LOST.items():
        yield _promise(name, told[name], harm, told["expendable"] == "on")
    if told["data_checksums"] == "on":
        yield ok("data_checksums", "on")
    else:
        to_do = "stop the server and run `pg_checksums --enable`."
        yield warning("data_checksums", "off: a disk that alters pages goes unnoticed", to_do)
    archive = f"wal_level {told['wal_level']}, archive_mode {told['archive_mode']}"
    yield ok(
        "archive",
        f"{archive}: without an archive, a restore goes back to the last base backup"
        if told["archive_mode"] == "off"
        else archive,
    )
    yield _clock(told["now"], before, after)


def _asked(connection: Connection) -> dict[str, Any]:
    names = ", ".join(f"current_setting('{name}') AS {name}" for name in SETTINGS)
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            f"SELECT {names}, coalesce(current_setting('{EXPENDABLE}', true), '') AS expendable, "
            f"coalesce(current_setting('{LOGINS}', true), '') = 'on' AS logins, "
            "session_user, (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) AS superuser, "
            "array(SELECT rolname FROM pg_roles WHERE rolname = ANY (%s) "
            "AND pg_has_role(session_user, oid, 'MEMBER') ORDER BY 1) AS roles, "
            "clock_timestamp() AS now".encode(),
            (list(ROLES),),
        ).fetchone()
    assert row is not None
    return row


def _who(told: dict[str, Any]) -> Finding:
    what, user = "who connects", told["session_user"]
    if told["logins"]:
        return ok(what, f"each role logs in by itself; {user} migrates")
    if told["superuser"]:
        return warning(
            what,
            f"{user}, a superuser: what runs takes a lesser role, and whoever took it over could leave it",
            "migrate with it, and run `serve` and `worker` with a login of their own: see "
            "docs/operations.md.",
        )
    return ok(what, f"{user}, who may act as {', '.join(told['roles']) or 'none of the roles'}")


def _promise(name: str, value: str, harm: str, expendable: bool) -> Finding:
    if value != "off":
        return ok(name, value)
    if expendable:
        to_do = "it says so itself: a server for tests. Keep nothing there."
        return warning(name, f"off: {harm}", to_do)
    return unsafe(name, f"off: {harm}", f"set {name} = on, and restart the server.")


def _clock(theirs: datetime, before: datetime, after: datetime) -> Finding:
    apart = max(before - theirs, theirs - after, timedelta())
    if apart <= CLOCKS_APART:
        return ok("clock", "the database's and ours are together")
    return warning(
        "clock",
        f"{apart.total_seconds():.1f} s between the database's and ours: due times and leases are off by it",
        "synchronise the clocks of both machines (chrony, ntpd).",
    )
