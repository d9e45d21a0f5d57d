"""Checks of the PostgreSQL server: durability settings, the login and the clock."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from psycopg.rows import dict_row

from infrastructure.doctor.findings import Finding, ok, unsafe, warning
from infrastructure.event_store.rights import Connection
from infrastructure.postgres.roles import LOGINS_SETTING, ROLES
from infrastructure.postgres.server_settings import EXPENDABLE_SETTING

MAX_CLOCK_SKEW: Final = timedelta(seconds=2)
SETTINGS: Final = (
    *("fsync", "full_page_writes", "synchronous_commit", "data_checksums"),
    *("wal_level", "archive_mode", "server_version"),
)
_HARM_IF_OFF: Final = {
    "fsync": "a power cut may destroy the database",
    "full_page_writes": "a power cut may corrupt pages for ever",
    "synchronous_commit": "a crash may lose events that were confirmed",
}


def check_server(connection: Connection) -> Iterator[Finding]:
    before = datetime.now(UTC)
    state = _read_server_state(connection)
    after = datetime.now(UTC)
    yield ok("server", f"PostgreSQL {state['server_version']}")
    yield _check_login(state)
    for name, harm in _HARM_IF_OFF.items():
        yield _check_setting(name, state[name], harm, state["expendable"] == "on")
    if state["data_checksums"] == "on":
        yield ok("data_checksums", "on")
    else:
        to_do = "stop the server and run `pg_checksums --enable`."
        yield warning("data_checksums", "off: corrupted pages go unnoticed", to_do)
    archive = f"wal_level {state['wal_level']}, archive_mode {state['archive_mode']}"
    yield ok(
        "archive",
        f"{archive}: a restore goes back to the last base backup"
        if state["archive_mode"] == "off"
        else archive,
    )
    yield _check_clock(state["now"], before, after)


def _read_server_state(connection: Connection) -> dict[str, Any]:
    names = ", ".join(f"current_setting('{name}') AS {name}" for name in SETTINGS)
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            f"SELECT {names}, coalesce(current_setting('{EXPENDABLE_SETTING}', true), '') AS expendable, "
            f"coalesce(current_setting('{LOGINS_SETTING}', true), '') = 'on' AS logins, "
            "session_user, (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) AS superuser, "
            "array(SELECT rolname FROM pg_roles WHERE rolname = ANY (%s) "
            "AND pg_has_role(session_user, oid, 'MEMBER') ORDER BY 1) AS roles, "
            "clock_timestamp() AS now".encode(),
            (list(ROLES),),
        ).fetchone()
    assert row is not None
    return row


def _check_login(state: dict[str, Any]) -> Finding:
    what, user = "who connects", state["session_user"]
    if state["logins"]:
        return ok(what, f"each role has its own login; {user} migrates")
    if state["superuser"]:
        return warning(
            what,
            f"{user}, a superuser: processes take a lesser role, but an intruder could leave it",
            "migrate with it, and give `serve` and `worker` their own login: see docs/operations.md.",
        )
    return ok(what, f"{user}, who may act as {', '.join(state['roles']) or 'none of the roles'}")


def _check_setting(name: str, value: str, harm: str, expendable: bool) -> Finding:
    if value != "off":
        return ok(name, value)
    if expendable:
        to_do = "it is a server for tests: keep no real data there."
        return warning(name, f"off: {harm}", to_do)
    return unsafe(name, f"off: {harm}", f"set {name} = on, and restart the server.")


def _check_clock(theirs: datetime, before: datetime, after: datetime) -> Finding:
    apart = max(before - theirs, theirs - after, timedelta())
    if apart <= MAX_CLOCK_SKEW:
        return ok("clock", "the database's and this machine's agree")
    return warning(
        "clock",
        f"the database's differs from this machine's by {apart.total_seconds():.1f} s, and so do due times",
        "synchronise the clocks of both machines (chrony, ntpd).",
    )
