"""The schema comes from numbered SQL files, which are applied once and in order."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infrastructure.doctor import require_safe
from infrastructure.event_store import migrations
from infrastructure.event_store.migrations import AppliedMigrationChanged, migrate

ROOT = Path(__file__).parents[2]
DIGESTS = Path(__file__).with_name("migrations.txt")
SHIPPED = sorted(file.name for file in migrations.MIGRATIONS_DIRECTORY.glob("*.sql"))


@pytest.fixture
def fresh(databases: Any) -> Iterator[str]:
    """An empty database."""
    with databases.new() as name:
        yield databases.dsn(name)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migration files that the test may change."""
    copy = tmp_path / "sql"
    shutil.copytree(migrations.MIGRATIONS_DIRECTORY, copy)
    monkeypatch.setattr(migrations, "MIGRATIONS_DIRECTORY", copy)
    return copy


def tables(dsn: str) -> set[str]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {name for (name,) in rows}


def test_each_migration_is_applied_once_and_in_order(fresh: str) -> None:
    assert migrate(fresh) == SHIPPED
    assert migrate(fresh) == []
    assert {"stored_events", "log_head", "commands", "timers", "migrations"} <= tables(fresh)


def test_concurrent_starts_apply_each_migration_once(fresh: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        applied = list(pool.map(migrate, [fresh] * 8))
    assert sorted(applied) == [[]] * 7 + [SHIPPED]


def test_a_new_file_is_applied_to_a_database_in_use(dsn: str, files: Path) -> None:
    (files / "9998_more.sql").write_text("CREATE TABLE more (n int);")
    (files / "9999_most.sql").write_text("ALTER TABLE more RENAME TO most;")
    assert migrate(dsn) == ["9998_more.sql", "9999_most.sql"]
    assert "most" in tables(dsn)
    assert migrate(dsn) == []


def test_an_edited_file_is_refused(dsn: str, files: Path) -> None:
    with open(files / SHIPPED[0], "a") as file:
        file.write("-- an afterthought\n")
    (files / "9999_more.sql").write_text("CREATE TABLE more (n int);")
    with pytest.raises(AppliedMigrationChanged, match=rf"{SHIPPED[0]} was edited"):
        migrate(dsn)
    assert "more" not in tables(dsn)


def test_a_database_of_a_newer_build_is_refused(dsn: str, files: Path) -> None:
    newer = files / "9999_newer.sql"
    newer.write_text("CREATE TABLE newer (n int);")
    migrate(dsn)
    newer.unlink()
    with pytest.raises(AppliedMigrationChanged, match=r"9999_newer\.sql.*newer build"):
        migrate(dsn)


def test_a_failed_migration_changes_nothing(fresh: str, files: Path) -> None:
    bad = files / "9999_bad.sql"
    bad.write_text("CREATE TABLE half (n int); SELECT 1 / 0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(fresh)
    assert tables(fresh) == set()
    bad.unlink()
    assert migrate(fresh) == SHIPPED


def test_percent_signs_and_quotes_are_not_placeholders(dsn: str, files: Path) -> None:
    text = "CREATE TABLE odd AS SELECT '100 % %s %(a)s {} $1 \\ ü'::text AS said;"
    (files / "9999_odd.sql").write_text(text, encoding="utf-8")
    migrate(dsn)
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT said FROM odd").fetchone()
    assert row == ("100 % %s %(a)s {} $1 \\ ü",)


def test_the_locale_does_not_matter(dsn: str) -> None:
    """The files are always read as UTF-8, and digests are computed from their bytes."""
    program = (
        "import sys; from infrastructure.event_store.migrations import migrate; "
        "print(migrate(sys.argv[1]))"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    }
    done = subprocess.run(
        [sys.executable, "-c", program, dsn],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


def test_the_shipped_migrations_are_unchanged() -> None:
    """Databases with the old file would be refused: add a new file, and its line in migrations.txt."""
    files = sorted(migrations.MIGRATIONS_DIRECTORY.glob("*.sql"))
    digests = [f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files]
    assert digests == DIGESTS.read_text().splitlines()


def test_a_database_from_before_the_roles_is_migrated(fresh: str) -> None:
    """Its reports belong to its user, and its log is halted by the trigger of that time."""
    before = [name for name in SHIPPED if name < "0010"]
    with psycopg.connect(fresh, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE migrations (name text PRIMARY KEY, digest text NOT NULL, "
            "applied_at timestamptz NOT NULL DEFAULT now())"
        )
        for name in before:
            text = (migrations.MIGRATIONS_DIRECTORY / name).read_bytes()
            connection.execute(text)
            connection.execute(
                "INSERT INTO migrations VALUES (%s, %s)", (name, hashlib.sha256(text).hexdigest())
            )
        connection.execute("CREATE TABLE views.old_1 (n int)")
        connection.execute("CREATE VIEW views.old AS SELECT * FROM views.old_1")
        connection.execute(
            "CREATE TRIGGER log_is_halted BEFORE UPDATE ON log_head "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_appends()"
        )
    assert migrate(fresh) == [name for name in SHIPPED if name not in before]
    require_safe(fresh)
    with psycopg.connect(fresh, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("SELECT append_events()")
        connection.execute("SET ROLE casetrail_projector")
        connection.execute("DROP VIEW views.old")
        connection.execute("DROP TABLE views.old_1")
