"""Checks of the log: migrations, last event, checkpoints, and every event on request."""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from psycopg.rows import tuple_row

from infrastructure.doctor.findings import Finding, ok, unsafe, warning
from infrastructure.event_store.migrations import (
    AppliedMigrationChanged,
    missing_migrations,
    shipped_migrations,
)
from infrastructure.event_store.rights import Connection
from infrastructure.postgres.datastore import UNSAFE_SWITCH
from infrastructure.settings import Settings
from infrastructure.transparency.acknowledged import AcknowledgedHeads
from infrastructure.transparency.checkpoints import Checkpoints, LogNotAsWitnessed
from infrastructure.transparency.cosignatures import open_witness_clients
from infrastructure.transparency.former_keys import KEYS_FILE
from infrastructure.transparency.full_check import RECORDED_EARLIER, SIGNED_BY_ANOTHER, find_faults
from infrastructure.transparency.origins import read_origins
from infrastructure.transparency.outside_checkpoints import OutsideCheckpoints, size_of_note
from infrastructure.transparency.signing_keys import KeyUnusable, read_only_signer
from infrastructure.transparency.storage import StorageUnavailable
from infrastructure.transparency.witness_answers import WitnessObjects
from infrastructure.transparency.witness_policy import WitnessUnusable

MAX_CLOCK_AHEAD: Final = timedelta(minutes=5)


def check_switches(environment: Mapping[str, str]) -> Finding:
    found = sorted(name for name in environment if name.endswith(UNSAFE_SWITCH))
    if not found:
        return ok("library switches", "none is unsafe")
    names = ", ".join(found)
    harm = f"{names}: appends would take no lock, and followers would miss events for ever"
    return unsafe("library switches", harm, f"unset {names}.")


def check_migrations(connection: Connection) -> Finding:
    files = shipped_migrations()
    try:
        left = missing_migrations(connection, files)
    except AppliedMigrationChanged as error:
        return unsafe("migrations", str(error), "run the build that made the database's schema.")
    if left:
        return unsafe("migrations", f"not applied: {', '.join(left)}", "run `casetrail migrate`.")
    return ok("migrations", f"{len(files)} applied")


def check_last_event(connection: Connection) -> Finding:
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(
            "SELECT notification_id, (convert_from(state, 'UTF8')::jsonb ->> 'recorded_at')::timestamptz "
            "FROM stored_events ORDER BY notification_id DESC LIMIT 1"
        ).fetchone()
        halted = cursor.execute("SELECT FROM log_head WHERE halted").fetchone()
    if halted is not None:
        return unsafe(
            "last event",
            "writes are halted: the log did not match its checkpoint",
            "see docs/proof.md.",
        )
    if row is None:
        return ok("last event", "none yet")
    text = f"position {row[0]}, recorded at {row[1]:%Y-%m-%d %H:%M:%S}Z"
    if row[1] is not None and row[1] - datetime.now(UTC) > MAX_CLOCK_AHEAD:
        return warning(
            "last event", f"{text}: that is in the future", "check this machine's clock."
        )
    return ok("last event", text)


def check_whole_log(connection: Connection, settings: Settings) -> Finding:
    """Check every event against leaves, nodes, checkpoints, duties and recorded answers."""
    what, outside = "whole log", OutsideCheckpoints(settings.checkpoint_place)
    checkpoints = Checkpoints(read_only_signer(settings.signing_key), outside)
    bad: list[str] = []
    unknown_signer: list[str] = []
    for fault in find_faults(connection, checkpoints):
        if fault.endswith(SIGNED_BY_ANOTHER):
            unknown_signer.append(fault)
        elif not fault.endswith(RECORDED_EARLIER):
            bad.append(fault)
    if bad:
        to_do = "see docs/proof.md, and restore a backup from before the change."
        return unsafe(what, _summarize_faults([*bad, *unknown_signer]), to_do)
    fits = "its events, leaves, nodes, checkpoints, duties and answers fit together"
    if unknown_signer:
        to_do = (
            f"if you gave up a key on purpose, name it in {outside.place}/{KEYS_FILE} (docs/restore.md). "
            "Otherwise find out who signed these checkpoints."
        )
        return warning(what, f"{fits}; but {_summarize_faults(unknown_signer)}", to_do)
    return ok(what, fits)


def _summarize_faults(faults: Sequence[str]) -> str:
    return faults[0] if len(faults) == 1 else f"{faults[0]}; and {len(faults) - 1} more"


def _is_writable(place: Path) -> bool:
    around = place
    while not around.exists() and around != around.parent:
        around = around.parent
    return around.is_dir() and os.access(around, os.W_OK)


def check_witnessed(connection: Connection, settings: Settings) -> Iterator[Finding]:
    place, what = settings.checkpoint_place, "checkpoints outside"
    if isinstance(place, Path) and not _is_writable(place):
        to_do = "let this account write there, or set CASETRAIL_CHECKPOINTS to another directory."
        yield unsafe(what, f"{place} cannot be written to", to_do)
        return
    outside = OutsideCheckpoints(place)
    try:
        newest = outside.of_origin(max(outside.numbers(), default=1))
        last, has_latest_file = newest.latest(), newest.has_latest_file()
    except StorageUnavailable as error:
        yield unsafe(what, f"{place}: {error}", "repair that: until then, no checkpoint is stored.")
        return
    key = settings.signing_key
    if last is not None and not key.startswith("PRIVATE+KEY+") and not Path(key).exists():
        to_do = "set CASETRAIL_CHECKPOINT_KEY to the key that signed them."
        yield unsafe(what, f"the key file {key} is missing", to_do)
        return
    try:
        heads = AcknowledgedHeads(settings.heads_place)
        checkpoints = Checkpoints(read_only_signer(key), outside, heads=heads)
        checkpoints.compare(connection)
        witnesses = open_witness_clients(settings, checkpoints)
        problems = witnesses.compare(connection) if witnesses is not None else {}
    except (LogNotAsWitnessed, KeyUnusable, WitnessUnusable, OSError) as error:
        yield unsafe(
            what, str(error), "repair that: until then, nothing is written. See docs/proof.md."
        )
        return
    yield _describe_matching(newest, last, has_latest_file)
    yield from _accepted_losses(connection)
    for name, problem in problems.items():
        if isinstance(problem, WitnessObjects):
            to_do = "repair that: without the quorum of the others, nothing is written. See docs/proof.md."
            yield unsafe(f"witness {name}", str(problem), to_do)
        else:
            to_do = "repair that: until then, the log is not compared with this witness."
            yield warning(f"witness {name}", str(problem), to_do)


def _accepted_losses(connection: Connection) -> Iterator[Finding]:
    for loss in read_origins(connection).losses:
        event = loss.event
        yield warning(
            "accepted loss",
            f"{event.last - event.kept} events were lost, at positions {event.kept + 1} to {event.last} of "
            f"{event.before}; {event.requested_by} and {event.confirmed_by} accepted it on {loss.at:%Y-%m-%d}",
            "attach what turns up of them: `casetrail log attach-lost`.",
        )


def _describe_matching(
    outside: OutsideCheckpoints, last: bytes | None, has_latest_file: bool
) -> Finding:
    what, place = "checkpoints outside", outside.place
    if last is None:
        return warning(
            what, f"none yet in {place}", "run a worker: it makes one every few seconds."
        )
    size = size_of_note(last)
    if not has_latest_file:
        return warning(
            what,
            f"the file `{outside.latest_file}` is missing in {place}; the numbered one of {size} positions matches the log",
            "find out who removed it. The next checkpoint writes it again.",
        )
    return ok(what, f"the last one, of {size} positions, matches the log ({place})")
