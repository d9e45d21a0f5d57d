"""An export can be verified anywhere, and a log that differs from its checkpoint is not served."""

import json

import psycopg
import pytest

from tests.tampering import without_triggers


def test_an_export_is_verified_and_a_truncated_log_stops_the_service(casetrail, database, tmp_path):
    made = casetrail("people", "add", "ana", "--role", "auditor")
    assert made.returncode == 0, made.stderr
    out = tmp_path / "bundle"
    exported = casetrail("audit", "export", "--out", out)
    assert exported.returncode == 0, exported.stderr
    key = casetrail("audit", "key").stdout.strip()
    verified = casetrail("verify", out, "--key", key, "--json")
    told = json.loads(verified.stdout)
    assert (verified.returncode, told["verified"], told["key"]) == (0, True, key)
    assert told["events"] == told["size"] > 0
    assert casetrail("verify", out).stdout.startswith("verified: ")

    listed = tmp_path / "listed"
    asked = ("--type", "adjustment.executed", "--kind", "refund", "--over", "500")
    assert casetrail("audit", "population", "--out", listed, *asked).returncode == 0
    assert "complete: 0 events" in casetrail("verify", listed).stdout
    again = casetrail("audit", "export", "--out", out)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    half = casetrail("audit", "export", "--out", tmp_path / "half", "--from", "2026-10-01")
    assert half.returncode == 2

    events = out / "events.ndjson"
    events.write_bytes(events.read_bytes().replace(b"ana", b"bob", 1))
    broken = casetrail("verify", out)
    assert broken.returncode == 1
    assert "events.ndjson line " in broken.stdout
    assert broken.stdout.endswith("BROKEN\n")

    with psycopg.connect(database, autocommit=True) as connection:
        (head,) = connection.execute("SELECT position FROM log_head").fetchone()
        with without_triggers(connection):
            connection.execute("DELETE FROM stored_events WHERE notification_id = %s", (head,))
        connection.execute("UPDATE log_head SET position = position - 1")
    for words in (("worker",), ("serve", "--port", "0", "--no-worker")):
        refused = casetrail(*words)
        assert refused.returncode == 2
        assert f"1 are missing ({head} to {head})" in refused.stderr
    with (
        psycopg.connect(database, autocommit=True) as connection,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="not as it was witnessed"),
    ):
        connection.execute("SELECT append_events()")
