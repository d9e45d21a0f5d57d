"""A start and the doctor compare the log with the largest statement that was ever signed or acknowledged,
wherever it is still found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from api.composition import desks, prepare_database
from api.configured_checkpoints import checkpoints_of, continuity, verified_checkpoints
from infrastructure.doctor import examine
from infrastructure.doctor.findings import Finding, Verdict
from infrastructure.postgres.datastore import LogHalted, connect
from infrastructure.settings import Settings, load_settings
from infrastructure.transparency.acknowledged import AcknowledgedHead, AcknowledgedHeads
from infrastructure.transparency.checkpoints import LogNotAsWitnessed
from infrastructure.transparency.cosignatures import open_witness_clients
from infrastructure.transparency.full_check import find_faults
from infrastructure.transparency.outside_checkpoints import LATEST_FILE
from infrastructure.transparency.signing_keys import open_cosigner
from infrastructure.transparency.stored_checkpoints import latest_checkpoint
from infrastructure.witness.cosigned_state import CosignedState
from tests.bucket import Bucket
from tests.infrastructure.test_witness import serve_witness
from tests.tampering import without_triggers

LOST = r"4 are missing \(9 to 12\)"


@pytest.fixture
def settings(dsn: str, tmp_path: Path) -> Settings:
    """A log of 12 positions with checkpoints of 4, 8 and 12."""
    prepare_database(dsn)
    made = load_settings({"DATABASE_URL": dsn, "CASETRAIL_HOME": str(tmp_path / "home")})
    fill(dsn, made)
    return made


def append_events(dsn: str, many: int) -> None:
    with desks(dsn) as working:
        for _ in range(many):
            working.people.add(f"p{working.log.head()}", [], working.clock())


def fill(dsn: str, settings: Settings) -> None:
    with connect(dsn) as connection:
        for _ in range(3):
            append_events(dsn, 4)
            verified_checkpoints(settings, dsn).make(connection)


def lose_the_tail(dsn: str, *, keep_table: bool = False) -> None:
    """Restore the log to position 8."""
    with connect(dsn) as connection:
        with without_triggers(connection):
            connection.execute("DELETE FROM stored_events WHERE notification_id > 8")
            connection.execute("DELETE FROM log_nodes WHERE (place + 1) << level > 8")
            if not keep_table:
                connection.execute("DELETE FROM checkpoint_signatures WHERE size > 8")
                connection.execute("DELETE FROM checkpoints WHERE size > 8")
        connection.execute("UPDATE log_head SET position = 8")


def examined(dsn: str, settings: Settings, **more: Any) -> dict[str, Finding]:
    with connect(dsn) as connection:
        return {one.what: one for one in examine(connection, settings, **more)}


def assert_lost(dsn: str, settings: Settings) -> None:
    found = examined(dsn, settings)
    one = next(one for one in found.values() if "4 are missing (9 to 12)" in one.found)
    assert one.verdict is Verdict.UNSAFE, found
    with pytest.raises(LogNotAsWitnessed, match=LOST):
        verified_checkpoints(settings, dsn)


def test_a_lost_tail_is_found_by_the_numbered_checkpoints(dsn: str, settings: Settings) -> None:
    lose_the_tail(dsn)
    (Path(settings.checkpoint_place) / LATEST_FILE).unlink()
    with connect(dsn) as connection, pytest.raises(LogHalted):
        continuity(settings).require_same_log(connection)
    assert_lost(dsn, settings)


@pytest.mark.parametrize("name", [f"{99:020d}", "99", "9" * 21])
def test_an_earlier_checkpoint_in_the_place_of_the_latest_hides_nothing(
    dsn: str, settings: Settings, name: str
) -> None:
    lose_the_tail(dsn)
    place = Path(settings.checkpoint_place)
    earlier = (place / f"{8:020d}").read_bytes()
    (place / LATEST_FILE).write_bytes(earlier)
    (place / name).write_bytes(earlier)
    assert_lost(dsn, settings)


def test_a_lost_tail_is_found_in_a_bucket_without_its_latest_file(
    dsn: str, bucket: Bucket, tmp_path: Path
) -> None:
    prepare_database(dsn)
    environment = {"DATABASE_URL": dsn, "CASETRAIL_HOME": str(tmp_path)}
    settings = load_settings({**environment, "CASETRAIL_CHECKPOINTS": "s3://proof/casetrail"})
    fill(dsn, settings)
    checkpoints_of(settings).outside.place.remove(LATEST_FILE)
    lose_the_tail(dsn)
    assert_lost(dsn, settings)


def test_a_lost_tail_is_found_by_the_checkpoints_in_the_database(
    dsn: str, settings: Settings
) -> None:
    """After a restore of single tables, and a loss of the checkpoints outside."""
    lose_the_tail(dsn, keep_table=True)
    Path(settings.checkpoint_place).rename(f"{settings.checkpoint_place}.gone")
    assert_lost(dsn, settings)


def test_a_lost_tail_is_found_by_the_acknowledged_heads(dsn: str, settings: Settings) -> None:
    with connect(dsn) as connection:
        row = connection.execute("SELECT leaf FROM stored_events WHERE notification_id = 12")
        ((leaf,),) = row.fetchall()
    heads = AcknowledgedHeads(settings.heads_place)
    heads.acknowledged(AcknowledgedHead(12, bytes(leaf)))
    heads.close()
    lose_the_tail(dsn)
    Path(settings.checkpoint_place).rename(f"{settings.checkpoint_place}.gone")
    assert_lost(dsn, settings)


@pytest.fixture
def witnessed(dsn: str, settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """The settings with a witness that has cosigned 12 positions."""
    folder = tmp_path / "witness"
    ours = checkpoints_of(settings).signer.key
    state = CosignedState(folder, open_cosigner(folder / "k"), [ours])
    with serve_witness(state) as url:
        with_witness = structs.replace(settings, witness=f"{url} {state.cosigner.key.text}")
        witness = open_witness_clients(with_witness, checkpoints_of(settings))
        assert witness is not None
        with connect(dsn) as connection:
            witness.cosign_latest(connection)
        yield with_witness


def test_a_lost_tail_is_found_by_the_witness(dsn: str, witnessed: Settings) -> None:
    with connect(dsn) as connection:  # the restored table says that 8 positions were cosigned
        connection.execute(
            "INSERT INTO checkpoint_signatures SELECT 8, signed_by, line FROM checkpoint_signatures"
        )
    lose_the_tail(dsn)
    Path(witnessed.checkpoint_place).rename(f"{witnessed.checkpoint_place}.gone")
    assert_lost(dsn, witnessed)


def test_an_intact_log_starts_with_a_witness_and_without_one(dsn: str, witnessed: Settings) -> None:
    for settings in (
        witnessed,
        structs.replace(witnessed, witness=f"http://127.0.0.1:9 {witnessed.witness.split(' ')[1]}"),
    ):
        verified_checkpoints(settings, dsn)
        found = examined(dsn, settings, whole=True)
        assert found["checkpoints outside"].verdict is Verdict.OK
        assert found["whole log"].verdict is Verdict.OK
        silent = any(what.startswith("witness ") for what in found)
        assert silent == (settings is not witnessed)
    with connect(dsn) as connection:
        found_note = latest_checkpoint(connection)
    assert found_note is not None
    assert found_note[0] == 12


def test_a_missing_latest_file_is_a_warning_if_the_log_is_intact(
    dsn: str, settings: Settings
) -> None:
    (Path(settings.checkpoint_place) / LATEST_FILE).unlink()
    one = examined(dsn, settings)["checkpoints outside"]
    assert (one.verdict, "of 12 positions matches" in one.found) == (Verdict.WARNING, True)
    verified_checkpoints(settings, dsn)
    append_events(dsn, 1)
    with connect(dsn) as connection:
        checkpoints_of(settings).make(connection)
    assert examined(dsn, settings)["checkpoints outside"].verdict is Verdict.OK


def test_the_check_of_the_whole_log_reads_every_numbered_checkpoint(
    dsn: str, settings: Settings
) -> None:
    checkpoints = checkpoints_of(settings)
    text = checkpoints.outside.note(4)
    assert text is not None
    origin, size, _ = text.decode().split("\n")[:3]
    other = checkpoints.signer.signed(f"{origin}\n{size}\n{'A' * 43}=\n")
    checkpoints.outside.write(f"{4:020d}", other)
    with connect(dsn) as connection:
        found = [*find_faults(connection, checkpoints)]
    assert "the first 4 positions do not have the root that was signed" in found
