"""Tries attacks one after the other and reports the outcome of each."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Final

import psycopg
from msgspec import Struct
from psycopg.conninfo import make_conninfo

from infrastructure.attacks.attack import DISABLE_GUARDS, ENABLE_GUARDS, Attack
from infrastructure.attacks.copies import AttackTarget
from infrastructure.doctor.findings import Verdict
from infrastructure.doctor.rights import check_rights
from infrastructure.postgres.datastore import connect
from infrastructure.postgres.rows import Connection
from infrastructure.transparency.checkpoints import LogNotAsWitnessed
from infrastructure.transparency.export import Export, LogAltered, NothingToExport
from infrastructure.transparency.full_check import find_faults
from infrastructure.verifier.bundle import verify
from infrastructure.verifier.notes import open_checkpoint

SUPERUSER: Final = "superuser"


class AttackResult(StrEnum):
    DENIED = "denied"
    DETECTED = "detected"
    UNDETECTED = "UNDETECTED"


class AttackOutcome(Struct, frozen=True, omit_defaults=True):
    attacker: str
    attack: str
    result: AttackResult
    how: str
    """The database's error, or the fault that a check found."""
    sqlstate: str | None = None


class CopyNotSound(Exception):
    """The copy has a fault before any attack."""


class Trial:
    """The attacks of one attacker. An altered copy is dropped; an unaltered one is used again."""

    def __init__(self, target: AttackTarget, attacker: str, login: Mapping[str, str]) -> None:
        self._target = target
        self._attacker = attacker
        self._login = login
        self._stack = ExitStack()
        self._copy: str | None = None
        self._session: Connection | None = None

    def run(self, attacks: Sequence[Attack]) -> Iterator[AttackOutcome]:
        with self._stack:
            for attack in attacks:
                yield self._try(attack)

    def _try(self, attack: Attack) -> AttackOutcome:
        if self._copy is None:
            self._copy = self._stack.enter_context(self._target.copy())
        if attack.before:
            self._prepare(attack.before)
        session = self._session or self._connect()
        try:
            outcome = self._execute(attack, session)
        except psycopg.Error as error:
            message = (error.diag.message_primary or str(error)).strip()
            outcome = self._outcome(attack, AttackResult.DENIED, message, error.sqlstate)
            if session.closed:
                self._session = None
            if attack.before:
                self._drop_copy()
            return outcome
        if not attack.shared:
            self._drop_copy()
        return outcome

    def _execute(self, attack: Attack, session: Connection) -> AttackOutcome:
        """Raises psycopg.Error if the database denies the attack."""
        values, found = self._target.placeholders(), None
        with session.transaction() as transaction:
            for statement in attack.does:
                _execute_statement(session, statement.format(**values), attack.copied)
            if attack.shared:
                found = _check_rights(session)
                raise psycopg.Rollback(transaction)
        if attack.shared:
            return self._detection(attack, found)
        if attack.reached is not None:
            query = attack.reached.format(**values).encode()
            row = session.execute(query).fetchone()
            if row is None or not row[0]:
                return self._outcome(attack, AttackResult.DENIED, "no effect: the log is unchanged")
        return self._detection(attack, self._find_fault())

    def _detection(self, attack: Attack, found: str | None) -> AttackOutcome:
        if found is None:
            return self._outcome(attack, AttackResult.UNDETECTED, "no check found a fault")
        return self._outcome(attack, AttackResult.DETECTED, found)

    def _find_fault(self) -> str | None:
        assert self._copy is not None
        try:
            with connect(self._copy) as connection:
                return find_first_fault(connection, self._target)
        except psycopg.Error as error:
            return f"database: {error}".strip()

    def _prepare(self, statements: Sequence[str]) -> None:
        self._drop_copy()
        self._copy = self._stack.enter_context(self._target.copy())
        with connect(self._copy) as connection, connection.transaction():
            for statement in (*DISABLE_GUARDS, *statements, *ENABLE_GUARDS):
                connection.execute(statement.format(**self._target.placeholders()).encode())

    def _connect(self) -> Connection:
        assert self._copy is not None
        address = make_conninfo(self._copy, **self._login)
        self._session = psycopg.connect(address, autocommit=True)
        self._stack.callback(self._session.close)
        return self._session

    def _drop_copy(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session, self._copy = None, None
        self._stack.close()

    def _outcome(
        self, attack: Attack, result: AttackResult, how: str, sqlstate: str | None = None
    ) -> AttackOutcome:
        return AttackOutcome(self._attacker, attack.name, result, how, sqlstate)


def _execute_statement(session: Connection, statement: str, copied: str | None) -> None:
    if copied is not None and statement.endswith("FROM STDIN"):
        with session.cursor().copy(statement.encode()) as copy:
            copy.write(copied)
    else:
        session.execute(statement.encode())


def require_sound_copy(target: AttackTarget) -> None:
    """Require a copy without faults: they would count as detections of every attack. Raises
    CopyNotSound."""
    with target.copy() as copy, connect(copy) as connection:
        found = find_first_fault(connection, target)
    if found is not None:
        advice = "Run `casetrail doctor`, and `casetrail migrate` if it says so."
        raise CopyNotSound(f"{found}. {advice}")


def find_first_fault(connection: Connection, target: AttackTarget) -> str | None:
    """The first fault that a check finds, from the fastest check to the verification of an export."""
    if (found := _check_rights(connection)) is not None:
        return found
    try:
        target.checkpoints.compare(connection)
    except LogNotAsWitnessed as error:
        return f"checkpoint outside: {error}"
    for fault in find_faults(connection, target.checkpoints):
        if fault not in target.known:
            return f"whole log: {fault}"
    return _check_bundle(connection, target)


def _check_rights(connection: Connection) -> str | None:
    for finding in check_rights(connection):
        if finding.verdict is not Verdict.OK:
            return f"doctor: {finding.found}"
    return None


def _check_bundle(connection: Connection, target: AttackTarget) -> str | None:
    """The fault that the holder of the last outside checkpoint finds in an export."""
    key, outside = target.checkpoints.signer.key, target.checkpoints.outside.latest()
    with tempfile.TemporaryDirectory(prefix="casetrail-attack-") as folder:
        bundle = Path(folder) / "bundle"
        try:
            with connection.transaction():
                Export(connection, target.checkpoints.signer, bundle).everything()
        except (LogAltered, NothingToExport) as error:
            return f"export: {error}"
        verdict = verify(bundle, key.text)
    if not verdict.verified:
        return f"verify: {verdict.faults[0].detail}"
    last = open_checkpoint(outside, key) if outside is not None else None
    if last is not None and (verdict.size, verdict.root) != (last.size, last.root.hex()):
        return f"verify: its root at {verdict.size} is not the witnessed one"
    return None
