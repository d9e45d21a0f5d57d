"""The doctor compares what is with what should be, and what is unsafe keeps the service from starting."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from api.composition import checkpoints_of, desks, prepare_database, verified_checkpoints
from infrastructure.doctor import UnsafeToStart, examine, most_serious, require_safe
from infrastructure.doctor.findings import Verdict
from infrastructure.doctor.log import check_switches
from infrastructure.doctor.server import _check_clock, _check_setting
from infrastructure.event_store.migrations import migrate
from infrastructure.postgres.datastore import connect
from infrastructure.settings import Settings, load_settings
from infrastructure.transparency.key_rotation import rotate_checkpoint_key
from tests.tampering import without_triggers

BREACHES = {
    "owner of the log": "ALTER TABLE duties OWNER TO CURRENT_USER",
    "rights on the log": "GRANT UPDATE (state) ON stored_events TO casetrail_reader",
    "what comes of them": "GRANT DELETE ON duties TO casetrail_writer",
    "functions of the log": "ALTER FUNCTION append_events SECURITY INVOKER",
    "triggers": "ALTER TABLE commands DISABLE TRIGGER only_added_to",
    "shape of the log": "CREATE RULE aside AS ON INSERT TO duties DO INSTEAD NOTHING",
    "migrations": "INSERT INTO migrations (name, digest) VALUES ('9999_newer.sql', '')",
}


@pytest.fixture
def ours(dsn: str, tmp_path: Path) -> Settings:
    prepare_database(dsn)
    return load_settings({"DATABASE_URL": dsn, "CASETRAIL_HOME": str(tmp_path / "home")})


def found(dsn: str, ours: Settings, **more: Any) -> dict[str, Any]:
    with connect(dsn) as connection:
        return {one.what: one for one in examine(connection, ours, **more)}


def test_what_migrate_leaves_behind_is_safe(dsn: str, ours: Settings) -> None:
    findings = found(dsn, ours)
    assert most_serious([*findings.values()]) is not Verdict.UNSAFE
    assert set(BREACHES) <= set(findings)
    assert all(findings[what].verdict is Verdict.OK for what in BREACHES)
    require_safe(dsn)


@pytest.mark.parametrize("what", BREACHES)
def test_what_is_otherwise_is_named_and_stops_a_start(dsn: str, ours: Settings, what: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET casetrail.migrating = on")
        connection.execute(BREACHES[what].encode())
    one = found(dsn, ours)[what]
    assert one.verdict is Verdict.UNSAFE
    assert one.to_do
    with pytest.raises(UnsafeToStart, match=what):
        require_safe(dsn)


def test_what_was_taken_away_is_put_back_by_migrating(dsn: str, ours: Settings) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("GRANT INSERT ON stored_events TO PUBLIC")
        connection.execute("REVOKE SELECT ON duties FROM casetrail_reader")
        connection.execute("DROP EVENT TRIGGER casetrail_drops")
    assert found(dsn, ours)["event triggers"].verdict is Verdict.WARNING
    migrate(dsn, again=True)
    require_safe(dsn)
    assert found(dsn, ours)["event triggers"].verdict is Verdict.OK


def test_a_start_is_not_held_up(dsn: str, ours: Settings) -> None:
    """50 ms, and where the machine is busy with other things, some times what connecting takes."""

    def took(work: Any) -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    def connecting() -> None:
        connect(dsn).close()

    looking = min(took(lambda: require_safe(dsn)) for _ in range(20))
    assert looking < max(0.05, 12 * min(took(connecting) for _ in range(20)))


def test_a_server_that_forgets_is_refused_unless_it_is_there_to_be_thrown_away() -> None:
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        assert _check_setting(name, "on", "harm", False).verdict is Verdict.OK
        assert _check_setting(name, "off", "harm", False).verdict is Verdict.UNSAFE
        told = _check_setting(name, "off", "harm", True)
        assert (told.verdict, "for tests" in told.to_do) == (Verdict.WARNING, True)


def test_a_session_that_gives_up_commits_is_refused(dsn: str) -> None:
    lax = make_conninfo(dsn, options="-c synchronous_commit=off -c casetrail.expendable=off")
    with pytest.raises(UnsafeToStart, match="synchronous_commit"):
        require_safe(lax)


def test_clocks_that_are_apart_are_told() -> None:
    now = datetime.now(UTC)
    assert _check_clock(now, now, now).verdict is Verdict.OK
    for apart in (timedelta(minutes=-5), timedelta(minutes=5)):
        assert "300.0 s" in _check_clock(now + apart, now, now).found


def test_the_librarys_switch_is_found_under_any_name() -> None:
    assert check_switches({"CASETRAIL_POSTGRES_ENABLE_DB_FUNCTIONS": "n"}).verdict is Verdict.UNSAFE
    assert check_switches({"PATH": "/"}).verdict is Verdict.OK


def test_a_log_that_is_not_the_one_that_was_witnessed_is_named(dsn: str, ours: Settings) -> None:
    with desks(dsn) as working:
        working.ensure_policy()
        for name in ("ana", "bo", "carla"):
            working.people.add(name, [], datetime.now(UTC))
    with connect(dsn) as connection:
        verified_checkpoints(ours, dsn).make(connection)
    one = found(dsn, ours)["checkpoints outside"]
    assert (one.verdict, "a beginning of the log" in one.found) == (Verdict.OK, True)
    assert found(dsn, ours, whole=True)["whole log"].verdict is Verdict.OK
    with psycopg.connect(dsn, autocommit=True) as connection, without_triggers(connection):
        connection.execute("UPDATE stored_events SET state = '{}' WHERE notification_id = 2")
    one = found(dsn, ours, whole=True)["whole log"]
    assert (one.verdict, one.found.startswith("position 2 does not have its stored leaf")) == (
        Verdict.UNSAFE,
        True,
    )
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("UPDATE log_head SET position = position - 1")
    one = found(dsn, ours)["checkpoints outside"]
    assert (one.verdict, "1 are missing" in one.found) == (Verdict.UNSAFE, True)


def test_checkpoints_by_a_key_of_then_are_fine_and_by_a_key_that_was_given_up_are_told(
    dsn: str, ours: Settings
) -> None:
    """Given up without a word, it is a warning that says what to do; what it has signed must still be so."""
    with desks(dsn) as working, connect(dsn) as connection:
        for name in ("ana", "bo"):
            working.people.add(name, [], datetime.now(UTC))
            verified_checkpoints(ours, dsn).make(connection)
        first = checkpoints_of(ours).signer.key.text
        rotate_checkpoint_key(connection, checkpoints_of(ours), Path(ours.signing_key))
        working.people.add("carla", [], datetime.now(UTC))
        checkpoints_of(ours).make(connection)
        assert found(dsn, ours, whole=True)["whole log"].verdict is Verdict.OK
        size = connection.execute("SELECT max(size) FROM checkpoints").fetchone()
        assert size is not None
        key = checkpoints_of(ours).signer.key.text
        given_up = Path(ours.signing_key)
        given_up.rename(f"{given_up}.before")
        outside = Path(ours.checkpoint_place)
        outside.rename(f"{outside}.before")
        one = found(dsn, ours, whole=True)["whole log"]
        assert one.verdict is Verdict.WARNING
        assert "is signed by an unknown key; and 2 more" in one.found
        assert f"{outside}/keys" in one.to_do
        outside.mkdir()
        (outside / "keys").write_text(f"0 2 {first}\n2 {size[0]} {key}\n")
        assert found(dsn, ours, whole=True)["whole log"].verdict is Verdict.OK
        (outside / "keys").unlink()
        with without_triggers(connection):
            connection.execute("UPDATE checkpoints SET root = sha256(root) WHERE size < 2")
        assert found(dsn, ours, whole=True)["whole log"].verdict is Verdict.UNSAFE
