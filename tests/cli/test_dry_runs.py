"""casetrail signals --dry-run: what would be recorded is listed, and nothing is stored."""

import json
from pathlib import Path

import psycopg

from tests.api.signals import as_ndjson, order_id, placed, unavailable
from tests.cli.conftest import Casetrail
from tests.cli.test_mapping_commands import ORDER, files


def counted(database: str) -> tuple[int, int]:
    """How many events and keys are stored."""
    with psycopg.connect(database) as connection:
        query = "SELECT (SELECT count(*) FROM stored_events), (SELECT count(*) FROM order_keys)"
        events, keys = connection.execute(query).fetchall()[0]
        return events, keys


def test_files_are_tried_before_they_are_recorded(
    casetrail: Casetrail, database: str, tmp_path: Path
) -> None:
    """The first command on an empty database: not even a policy is activated. A file of two batches is one run:
    the second one is about orders of the first."""
    file, order = tmp_path / "signals.ndjson", order_id()
    told = [placed(order), *(placed(order_id()) for _ in range(1_000)), unavailable(order)]
    file.write_bytes(as_ndjson([*told, told[0], {"type": "nonsense"}]))
    dry = casetrail("signals", file, "--dry-run", "--json")
    assert dry.returncode == 1
    assert counted(database) == (0, 0)
    foretold = json.loads(dry.stdout)
    assert foretold.pop("dry_run") is True
    (change,) = foretold.pop("changes")
    assert (change["kind"], change["order"]) == ("stock_unavailable", order)
    real = casetrail("signals", file, "--json")
    assert foretold == json.loads(real.stdout)
    assert (foretold["recorded"], foretold["duplicate"], foretold["refused"]) == (1_002, 1, 1)
    before = counted(database)
    shown = casetrail("signals", file, "--dry-run")
    assert "0 held, 0 recorded, 1 refused" in shown.stdout
    assert "dry run: nothing was stored; no case would change" in shown.stdout
    assert f"{file}:1004" in shown.stderr
    assert counted(database) == before


def test_what_another_system_wrote_is_tried(
    casetrail: Casetrail, database: str, tmp_path: Path
) -> None:
    mapping, sample = files(tmp_path, {**ORDER, "state": "open"})
    words = ["signals", "--mapping", mapping, sample, "--header", "x-event:order", "--dry-run"]
    before = counted(database)
    ran = casetrail(*words)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "2 recorded" in ran.stdout
    assert "no case would change" in ran.stdout
    assert counted(database) == before
