"""Each attack on a copy of the log is denied by the database or detected by a verification."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from api.commands.audit.attack import prepared_copy, run_attacks
from infrastructure.attacks import ATTACKS
from infrastructure.attacks.copies import ATTACKER_ROLES, AttackTarget, temporary_logins
from infrastructure.attacks.trial import (
    SUPERUSER,
    AttackResult,
    CopyNotSound,
    Trial,
    find_first_fault,
    require_sound_copy,
)
from infrastructure.postgres.datastore import connect
from infrastructure.postgres.roles import OWNER, PROJECTOR, WRITER
from tests.tampering import without_triggers

BY_NAME = {attack.name: attack for attack in ATTACKS}


@pytest.fixture(scope="module")
def target(databases: Any, template_database: str) -> Iterator[AttackTarget]:
    with databases.new(template_database) as name, prepared_copy(databases.dsn(name)) as target:
        yield target


@pytest.fixture
def weakened(target: AttackTarget) -> Iterator[Any]:
    """A copy of the target, for tests that remove a protection."""
    with target.copy() as copy:
        like = AttackTarget.__new__(AttackTarget)
        like.__dict__.update(target.__dict__, dsn=copy)
        yield like


def results_of(target: AttackTarget, attacker: str, *names: str) -> list[tuple[AttackResult, str]]:
    with connect(target.server) as server, temporary_logins(server) as made:
        trial = Trial(target, attacker, {SUPERUSER: {}, **made}[attacker])
        return [(one.result, one.how) for one in trial.run([BY_NAME[name] for name in names])]


def test_every_attack_is_denied_or_detected(target: AttackTarget) -> None:
    outcomes = [*run_attacks(target.server, target)]
    assert [one for one in outcomes if one.result is AttackResult.UNDETECTED] == []
    by_attacker = Counter(one.attacker for one in outcomes)
    assert set(by_attacker) == {*ATTACKER_ROLES, SUPERUSER}
    assert min(by_attacker.values()) >= 30
    assert len(BY_NAME) == len(ATTACKS)
    denied = {
        a: {o.attack for o in outcomes if o.attacker == a and o.result is AttackResult.DENIED}
        for a in by_attacker
    }
    # A reader can change nothing; the others only through their own functions and tables.
    assert denied["casetrail_reader"] == set(BY_NAME)
    assert set(BY_NAME) - denied[PROJECTOR] == {"add a false node ahead", "add a false checkpoint"}
    assert all(name.startswith(("append", "take")) for name in set(BY_NAME) - denied[WRITER])
    # Denied means that the database raised an error, or that nothing was changed.
    assert all(
        o.sqlstate or "no effect" in o.how for o in outcomes if o.result is AttackResult.DENIED
    )
    hidden = [o for o in outcomes if o.attacker == SUPERUSER and "guards off" in o.attack]
    assert len(hidden) >= 10
    assert {o.result for o in hidden} == {AttackResult.DETECTED}
    require_sound_copy(target)  # the original of the copies is unchanged


def test_without_the_trigger_an_attack_of_the_owner_is_only_detected(
    weakened: AttackTarget,
) -> None:
    name = "delete an event"
    assert results_of(weakened, OWNER, name)[0][0] is AttackResult.DENIED
    with psycopg.connect(weakened.dsn, autocommit=True) as connection:
        connection.execute("SET casetrail.migrating = on")
        connection.execute("DROP TRIGGER only_added_to ON stored_events")
    with pytest.raises(CopyNotSound, match="only_added_to on stored_events is missing"):
        require_sound_copy(weakened)
    ((result, how),) = results_of(weakened, OWNER, name)
    assert (result, how.split(":")[0]) == (AttackResult.DETECTED, "doctor")


def test_without_the_event_triggers_redefining_the_log_is_only_detected(
    weakened: AttackTarget,
) -> None:
    names = ("disable the triggers", "have appends run as the caller", "drop the key")
    assert {result for result, _ in results_of(weakened, OWNER, *names)} == {AttackResult.DENIED}
    with psycopg.connect(weakened.dsn, autocommit=True) as connection:
        connection.execute("DROP EVENT TRIGGER casetrail_defines")
        connection.execute("DROP EVENT TRIGGER casetrail_drops")
    with pytest.raises(CopyNotSound, match="casetrail_drops missing"):
        require_sound_copy(weakened)
    assert {result for result, _ in results_of(weakened, OWNER, *names)} == {AttackResult.DETECTED}


def test_an_extra_grant_is_detected(weakened: AttackTarget) -> None:
    name = "insert at the next position, around the function"
    assert results_of(weakened, WRITER, name)[0][0] is AttackResult.DENIED
    with psycopg.connect(weakened.dsn, autocommit=True) as connection:
        connection.execute("GRANT INSERT ON stored_events TO casetrail_writer")
        connection.execute("GRANT UPDATE ON log_head TO casetrail_writer")
    ((result, how),) = results_of(weakened, WRITER, name)
    assert result is AttackResult.DETECTED
    assert "INSERT on stored_events to casetrail_writer was granted" in how


def test_only_the_checkpoint_outside_finds_a_rewritten_history(weakened: AttackTarget) -> None:
    """A superuser who restores all protections leaves no trace inside the database."""
    name = "replace all of history, with the guards off and on again"
    ((result, how),) = results_of(weakened, SUPERUSER, name)
    assert (result, how.split(":")[0]) == (AttackResult.DETECTED, "checkpoint outside")
    outside = Path(str(weakened.checkpoints.outside.place))
    kept = {file: file.read_bytes() for file in outside.iterdir()}
    for file in kept:
        file.unlink()
    try:
        copies = BY_NAME[name]
        with weakened.copy() as copy, psycopg.connect(copy, autocommit=True) as connection:
            with connection.transaction():
                for statement in copies.does:
                    connection.execute(statement.format(**weakened.placeholders()).encode())
            weakened.checkpoints.make(connection)
            assert find_first_fault(connection, weakened) is None
    finally:
        for file in outside.iterdir():
            file.unlink()
        for file, content in kept.items():
            file.write_bytes(content)


def test_a_damaged_log_is_not_attacked(weakened: AttackTarget) -> None:
    with psycopg.connect(weakened.dsn, autocommit=True) as connection, without_triggers(connection):
        connection.execute("UPDATE stored_events SET state = '{}' WHERE notification_id = 9")
    with pytest.raises(CopyNotSound, match="position 9 does not have its stored leaf"):
        require_sound_copy(weakened)


def test_an_attacker_has_only_the_rights_of_the_role(target: AttackTarget) -> None:
    with (
        connect(target.server) as server,
        temporary_logins(server, [WRITER]) as made,
        target.copy() as copy,
    ):
        with psycopg.connect(make_conninfo(copy, **made[WRITER])) as session:
            row = session.execute(
                "SELECT current_user, session_user, rolsuper FROM pg_roles "
                "WHERE rolname = session_user"
            ).fetchone()
            assert row == (WRITER, made[WRITER]["user"], False)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute("SET ROLE casetrail_projector")
        user = made[WRITER]["user"]
    with connect(target.server) as server:
        assert server.execute("SELECT FROM pg_roles WHERE rolname = %s", (user,)).fetchone() is None
