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
from infrastructure.event_store.migrations import SchemaChanged, missing, shipped
from infrastructure.event_store.rights import Connection
from infrastructure.personal.key_store import PEPPER, key_store, name_of
from infrastructure.postgres.datastore import UNSAFE_SWITCH
from infrastructure.settings import Settings
from infrastructure.transparency.checkpoints import Checkpoints, LogNotAsWitnessed
from infrastructure.transparency.former_keys import KEYS
from infrastructure.transparency.full_check import RECORDED_EARLIER, SIGNED_BY_ANOTHER, faults
from infrastructure.transparency.outside_checkpoints import Outside
from infrastructure.transparency.signing_keys import KeyUnusable, looking_signer, signer
from infrastructure.transparency.storage import OutsideUnavailable

AHEAD: Final = timedelta(minutes=5)


def switches(environment: Mapping[str, str]) -> Finding:
    found = sorted(name for name in environment if name.endswith(UNSAFE_SWITCH))
    if not found:
        return ok("library switches", "none that is unsafe")
    told = (
        f"{', '.join(found)}: appends would take no lock, and followers would miss events for ever"
    )
    return unsafe("library switches", told, "unset it.")


def migrations(connection: Connection) -> Finding:
    files = shipped()
    try:
        left = missing(connection, files)
    except SchemaChanged as error:
        return unsafe("migrations", str(error), "run the build that fits the database.")
    if left:
        return unsafe("migrations", f"not applied: {', '.join(left)}", "run `casetrail migrate`.")
    return ok("migrations", f"{len(files)} applied")


def last_event(connection: Connection) -> Finding:
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
    if row[1] is not None and row[1] - datetime.now(UTC) > AHEAD:
        return warning(
            "last event", f"{told}: that is yet to come", "look at this machine's clock."
        )
    return ok("last event", told)


def whole_log(connection: Connection, settings: Settings) -> Finding:
    """Every event and everything that is said about it."""
    what, outside = "whole log", Outside(settings.checkpoint_place)
    checkpoints = Checkpoints(looking_signer(settings.signing_key), outside)
    bad: list[str] = []
    strange: list[str] = []
    for fault in faults(connection, checkpoints):
        if fault.endswith(SIGNED_BY_ANOTHER):
            strange.append(fault)
        elif not fault.endswith(RECORDED_EARLIER):
            bad.append(fault)
    if bad:
        to_do = "see docs/proof.md, and restore a backup from before it."
        return unsafe(what, _first_of([*bad, *strange]), to_do)
    fits = "its events, leaves, nodes, checkpoints, duties and answers fit together"
    if strange:
        to_do = (
            f"where a key was given up on purpose, name it in {outside.place}/{KEYS} (docs/restore.md); "
            "else find out who has signed them."
        )
        return warning(what, f"{fits}; but {_first_of(strange)}", to_do)
    return ok(what, fits)


def _first_of(faults: Sequence[str]) -> str:
    return faults[0] if len(faults) == 1 else f"{faults[0]}; and {len(faults) - 1} more"


def _can_be_written_to(place: Path) -> bool:
    around = place
    while not around.exists() and around != around.parent:
        around = around.parent
    return around.is_dir() and os.access(around, os.W_OK)


def keys(connection: Connection, settings: Settings) -> Finding:
    what, store = "keys of personal data", key_store(settings.key_place)
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute("SELECT id FROM key_store").fetchone()
    try:
        secret = store.read(PEPPER)
    except KeyStoreUnavailable as error:
        return unsafe(what, str(error), "mend that: nothing personal is read or stored meanwhile.")
    if row is None:
        return ok(what, "nothing personal is stored yet")
    if secret is None or name_of(secret) != row[0]:
        to_do = "set CASETRAIL_KEYS to where they are."
        return unsafe(what, f"those of this database are not in {settings.key_place}", to_do)
    return ok(what, f"they are in {settings.key_place}")


def witnessed(connection: Connection, settings: Settings) -> Iterator[Finding]:
    place, what = settings.checkpoint_place, "checkpoints outside"
    if isinstance(place, Path) and not _can_be_written_to(place):
        to_do = "let this account write there, or set CASETRAIL_CHECKPOINTS to another directory."
        yield unsafe(what, f"{place} cannot be written to", to_do)
        return
    outside = Outside(place)
    try:
        last = outside.latest()
    except OutsideUnavailable as error:
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
        Checkpoints(signer(key), outside).compare(connection)
    except (LogNotAsWitnessed, KeyUnusable) as error:
        yield unsafe(what, str(error), "nothing is written until that is mended.")
    else:
        sizes = outside.sizes()
        told = f"the last, of {sizes[-1] if sizes else '?'} positions, is a beginning of the log"
        yield ok(what, f"{told} ({place})")
