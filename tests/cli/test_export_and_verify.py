"""An export can be verified anywhere, and a log that differs from its checkpoint is not served."""

import json

import psycopg
import pytest

from tests.cli.conftest import LONGEST_SECONDS, environment
from tests.tampering import without_triggers


@pytest.fixture
def fresh(databases, tmp_path, starters):
    """Run commands on a database of the test's own."""
    with databases.new() as name:
        given = environment(databases.dsn(name))

        def run(*words):
            told = ["--home", str(tmp_path / "home"), *map(str, words)]
            return starters.run(told, given, LONGEST_SECONDS)

        yield run


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


def test_a_receipt_is_written_and_verified(fresh, tmp_path):
    casetrail = fresh
    assert casetrail("people", "add", "ana", "--role", "auditor").returncode == 0
    out = tmp_path / "first.tlog-proof"
    made = casetrail("audit", "receipt", "1", "--out", out)
    assert made.returncode == 0, made.stderr
    key = casetrail("audit", "key").stdout.strip()
    verified = casetrail("verify", out, "--key", key)
    assert verified.returncode == 0, verified.stderr
    assert verified.stdout.startswith("verified: the event at position 1 of a log of ")
    (tmp_path / "policy").write_text(f"log {key}\nquorum none\n")
    by_policy = casetrail("verify", out, "--policy", tmp_path / "policy", "--json")
    assert json.loads(by_policy.stdout)["verified"]
    envelope = out.with_suffix(".envelope")
    lines = out.read_bytes().split(b"\n")
    out.write_bytes(b"\n".join(line for line in lines if not line.startswith(b"extra ")))
    without = casetrail("verify", out, "--key", key)
    assert (without.returncode, without.stdout.splitlines()[-1]) == (1, "BROKEN")
    given = casetrail("verify", out, "--key", key, "--envelope", envelope)
    assert given.returncode == 0, given.stdout


def test_a_receipt_that_cannot_be_made_or_verified_is_explained(fresh, tmp_path):
    casetrail = fresh
    assert casetrail("people", "add", "ana", "--role", "auditor").returncode == 0
    out = tmp_path / "r"
    beyond = casetrail("audit", "receipt", "99999", "--out", out)
    assert (beyond.returncode, "no event at position 99999" in beyond.stderr) == (1, True)
    assert not out.exists()
    assert casetrail("audit", "receipt", "1", "--out", out).returncode == 0
    assert "exists already" in casetrail("audit", "receipt", "1", "--out", out).stderr
    keyless = casetrail("verify", out)
    assert (keyless.returncode, "A receipt holds no key" in keyless.stderr) == (2, True)
    policy = tmp_path / "policy"
    policy.write_text("witness a b\nquorum a\n")
    broken = casetrail("verify", out, "--policy", policy)
    assert (broken.returncode, "line 1: a key must have the form" in broken.stderr) == (2, True)
