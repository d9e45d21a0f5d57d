"""The log itself: its schema, the time of its last event, and whether it is the one that was witnessed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from psycopg.rows import tuple_row

from domain.personal_data_errors import KeyStoreUnavailable
from infrastructure.doctor.findings import Finding, ok, unsafe, warning
from infrastructure.event_store.migrations import (
    AppliedMigrationChanged,
    missing_migrations,
    shipped_migrations,
)
from infrastructure.event_store.rights import Connection
from infrastructure.personal.key_store import PEPPER_NAME, open_key_store, store_fingerprint
from infrastructure.postgres.datastore import UNSAFE_SWITCH
from infrastructure.settings import Settings
from infrastructure.transparency.checkpoints import Checkpoints, LogNotAsWitnessed
from infrastructure.transparency.former_keys import KEYS_FILE
from infrastructure.transparency.full_check import RECORDED_EARLIER, SIGNED_BY_ANOTHER, find_faults
from infrastructure.transparency.outside_checkpoints import OutsideCheckpoints
from infrastructure.transparency.signing_keys import KeyUnusable, open_signer, read_only_signer
from infrastructure.transparency.storage import StorageUnavailable

MAX_CLOCK_AHEAD: Final = timedelta(minutes=5)


def check_switches(environment: Mapping[str, str]) -> Finding:
    found = sorted(name for name in environment if name.endswith(UNSAFE_SWITCH))
    if not found:
        return ok("library switches", "none that is unsafe")
    told = (
        f"{', '.join(found)}: appends would take no lock, and followers would miss events for ever"
    )
    return unsafe("library switches", told, "unset it.")


def check_migrations(connection: Connection) -> Finding:
    files = shipped_migrations()
    try:
        left = missing_migrations(connection, files)
    except AppliedMigrationChanged as error:
        return unsafe("migrations", str(error), "run the build that fits the database.")
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
            "writes are halted: the log was not as it was witnessed",
            "see docs/proof.md.",
        )
    if row is None:
        return ok("last event", "none yet")
    told = f"position {row[0]}, recorded at {row[1]:%Y-%m-%d %H:%M:%S}Z"
    if row[1] is not None and row[1] - datetime.now(UTC) > MAX_CLOCK_AHEAD:
        return warning(
            "last event", f"{told}: that is yet to come", "look at this machine's clock."
        )
    return ok("last event", told)


def check_whole_log(connection: Connection, settings: Settings) -> Finding:
    """Every event and everything that is said about it."""
    what, outside = "whole log", OutsideCheckpoints(settings.checkpoint_place)
    checkpoints = Checkpoints(read_only_signer(settings.signing_key), outside)
    bad: list[str] = []
    strange: list[str] = []
    for fault in find_faults(connection, checkpoints):
        if fault.endswith(SIGNED_BY_ANOTHER):
            strange.append(fault)
        elif not fault.endswith(RECORDED_EARLIER):
            bad.append(fault)
    if bad:
        to_do = "see docs/proof.md, and restore a backup from before it."
        return unsafe(what, _summarize_faults([*bad, *strange]), to_do)
    fits = "its events, leaves, nodes, checkpoints, duties and answers fit together"
    if strange:
        to_do = (
            f"where a key was given up on purpose, name it in {outside.place}/{KEYS_FILE} (docs/restore.md); "
            "else find out who has signed them."
        )
        return warning(what, f"{fits}; but {_summarize_faults(strange)}", to_do)
    return ok(what, fits)


def _summarize_faults(faults: Sequence[str]) -> str:
    return faults[0] if len(faults) == 1 else f"{faults[0]}; and {len(faults) - 1} more"


def _is_writable(place: Path) -> bool:
    around = place
    while not around.exists() and around != around.parent:
        around = around.parent
    return around.is_dir() and os.access(around, os.W_OK)


def check_keys(connection: Connection, settings: Settings) -> Finding:
    what, store = "keys of personal data", open_key_store(settings.key_place)
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute("SELECT id FROM key_store").fetchone()
    try:
        secret = store.read(PEPPER_NAME)
    except KeyStoreUnavailable as error:
        return unsafe(what, str(error), "mend that: nothing personal is read or stored meanwhile.")
    if row is None:
        return ok(what, "nothing personal is stored yet")
    if secret is None or store_fingerprint(secret) != row[0]:
        to_do = "set CASETRAIL_KEYS to where they are."
        return unsafe(what, f"those of this database are not in {settings.key_place}", to_do)
    return ok(what, f"they are in {settings.key_place}")


def check_witnessed(connection: Connection, settings: Settings) -> Iterator[Finding]:
    place, what = settings.checkpoint_place, "checkpoints outside"
    if isinstance(place, Path) and not _is_writable(place):
        to_do = "let this account write there, or set CASETRAIL_CHECKPOINTS to another directory."
        yield unsafe(what, f"{place} cannot be written to", to_do)
        return
    outside = OutsideCheckpoints(place)
    try:
        last = outside.latest()
    except StorageUnavailable as error:
        yield unsafe(what, f"{place}: {error}", "mend that: nothing is witnessed meanwhile.")
        return
    if last is None:
        yield warning(what, f"none yet in {place}", "run a worker: it makes one every few seconds.")
        return
    key = settings.signing_key
    if not key.startswith("PRIVATE+KEY+") and not Path(key).exists():
        to_do = "set CASETRAIL_CHECKPOINT_KEY to the key that signed them."
        yield unsafe(what, f"the key {key} is gone", to_do)
        return
    try:
        Checkpoints(open_signer(key), outside).compare(connection)
    except (LogNotAsWitnessed, KeyUnusable) as error:
        yield unsafe(what, str(error), "nothing is written until that is mended.")
    else:
        sizes = outside.sizes()
        told = f"the last, of {sizes[-1] if sizes else '?'} positions, is a beginning of the log"
        yield ok(what, f"{told} ({place})")
