"""The doctor compares the database with what it should be. The service does not start if it is unsafe."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from api.composition import desks, prepare_database
from api.configured_checkpoints import checkpoints_of, verified_checkpoints
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
    "effective rights": "GRANT DELETE ON duties TO casetrail_writer",
    "functions of the log": "ALTER FUNCTION append_events SECURITY INVOKER",
    "triggers": "ALTER TABLE commands DISABLE TRIGGER only_added_to",
    "shape of the log": "CREATE RULE aside AS ON INSERT TO duties DO INSTEAD NOTHING",
    "migrations": "INSERT INTO migrations (name, digest) VALUES ('9999_newer.sql', '')",
}


@pytest.fixture
def settings(dsn: str, tmp_path: Path) -> Settings:
    prepare_database(dsn)
    return load_settings({"DATABASE_URL": dsn, "CASETRAIL_HOME": str(tmp_path / "home")})


def examine_database(dsn: str, settings: Settings, **more: Any) -> dict[str, Any]:
    with connect(dsn) as connection:
        return {one.what: one for one in examine(connection, settings, **more)}


def test_a_migrated_database_is_safe(dsn: str, settings: Settings) -> None:
    findings = examine_database(dsn, settings)
    assert most_serious([*findings.values()]) is not Verdict.UNSAFE
    assert set(BREACHES) <= set(findings)
    assert all(findings[what].verdict is Verdict.OK for what in BREACHES)
    require_safe(dsn)


@pytest.mark.parametrize("what", BREACHES)
def test_each_breach_is_named_and_prevents_a_start(dsn: str, settings: Settings, what: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET casetrail.migrating = on")
        connection.execute(BREACHES[what].encode())
    one = examine_database(dsn, settings)[what]
    assert one.verdict is Verdict.UNSAFE
    assert one.to_do
    with pytest.raises(UnsafeToStart, match=what):
        require_safe(dsn)


def test_migrating_again_repairs_rights_and_triggers(dsn: str, settings: Settings) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("GRANT INSERT ON stored_events TO PUBLIC")
        connection.execute("REVOKE SELECT ON duties FROM casetrail_reader")
        connection.execute("DROP EVENT TRIGGER casetrail_drops")
    assert examine_database(dsn, settings)["event triggers"].verdict is Verdict.WARNING
    migrate(dsn, again=True)
    require_safe(dsn)
    assert examine_database(dsn, settings)["event triggers"].verdict is Verdict.OK


def test_the_check_at_a_start_is_fast(dsn: str, settings: Settings) -> None:
    """It takes less than 50 ms, or on a busy machine less than twelve times a connection."""

    def duration(work: Any) -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    def connecting() -> None:
        connect(dsn).close()

    checking = min(duration(lambda: require_safe(dsn)) for _ in range(20))
    assert checking < max(0.05, 12 * min(duration(connecting) for _ in range(20)))


def test_a_server_that_is_not_durable_is_refused_unless_it_is_for_tests() -> None:
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        assert _check_setting(name, "on", "harm", False).verdict is Verdict.OK
        assert _check_setting(name, "off", "harm", False).verdict is Verdict.UNSAFE
        finding = _check_setting(name, "off", "harm", True)
        assert (finding.verdict, "for tests" in finding.to_do) == (Verdict.WARNING, True)


def test_a_session_with_asynchronous_commit_is_refused(dsn: str) -> None:
    unsafe_dsn = make_conninfo(dsn, options="-c synchronous_commit=off -c casetrail.expendable=off")
    with pytest.raises(UnsafeToStart, match="synchronous_commit"):
        require_safe(unsafe_dsn)


def test_clocks_that_differ_are_reported() -> None:
    now = datetime.now(UTC)
    assert _check_clock(now, now, now).verdict is Verdict.OK
    for apart in (timedelta(minutes=-5), timedelta(minutes=5)):
        assert "300.0 s" in _check_clock(now + apart, now, now).found


def test_the_librarys_switch_is_found_with_any_prefix() -> None:
    assert check_switches({"CASETRAIL_POSTGRES_ENABLE_DB_FUNCTIONS": "n"}).verdict is Verdict.UNSAFE
    assert check_switches({"PATH": "/"}).verdict is Verdict.OK


def test_a_log_that_differs_from_its_checkpoints_is_reported(dsn: str, settings: Settings) -> None:
    with desks(dsn) as working:
        working.ensure_policy()
        for name in ("ana", "bo", "carla"):
            working.people.add(name, [], datetime.now(UTC))
    with connect(dsn) as connection:
        verified_checkpoints(settings, dsn).make(connection)
    one = examine_database(dsn, settings)["checkpoints outside"]
    assert (one.verdict, "matches the log" in one.found) == (Verdict.OK, True)
    assert examine_database(dsn, settings, whole=True)["whole log"].verdict is Verdict.OK
    with psycopg.connect(dsn, autocommit=True) as connection, without_triggers(connection):
        connection.execute("UPDATE stored_events SET state = '{}' WHERE notification_id = 2")
    one = examine_database(dsn, settings, whole=True)["whole log"]
    assert (one.verdict, one.found.startswith("position 2 does not have its stored leaf")) == (
        Verdict.UNSAFE,
        True,
    )
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("UPDATE log_head SET position = position - 1")
    one = examine_database(dsn, settings)["checkpoints outside"]
    assert (one.verdict, "1 are missing" in one.found) == (Verdict.UNSAFE, True)


def test_checkpoints_by_an_unknown_key_are_a_warning(dsn: str, settings: Settings) -> None:
    """A key that was replaced without a rotation gives a warning that says what to do.

    Its checkpoints are still compared with the log.
    """
    with desks(dsn) as working, connect(dsn) as connection:
        for name in ("ana", "bo"):
            working.people.add(name, [], datetime.now(UTC))
            verified_checkpoints(settings, dsn).make(connection)
        first = checkpoints_of(settings).signer.key.text
        rotate_checkpoint_key(connection, checkpoints_of(settings), Path(settings.signing_key))
        working.people.add("carla", [], datetime.now(UTC))
        checkpoints_of(settings).make(connection)
        assert examine_database(dsn, settings, whole=True)["whole log"].verdict is Verdict.OK
        size = connection.execute("SELECT max(size) FROM checkpoints").fetchone()
        assert size is not None
        key = checkpoints_of(settings).signer.key.text
        given_up = Path(settings.signing_key)
        given_up.rename(f"{given_up}.before")
        outside = Path(settings.checkpoint_place)
        outside.rename(f"{outside}.before")
        one = examine_database(dsn, settings, whole=True)["whole log"]
        assert one.verdict is Verdict.WARNING
        assert "is signed by an unknown key; and 2 more" in one.found
        assert f"{outside}/keys" in one.to_do
        outside.mkdir()
        (outside / "keys").write_text(f"0 2 {first}\n2 {size[0]} {key}\n")
        assert examine_database(dsn, settings, whole=True)["whole log"].verdict is Verdict.OK
        (outside / "keys").unlink()
        with without_triggers(connection):
            connection.execute("UPDATE checkpoints SET root = sha256(root) WHERE size < 2")
        assert examine_database(dsn, settings, whole=True)["whole log"].verdict is Verdict.UNSAFE
