"""Checks of replication: whether a promoted standby would have everything that was acknowledged."""

from collections.abc import Iterator

from infrastructure.doctor.findings import Finding, ok, unsafe, warning
from infrastructure.event_store.rights import Connection
from infrastructure.postgres.rows import fetch_rows
from infrastructure.postgres.standbys import StandbysUnusable, parse_standbys

_WHAT = "standbys"
_STATE = """
    SELECT current_setting('synchronous_standby_names'), current_setting('synchronous_commit'),
    ARRAY(SELECT ARRAY[application_name, coalesce(sync_state, ''), coalesce(flush_lsn::text, '')]
          FROM pg_stat_replication ORDER BY application_name)
"""
_WAITS_FOR_FLUSH = ("on", "remote_apply")


def check_replication(connection: Connection, setting: str | None) -> Iterator[Finding]:
    """`setting`: the value of CASETRAIL_STANDBYS."""
    ((synchronous, commit, connected),) = fetch_rows(connection, _STATE)
    names = {name for name, _, _ in connected}
    if setting is None:
        if connected or synchronous:
            yield _without_setting(synchronous, commit, connected)
        return
    try:
        wanted = parse_standbys(setting)
    except StandbysUnusable as error:
        yield unsafe(_WHAT, str(error), "correct CASETRAIL_STANDBYS.")
        return
    found = sorted(names & set(wanted.names))
    if len(found) < wanted.quorum:
        yield unsafe(
            _WHAT,
            f"{len(found)} of the {wanted.quorum} that must flush are connected ({', '.join(found) or 'none'})",
            f"start the standbys {wanted}: until then, nothing is signed or acknowledged.",
        )
        return
    if any(not flushed for name, _, flushed in connected if name in wanted.names):
        to_do = "GRANT pg_monitor to it: until then, nothing is signed or acknowledged."
        yield unsafe(_WHAT, "this login does not see how far the standbys are", to_do)
        return
    if not synchronous or commit not in _WAITS_FOR_FLUSH:
        yield warning(
            _WHAT,
            f"{wanted} are waited for, but by the service alone: replication is asynchronous "
            f"(synchronous_standby_names is {synchronous or 'empty'}, synchronous_commit {commit})",
            f"set synchronous_standby_names = 'ANY {wanted}' and synchronous_commit = on, for other writers.",
        )
        return
    yield ok(_WHAT, f"{wanted} flush before anything is signed or acknowledged")


def _without_setting(synchronous: str, commit: str, connected: list[list[str]]) -> Finding:
    names = ", ".join(name for name, _, _ in connected)
    is_async = not synchronous or commit not in _WAITS_FOR_FLUSH
    if is_async and connected:
        return warning(
            _WHAT,
            f"replication to {names} is asynchronous: if one is promoted, acknowledged events may be lost",
            "set synchronous_standby_names, synchronous_commit = on, and CASETRAIL_STANDBYS.",
        )
    return warning(
        _WHAT,
        f"commits wait for {synchronous}, but checkpoints do not: a wait that is cancelled goes unnoticed",
        "set CASETRAIL_STANDBYS to the same standbys.",
    )
