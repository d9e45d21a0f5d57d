"""With real standbys: nothing is signed or acknowledged that a quorum has not flushed, and what an asynchronous
one has lost when it is promoted is found."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import msgspec
import psycopg
import pytest
from eventsourcing.persistence import OperationalError, StoredEvent
from msgspec import structs

from api.configured_checkpoints import checkpoints_of, continuity, verified_checkpoints
from application.log.recorder import Append
from infrastructure.doctor.findings import Finding, Verdict
from infrastructure.doctor.replication import check_replication
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.health import HealthChecker
from infrastructure.postgres.datastore import Datastore, LogHalted, connect
from infrastructure.postgres.embedded import EmbeddedPostgres
from infrastructure.postgres.standbys import StandbysUnusable, parse_standbys, waits_for
from infrastructure.settings import Settings
from infrastructure.transparency.acknowledged import AcknowledgedHeads
from infrastructure.transparency.checkpoints import LogNotAsWitnessed
from tests.lost_tails import Site, run_command
from tests.survival.replica import Replica

LOST = 120


@pytest.fixture
def replica(server: EmbeddedPostgres) -> Iterator[Replica]:
    made = Replica(server, "s1")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def site(server: EmbeddedPostgres, replica: Replica, tmp_path: Path) -> Site:
    made = Site(server.dsn("casetrail"), tmp_path / "home")
    replica.wait_until_it_has(made.head())
    return made


def with_gate(settings: Settings) -> Settings:
    return structs.replace(settings, standbys="1 (s1)")


def append(settings: Settings, many: int = 1) -> int:
    assert settings.database_url is not None
    recorder = PostgresLogRecorder(Datastore(settings.database_url), continuity(settings))
    try:
        events = [StoredEvent(uuid4(), 1, "t", b"event") for _ in range(many)]
        return recorder.append(Append(events))
    finally:
        recorder.close()


def configure(server: EmbeddedPostgres, **settings: str) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        for name, value in settings.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
        connection.execute("SELECT pg_reload_conf()")
    time.sleep(0.3)


def standbys_finding(site: Site, setting: str | None) -> Finding:
    with connect(site.dsn) as connection:
        (found,) = check_replication(connection, setting)
    return found


def signed_size(site: Site) -> int:
    made = checkpoints_of(site.settings).last_external()
    assert made is not None
    return made.size


def heads_of(settings: Settings) -> int:
    return max(
        (head.position for head in AcknowledgedHeads(settings.heads_place).known()), default=0
    )


def test_an_asynchronous_standby_that_is_promoted_has_lost_acknowledged_events(
    site: Site, server: EmbeddedPostgres, replica: Replica
) -> None:
    """The fault that was seen: 120 acknowledged events are gone. Nobody hides that."""
    one = standbys_finding(site, None)
    assert (one.verdict, "asynchronous" in one.found) == (Verdict.WARNING, True)
    kept = site.head()
    replica.stop()
    append(site.settings, LOST)
    site.sign()
    server.stop()  # before the standby could catch up
    replica.start()
    replica.promote()
    settings = structs.replace(
        site.settings,
        database_url=replica.dsn(),
        checkpoints=str(site.settings.checkpoint_place),
        heads=str(site.settings.heads_place),
    )
    places = {
        "CASETRAIL_CHECKPOINTS": str(settings.checkpoints),
        "CASETRAIL_HEADS": str(settings.heads),
    }
    assert head_of(replica) == kept
    with pytest.raises(LogNotAsWitnessed, match=f"{LOST} are missing"):
        verified_checkpoints(settings, replica.dsn())
    with pytest.raises(LogHalted):
        append(settings)
    words = ("log", "accept-loss", "--reason", "The standby was behind.")
    asked = run_command(settings, *words, token=site.ana, **places)
    assert asked.exit_code == 0, asked.output
    confirmed = run_command(settings, "log", "confirm-loss", token=site.ben, **places)
    assert confirmed.exit_code == 0, confirmed.output
    append(settings)
    with connect(replica.dsn()) as connection:
        checkpoints_of(settings).make(connection)
    answer = run_command(settings, "audit", "ask", "10", "--json", **places)
    (loss,) = msgspec.json.decode(answer.stdout)["answer"]["losses"]
    assert (loss["position"], loss["last"], loss["leaves_known"]) == (kept + 1, kept + LOST, LOST)


def head_of(replica: Replica) -> int:
    with psycopg.connect(replica.dsn()) as connection:
        row = connection.execute("SELECT position FROM log_head").fetchone()
    assert row is not None
    return int(row[0])


def test_a_stopped_standby_holds_up_signatures_and_acknowledgements(
    site: Site, server: EmbeddedPostgres, replica: Replica
) -> None:
    site.settings = with_gate(site.settings)
    append(site.settings)
    site.sign()
    before = signed_size(site)
    assert (before, heads_of(site.settings)) == (site.head(), site.head())
    replica.stop()
    with pytest.raises(OperationalError, match=r"standbys 1 \(s1\) have not confirmed"):
        site.append()
    site.sign()
    assert site.head() == before + 1  # stored, but neither signed nor acknowledged
    assert (signed_size(site), heads_of(site.settings)) == (before, before)
    health = HealthChecker(Datastore(site.dsn), standbys=parse_standbys("1 (s1)"))
    later = datetime.now(UTC) + timedelta(minutes=1)
    problems = health.check(later).problems
    assert any(f"position {before + 1} is not signed since" in one for one in problems), problems
    found = standbys_finding(site, "1 (s1)")
    assert (found.verdict, "0 of the 1" in found.found) == (Verdict.UNSAFE, True)
    server.stop()
    replica.start()
    replica.promote()
    # What was signed and acknowledged is there, so the promoted one goes on.
    assert head_of(replica) >= before
    places = {"checkpoints": str(site.settings.checkpoint_place)}
    heads = str(site.settings.heads_place)
    promoted = structs.replace(
        site.settings, database_url=replica.dsn(), standbys=None, heads=heads, **places
    )
    verified_checkpoints(promoted, replica.dsn())
    append(promoted)


def test_the_wait_ends_when_the_standby_is_back(site: Site, replica: Replica) -> None:
    site.settings = with_gate(site.settings)
    replica.stop()
    starter = threading.Timer(0.5, replica.start)
    starter.start()
    deadline = time.monotonic() + 30
    while True:
        try:
            append(site.settings)
            break
        except OperationalError:
            assert time.monotonic() < deadline
    starter.join()
    site.sign()
    assert signed_size(site) == site.head() == heads_of(site.settings)


@pytest.mark.parametrize("is_gated", [True, False])
def test_a_cancelled_wait_for_a_standby_is_not_an_acknowledgement(
    site: Site, server: EmbeddedPostgres, replica: Replica, is_gated: bool
) -> None:
    """PostgreSQL then commits here alone, with a warning; with and without CASETRAIL_STANDBYS."""
    if is_gated:
        site.settings = with_gate(site.settings)
    append(site.settings)
    acknowledged = heads_of(site.settings)
    configure(server, synchronous_standby_names="ANY 1 (s1)")
    replica.stop()
    done: list[int] = []
    waiting = threading.Thread(target=lambda: done.append(append(site.settings)))
    waiting.start()
    deadline = time.monotonic() + 20
    with psycopg.connect(server.dsn("casetrail"), autocommit=True) as connection:
        cancelled = 0
        while not cancelled and time.monotonic() < deadline:
            time.sleep(0.1)
            cancelled = connection.execute(
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            ).rowcount
    assert cancelled
    time.sleep(1)
    assert waiting.is_alive()
    assert (done, heads_of(site.settings)) == ([], acknowledged)
    replica.start()
    waiting.join(timeout=30)
    assert done == [acknowledged + 1]
    assert heads_of(site.settings) >= acknowledged
    configure(server, synchronous_standby_names="")


def test_the_doctor_is_content_with_synchronous_standbys(
    site: Site, server: EmbeddedPostgres
) -> None:
    found = standbys_finding(site, "1 (s1)")
    assert (found.verdict, "asynchronous" in found.found) == (Verdict.WARNING, True)
    configure(server, synchronous_standby_names="ANY 1 (s1)")
    assert standbys_finding(site, "1 (s1)").verdict is Verdict.OK
    without = standbys_finding(site, None)
    assert (without.verdict, "cancelled" in without.found) == (Verdict.WARNING, True)
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("ALTER DATABASE casetrail SET synchronous_commit = 'local'")
    assert standbys_finding(site, "1 (s1)").verdict is Verdict.WARNING
    assert standbys_finding(site, "2 (s1, s2)").verdict is Verdict.UNSAFE
    assert standbys_finding(site, "s1").verdict is Verdict.UNSAFE


@pytest.mark.parametrize("text", ["", "s1", "0 (s1)", "2 (s1)", "1 ()", "1 (s1, s1)", "1 (a,,b)"])
def test_a_setting_that_names_no_quorum_is_refused(text: str) -> None:
    with pytest.raises(StandbysUnusable):
        parse_standbys(text)


def test_a_setting_may_be_written_as_for_postgresql() -> None:
    assert parse_standbys("ANY 1 (s1, s2)") == parse_standbys("1 (s1,s2)")


@pytest.mark.parametrize(
    ("commit", "names", "waits"),
    [
        ("on", "ANY 2 (s1, s2, s3)", True),
        ("remote_apply", "FIRST 3 (s1, s2, s3)", True),
        ("on", "2 (s1,s2)", True),
        ("on", "ANY 1 (s1, s2, s3)", False),  # fewer than the quorum
        ("on", "ANY 2 (s1, other)", False),  # one that does not count may be among the two
        ("on", "ANY 2 (*)", False),
        ("on", "s1", False),
        ("on", "", False),
        ("local", "ANY 2 (s1, s2, s3)", False),
        ("remote_write", "ANY 2 (s1, s2, s3)", False),  # received there, not flushed
        ("off", "ANY 2 (s1, s2, s3)", False),
    ],
)
def test_settings_by_which_a_commit_has_waited_for_the_quorum(
    commit: str, names: str, waits: bool
) -> None:
    assert waits_for(parse_standbys("2 (s1, s2, s3)"), commit, names) is waits
