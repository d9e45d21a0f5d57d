"""Whoever attacks a copy of the log, and however: the database says no, or a verification names it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from api.commands.audit.attack import prepared, tried
from infrastructure.attacks import ATTACKS
from infrastructure.attacks.copies import ATTACKERS, Target, logins
from infrastructure.attacks.trial import (
    SUPERUSER,
    NotSound,
    Result,
    Trial,
    must_be_sound,
    what_is_wrong,
)
from infrastructure.postgres.datastore import connect
from infrastructure.postgres.roles import OWNER, PROJECTOR, WRITER
from tests.tampering import tampering

BY_NAME = {attack.name: attack for attack in ATTACKS}


@pytest.fixture(scope="module")
def target(databases: Any, template_database: str) -> Iterator[Target]:
    with databases.new(template_database) as name, prepared(databases.dsn(name)) as target:
        yield target


@pytest.fixture
def weakened(target: Target) -> Iterator[Any]:
    """A target like it, from which a measure can be taken away."""
    with target.copy() as copy:
        like = Target.__new__(Target)
        like.__dict__.update(target.__dict__, dsn=copy)
        yield like


def became(target: Target, attacker: str, *names: str) -> list[tuple[Result, str]]:
    with connect(target.server) as server, logins(server) as made:
        trial = Trial(target, attacker, {SUPERUSER: {}, **made}[attacker])
        return [(one.result, one.how) for one in trial.run([BY_NAME[name] for name in names])]


def test_nothing_that_anybody_tries_stays_unknown(target: Target) -> None:
    outcomes = [*tried(target.server, target)]
    assert [one for one in outcomes if one.result is Result.UNDETECTED] == []
    by_attacker = Counter(one.attacker for one in outcomes)
    assert set(by_attacker) == {*ATTACKERS, SUPERUSER}
    assert min(by_attacker.values()) >= 30
    assert len(BY_NAME) == len(ATTACKS)
    denied = {
        a: {o.attack for o in outcomes if o.attacker == a and o.result is Result.DENIED}
        for a in by_attacker
    }
    # A reader changes nothing at all; the others only by the doors that they have.
    assert denied["casetrail_reader"] == set(BY_NAME)
    assert set(BY_NAME) - denied[PROJECTOR] == {"add a false node ahead", "add a false checkpoint"}
    assert all(name.startswith(("append", "take")) for name in set(BY_NAME) - denied[WRITER])
    # A denial is the database's own word, or nothing came of it.
    assert all(
        o.sqlstate or "came to nothing" in o.how for o in outcomes if o.result is Result.DENIED
    )
    hidden = [o for o in outcomes if o.attacker == SUPERUSER and "guards off" in o.attack]
    assert len(hidden) >= 10
    assert {o.result for o in hidden} == {Result.DETECTED}
    must_be_sound(target)  # and the copy that is copied was never touched


def test_without_the_trigger_the_owner_is_not_denied_any_more(weakened: Target) -> None:
    name = "delete an event"
    assert became(weakened, OWNER, name)[0][0] is Result.DENIED
    with psycopg.connect(weakened.dsn, autocommit=True) as connection:
        connection.execute("SET casetrail.migrating = on")
        connection.execute("DROP TRIGGER only_added_to ON stored_events")
    with pytest.raises(NotSound, match="only_added_to on stored_events is missing"):
        must_be_sound(weakened)
    ((result, how),) = became(weakened, OWNER, name)
    assert (result, how.split(":")[0]) == (Result.DETECTED, "doctor")


def test_without_the_event_triggers_the_owner_may_redefine_the_log(weakened: Target) -> None:
    names = ("disable the triggers", "have appends run as the caller", "drop the key")
    assert {result for result, _ in became(weakened, OWNER, *names)} == {Result.DENIED}
    with psycopg.connect(weakened.dsn, autocommit=True) as connection:
        connection.execute("DROP EVENT TRIGGER casetrail_defines")
        connection.execute("DROP EVENT TRIGGER casetrail_drops")
    with pytest.raises(NotSound, match="casetrail_drops missing"):
        must_be_sound(weakened)
    assert {result for result, _ in became(weakened, OWNER, *names)} == {Result.DETECTED}


def test_a_grant_too_many_is_seen(weakened: Target) -> None:
    name = "insert at the next position, around the function"
    assert became(weakened, WRITER, name)[0][0] is Result.DENIED
    with psycopg.connect(weakened.dsn, autocommit=True) as connection:
        connection.execute("GRANT INSERT ON stored_events TO casetrail_writer")
        connection.execute("GRANT UPDATE ON log_head TO casetrail_writer")
    ((result, how),) = became(weakened, WRITER, name)
    assert result is Result.DETECTED
    assert "INSERT on stored_events to casetrail_writer was granted" in how


def test_what_finds_a_rewritten_history_is_the_checkpoint_outside(weakened: Target) -> None:
    """A superuser who puts everything right again is found out by nothing that lies in the database."""
    name = "replace all of history, with the guards off and on again"
    ((result, how),) = became(weakened, SUPERUSER, name)
    assert (result, how.split(":")[0]) == (Result.DETECTED, "checkpoint outside")
    latest = Path(str(weakened.checkpoints.outside.place)) / "latest"
    kept = latest.read_bytes()
    latest.unlink()
    try:
        copies = BY_NAME[name]
        with weakened.copy() as copy, psycopg.connect(copy, autocommit=True) as connection:
            with connection.transaction():
                for statement in copies.does:
                    connection.execute(statement.format(**weakened.told()).encode())
            weakened.checkpoints.make(connection)
            assert what_is_wrong(connection, weakened) is None
    finally:
        for file in latest.parent.iterdir():
            file.unlink()
        latest.write_bytes(kept)


def test_an_unsound_log_is_not_attacked(weakened: Target) -> None:
    with psycopg.connect(weakened.dsn, autocommit=True) as connection, tampering(connection):
        connection.execute("UPDATE stored_events SET state = '{}' WHERE notification_id = 9")
    with pytest.raises(NotSound, match="position 9 is not what its leaf says"):
        must_be_sound(weakened)


def test_an_attacker_has_the_rights_of_the_role_and_no_more(target: Target) -> None:
    with connect(target.server) as server, logins(server, [WRITER]) as made, target.copy() as copy:
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
