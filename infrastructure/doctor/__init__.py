"""The doctor: whether the database and the log are as they must be, and what to do where they are not."""

from __future__ import annotations

import os
from collections.abc import Sequence

from infrastructure.doctor.findings import Finding, Verdict
from infrastructure.doctor.log import keys, last_event, migrations, switches, whole_log, witnessed
from infrastructure.doctor.rights import rights_found
from infrastructure.doctor.server import server_found
from infrastructure.event_store.rights import Connection
from infrastructure.postgres.datastore import connect
from infrastructure.settings import Settings


class Unsafe(Exception):
    """It would be unsafe to start."""


def examine(connection: Connection, settings: Settings, *, whole: bool = False) -> list[Finding]:
    """All of it; with the whole log, event by event, if asked for."""
    found = _quickly(connection)
    if found[1].verdict is Verdict.OK:
        found += [
            last_event(connection),
            *witnessed(connection, settings),
            keys(connection, settings),
        ]
        if whole:
            found.append(whole_log(connection, settings))
    return found


def must_be_safe(dsn: str) -> None:
    """Before a process serves or works, in a few milliseconds. Raises Unsafe."""
    with connect(dsn) as connection:
        found = _quickly(connection)
    if bad := [one for one in found if one.verdict is Verdict.UNSAFE]:
        told = "\n".join(f"  {one.what}: {one.found}\n    what to do: {one.to_do}" for one in bad)
        raise Unsafe(f"`casetrail doctor` tells more.\n{told}")


def _quickly(connection: Connection) -> list[Finding]:
    found = [switches(os.environ), migrations(connection)]
    if found[1].verdict is Verdict.OK:
        found += rights_found(connection)
    return [*found, *server_found(connection)]


def most_serious(found: Sequence[Finding]) -> Verdict:
    verdicts = {one.verdict for one in found}
    return next((v for v in (Verdict.UNSAFE, Verdict.WARNING) if v in verdicts), Verdict.OK)
