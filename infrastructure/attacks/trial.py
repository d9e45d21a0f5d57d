"""Trying attacks, one after the other, and saying what became of each."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Final

import psycopg
from msgspec import Struct
from psycopg.conninfo import make_conninfo

from infrastructure.attacks.attack import GUARDED, UNGUARDED, Attack
from infrastructure.attacks.copies import Target
from infrastructure.doctor.findings import Verdict
from infrastructure.doctor.rights import rights_found
from infrastructure.event_store.rights import Connection
from infrastructure.postgres.datastore import connect
from infrastructure.transparency.checkpoints import LogNotAsWitnessed
from infrastructure.transparency.export import Export, LogAltered, NothingToExport
from infrastructure.transparency.full_check import faults
from infrastructure.verifier.bundle import verify
from infrastructure.verifier.notes import checkpoint_of

SUPERUSER: Final = "superuser"


class Result(StrEnum):
    DENIED = "denied"
    DETECTED = "detected"
    UNDETECTED = "UNDETECTED"


class Outcome(Struct, frozen=True, omit_defaults=True):
    attacker: str
    attack: str
    result: Result
    how: str
    """What the database said, or what was found."""
    sqlstate: str | None = None


class NotSound(Exception):
    """The copy is not sound before anybody attacks it."""


class Trial:
    """One attacker's attacks. A copy that was altered is thrown away; one that was not is used again."""

    def __init__(self, target: Target, attacker: str, login: Mapping[str, str]) -> None:
        self._target = target
        self._attacker = attacker
        self._login = login
        self._stack = ExitStack()
        self._copy: str | None = None
        self._session: Connection | None = None

    def run(self, attacks: Sequence[Attack]) -> Iterator[Outcome]:
        with self._stack:
            for attack in attacks:
                yield self._try(attack)

    def _try(self, attack: Attack) -> Outcome:
        if self._copy is None:
            self._copy = self._stack.enter_context(self._target.copy())
        if attack.before:
            self._prepare(attack.before)
        session = self._session or self._connected()
        try:
            outcome = self._carried_out(attack, session)
        except psycopg.Error as error:
            said = (error.diag.message_primary or str(error)).strip()
            outcome = self._told(attack, Result.DENIED, said, error.sqlstate)
            if session.closed:
                self._session = None
            if attack.before:
                self._throw_away()
            return outcome
        if not attack.shared:
            self._throw_away()
        return outcome

    def _carried_out(self, attack: Attack, session: Connection) -> Outcome:
        """Raises what the database says against it."""
        told, found = self._target.told(), None
        with session.transaction() as transaction:
            for statement in attack.does:
                _send(session, statement.format(**told), attack.copied)
            if attack.shared:
                found = _of_rights(session)
                raise psycopg.Rollback(transaction)
        if attack.shared:
            return self._found(attack, found)
        if attack.reached is not None:
            query = attack.reached.format(**told).encode()
            row = session.execute(query).fetchone()
            if row is None or not row[0]:
                return self._told(
                    attack, Result.DENIED, "it came to nothing: the log is what it was"
                )
        return self._found(attack, self._verified())

    def _found(self, attack: Attack, found: str | None) -> Outcome:
        if found is None:
            return self._told(attack, Result.UNDETECTED, "nothing was found")
        return self._told(attack, Result.DETECTED, found)

    def _verified(self) -> str | None:
        assert self._copy is not None
        try:
            with connect(self._copy) as connection:
                return what_is_wrong(connection, self._target)
        except psycopg.Error as error:
            return f"database: {error}".strip()

    def _prepare(self, statements: Sequence[str]) -> None:
        self._throw_away()
        self._copy = self._stack.enter_context(self._target.copy())
        with connect(self._copy) as connection, connection.transaction():
            for statement in (*UNGUARDED, *statements, *GUARDED):
                connection.execute(statement.format(**self._target.told()).encode())

    def _connected(self) -> Connection:
        assert self._copy is not None
        address = make_conninfo(self._copy, **self._login)
        self._session = psycopg.connect(address, autocommit=True)
        self._stack.callback(self._session.close)
        return self._session

    def _throw_away(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session, self._copy = None, None
        self._stack.close()

    def _told(
        self, attack: Attack, result: Result, how: str, sqlstate: str | None = None
    ) -> Outcome:
        return Outcome(self._attacker, attack.name, result, how, sqlstate)


def _send(session: Connection, statement: str, copied: str | None) -> None:
    if copied is not None and statement.endswith("FROM STDIN"):
        with session.cursor().copy(statement.encode()) as copy:
            copy.write(copied)
    else:
        session.execute(statement.encode())


def must_be_sound(target: Target) -> None:
    """What is found before anybody attacks would be taken for the work of all. Raises NotSound."""
    with target.copy() as copy, connect(copy) as connection:
        found = what_is_wrong(connection, target)
    if found is not None:
        raise NotSound(
            f"{found}. Run `casetrail doctor`, and `casetrail migrate` if it tells you to."
        )


def what_is_wrong(connection: Connection, target: Target) -> str | None:
    """The first thing that any of the verifications finds, from the quickest to the one that others
    make without us."""
    found = _of_rights(connection)
    if found is not None:
        return found
    try:
        target.checkpoints.compare(connection)
    except LogNotAsWitnessed as error:
        return f"checkpoint outside: {error}"
    for fault in faults(connection, target.checkpoints):
        if fault not in target.known:
            return f"whole log: {fault}"
    return _of_bundle(connection, target)


def _of_rights(connection: Connection) -> str | None:
    for finding in rights_found(connection):
        if finding.verdict is not Verdict.OK:
            return f"doctor: {finding.found}"
    return None


def _of_bundle(connection: Connection, target: Target) -> str | None:
    """What an export says to whoever has the last checkpoint from elsewhere."""
    key, outside = target.checkpoints.signer.key, target.checkpoints.outside.latest()
    with tempfile.TemporaryDirectory(prefix="casetrail-attack-") as folder:
        bundle = Path(folder) / "bundle"
        try:
            with connection.transaction():
                Export(connection, target.checkpoints.signer, bundle).everything()
        except (LogAltered, NothingToExport) as error:
            return f"export: {error}"
        told = verify(bundle, key.text)
    if not told.verified:
        return f"verify: {told.faults[0].detail}"
    last = checkpoint_of(outside, key) if outside is not None else None
    if last is not None and (told.size, told.root) != (last.size, last.root.hex()):
        return f"verify: its root at {told.size} is not the one that was witnessed"
    return None
