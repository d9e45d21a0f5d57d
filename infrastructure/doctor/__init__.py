"""Checks of `casetrail doctor`: the database, its rights and the log, and what to do about faults."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime

from infrastructure.doctor import log
from infrastructure.doctor.erasures import check_after_erasure
from infrastructure.doctor.findings import Finding, Verdict
from infrastructure.doctor.keys import check_keys
from infrastructure.doctor.replication import check_replication
from infrastructure.doctor.rights import check_rights
from infrastructure.doctor.schedules import check_schedules
from infrastructure.doctor.server import check_server
from infrastructure.doctor.source_secrets import check_source_secrets
from infrastructure.event_store.rights import Connection
from infrastructure.postgres.datastore import connect
from infrastructure.settings import Settings


class UnsafeToStart(Exception):
    """It would be unsafe to start."""


def examine(
    connection: Connection, settings: Settings, *, whole: bool = False, now: datetime | None = None
) -> list[Finding]:
    """Every finding. `whole` also checks every event; `now` is the time for the checks of holidays and access
    reviews."""
    found = _quick_findings(connection)
    if found[1].verdict is Verdict.OK:
        found += [
            log.check_last_event(connection),
            *log.check_witnessed(connection, settings),
            *check_replication(connection, settings.standbys),
            check_keys(connection, settings),
            check_after_erasure(connection),
            check_source_secrets(connection, settings, now or datetime.now(UTC)),
            *check_schedules(connection, now or datetime.now(UTC)),
        ]
        if whole:
            found.append(log.check_whole_log(connection, settings))
    return found


def require_safe(dsn: str) -> None:
    """Run the quick checks before a process serves or works. Raises UnsafeToStart."""
    with connect(dsn) as connection:
        found = _quick_findings(connection)
    if bad := [one for one in found if one.verdict is Verdict.UNSAFE]:
        text = "\n".join(f"  {one.what}: {one.found}\n    what to do: {one.to_do}" for one in bad)
        raise UnsafeToStart(f"`casetrail doctor` shows all checks.\n{text}")


def _quick_findings(connection: Connection) -> list[Finding]:
    found = [log.check_switches(os.environ), log.check_migrations(connection)]
    if found[1].verdict is Verdict.OK:
        found += check_rights(connection)
    return [*found, *check_server(connection)]


def most_serious(found: Sequence[Finding]) -> Verdict:
    verdicts = {one.verdict for one in found}
    return next((v for v in (Verdict.UNSAFE, Verdict.WARNING) if v in verdicts), Verdict.OK)
