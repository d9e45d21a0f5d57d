import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.cli.conftest import ROOT, Casetrail, command
from tests.survival.programs import home_on_disk


@pytest.fixture
def home() -> Iterator[Path]:
    with home_on_disk() as home:
        yield home


def test_the_doctor_stops_a_start_and_a_migration_repairs_it(
    casetrail: Casetrail, database: str
) -> None:
    before = casetrail("doctor")
    assert before.returncode == 1
    assert "run `casetrail migrate`" in before.stdout
    assert casetrail("migrate").returncode == 0
    told = casetrail("doctor", "--json")
    assert told.returncode == 0, told.stdout
    findings = {one["what"]: one for one in json.loads(told.stdout)["findings"]}
    assert findings["triggers"]["verdict"] == "ok"
    assert findings["who connects"]["verdict"] == "warning"  # the tests connect as a superuser

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("GRANT UPDATE ON stored_events TO PUBLIC")
    assert casetrail("doctor").returncode == 1
    for words in (("worker",), ("serve", "--port", "0", "--no-worker")):
        refused = casetrail(*words)
        assert refused.returncode == 2
        assert refused.stderr.startswith("It would be unsafe to start.")
        assert "UPDATE on stored_events to PUBLIC was granted" in refused.stderr
    assert casetrail("migrate").stdout == "nothing to do\n"
    assert casetrail("doctor", "--whole").returncode == 0


def test_the_printed_administrator_script_runs(casetrail: Casetrail, database: str) -> None:
    assert casetrail("migrate").returncode == 0
    printed = casetrail("migrate", "--print-roles").stdout
    assert "CREATE ROLE casetrail_owner NOLOGIN;" in printed
    in_the_database = printed[printed.index("ALTER FUNCTION") :]
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP EVENT TRIGGER casetrail_defines")
        connection.execute("DROP EVENT TRIGGER casetrail_drops")
        connection.execute(in_the_database)
    told = json.loads(casetrail("doctor", "--json").stdout)["findings"]
    assert [one["verdict"] for one in told if one["what"] == "event triggers"] == ["ok"]


def test_every_attack_is_listed_in_a_table(casetrail: Casetrail) -> None:
    ran = casetrail("audit", "attack")
    assert ran.returncode == 0, ran.stderr
    assert "0 UNDETECTED" in ran.stdout
    assert "superuser, rewrite an event, with the guards off and on again: detected" in ran.stdout
    assert "checkpoint outside" in ran.stdout


def test_each_role_has_its_own_login_on_the_embedded_server(home: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
        return subprocess.run(
            command(home, *words),
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    added = run("people", "add", "ana", "--role", "handler")
    assert added.returncode == 0, added.stderr
    told = run("doctor", "--json")
    assert told.returncode == 0, told.stdout
    findings = {one["what"]: one for one in json.loads(told.stdout)["findings"]}
    assert findings["who connects"]["found"].startswith("each role logs in by itself")
    assert findings["fsync"]["found"] == findings["data_checksums"]["found"] == "on"
