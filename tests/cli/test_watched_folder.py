"""casetrail sources watch"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.cli.conftest import Casetrail, command, environment
from tests.sources.senders import MAPPING

HEADER = "number,at,tracking,state\n"
LONGEST_SECONDS = 60.0


def row(number: str, state: str = "MOVING") -> str:
    return f"{number},2026-11-21T10:00:00Z,T-{number},{state}\n"


@pytest.fixture
def source(casetrail: Casetrail, tmp_path: Path) -> str:
    document = tmp_path / "little.yaml"
    document.write_text(MAPPING)
    name = f"files-{tmp_path.name.lower()}"[:60]
    words = ("--mapping", document, "--owner", "order_desk")
    added = casetrail("sources", "add", name, *words)
    assert added.returncode == 0, added.stderr
    return name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "in"
    found.mkdir()
    return found


def watched(casetrail: Casetrail, source: str, folder: Path) -> tuple[int, str]:
    words = ("--header", "X-Event:scan", "--once", "--settle-seconds", "0")
    ran = casetrail("sources", "watch", source, folder, *words)
    assert all(": not read: " in line for line in ran.stderr.splitlines()), ran.stderr
    return ran.returncode, ran.stdout


def names(folder: Path) -> list[str]:
    return sorted(
        str(one.relative_to(folder))
        for one in folder.rglob("*")
        if one.is_file() and one.name != ".casetrail.lock"
    )


def test_files_are_read_and_moved_with_the_reasons_beside(
    casetrail: Casetrail, source: str, folder: Path
) -> None:
    (folder / "good.csv").write_text(HEADER + row("w-1") + row("w-2"))
    (folder / "one-bad-row.csv").write_text(HEADER + row("w-3") + "w-4,too,few\n")
    (folder / "latin.csv").write_bytes((HEADER + row("w-5", "Straße")).encode("latin-1"))
    (folder / "no-column.csv").write_text("number,at\nw-6,2026-11-21T10:00:00Z\n")
    (folder / "cut.csv").write_text(f'{HEADER}{row("w-7")}"w-8,2026-11-21T10:00:00Z,T,MOVING\n')
    (folder / "picture.png").write_bytes(b"\x89PNG")
    (folder / "coming.csv.part").write_text(HEADER)
    status, said = watched(casetrail, source, folder)
    assert status == 1
    assert "good.csv: 2 recorded; done/good.csv" in said
    assert [one for one in names(folder) if one != "picture.png"] == [
        "coming.csv.part",
        "done/good.csv",
        "done/one-bad-row.csv",
        "done/one-bad-row.csv.reasons.txt",
        "refused/cut.csv",
        "refused/cut.csv.reasons.txt",
        "refused/latin.csv",
        "refused/latin.csv.reasons.txt",
        "refused/no-column.csv",
        "refused/no-column.csv.reasons.txt",
    ]
    reasons = {
        one.name.partition(".")[0]: one.read_text() for one in folder.glob("*/*.reasons.txt")
    }
    assert "one-bad-row.csv:3: /: 3 fields, but the header has 4\n" in reasons["one-bad-row"]
    assert "1 of 2 parts" in reasons["one-bad-row"]
    assert "latin.csv: /: byte" in reasons["latin"]
    assert "no-column.csv: no column 'state', which the mapping" in reasons["no-column"]
    assert "cut.csv:3: /: " in reasons["cut"]
    assert "rows from here on were not read" in reasons["cut"]
    listed = json.loads(
        casetrail("sources", "deliveries", source, "--not-understood", "--json").stdout
    )
    assert {(one["file"], one["line"]) for one in listed} == {
        ("one-bad-row.csv", 3),
        ("latin.csv", None),
        ("no-column.csv", 2),
        ("cut.csv", 3),
    }


def test_files_that_are_no_data_stay_and_are_named_once(
    casetrail: Casetrail, source: str, folder: Path
) -> None:
    for name in ("readme.txt", "Thumbs.db", "notes"):
        (folder / name).write_text("This folder is for scans.\n")
    (folder / "scans.csv").write_text(HEADER + row("w-20"))
    words = ("sources", "watch", source, folder, "--header", "X-Event:scan", "--once")
    ran = casetrail(*words, "--settle-seconds", "0.1")
    assert (ran.returncode, ran.stdout.count("done/scans.csv")) == (0, 1), ran.stderr
    assert [line.partition(":")[0] for line in ran.stderr.splitlines()] == [
        "Thumbs.db",
        "notes",
        "readme.txt",
    ]
    assert "not read: its name does not end as that of data (.json, .ndjson" in ran.stderr
    assert names(folder) == ["Thumbs.db", "done/scans.csv", "notes", "readme.txt"]
    for name in ("Thumbs.db", "notes"):
        (folder / name).unlink()
    (folder / "readme.txt").write_text(HEADER + row("w-21"))
    ran = casetrail(*words, "--settle-seconds", "0", "--format", "csv")
    assert ("done/readme.txt" in ran.stdout, ran.stderr) == (True, "")


def test_a_file_that_comes_again_records_nothing_twice_and_overwrites_nothing(
    casetrail: Casetrail, source: str, folder: Path
) -> None:
    for _ in range(2):
        (folder / "scans.csv").write_text(HEADER + row("again-1") + "too,few\n")
        status, said = watched(casetrail, source, folder)
        assert status == 1
    assert "scans.csv: 2 known, 1 not understood; done/scans-" in said
    first, second = sorted((folder / "done").glob("*.reasons.txt"))
    assert first.read_text() == second.read_text()
    assert watched(casetrail, source, folder) == (0, "")


def test_an_empty_table_is_done_and_a_source_or_folder_that_is_missing_is_said(
    casetrail: Casetrail, source: str, folder: Path
) -> None:
    (folder / "none.csv").write_text(HEADER)
    status, said = watched(casetrail, source, folder)
    assert (status, "none.csv: no rows; done/none.csv" in said) == (0, True)
    missing = casetrail("sources", "watch", "nobody", folder, "--once")
    assert (missing.returncode, "No source nobody" in missing.stderr) == (2, True)
    missing = casetrail("sources", "watch", source, folder / "x", "--once")
    assert (missing.returncode, "does not exist" in missing.stderr) == (2, True)
    (folder / "refused").rmdir()
    (folder / "refused").symlink_to(folder)
    link = casetrail("sources", "watch", source, folder, "--once")
    assert (link.returncode, "refused" in link.stderr) == (2, True)


@contextmanager
def running(dsn: str, home: Path, source: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    words = ("sources", "watch", source, folder, "--header", "X-Event:scan")
    quick = ("--settle-seconds", "0.2", "--interval", "0.1")
    process = subprocess.Popen(
        command(home, *words, *quick),
        env=environment(dsn),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + LONGEST_SECONDS
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.05)


def kept(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT count(*) FROM stored_events WHERE topic = 'delivery.taken'"
        ).fetchone()
    assert found is not None
    return int(found[0])


def test_two_watchers_read_each_file_once_and_end_when_they_are_told(
    database: str, source: str, folder: Path, tmp_path: Path
) -> None:
    before = kept(database)
    with (
        running(database, tmp_path / "home", source, folder) as one,
        running(database, tmp_path / "home", source, folder) as other,
    ):
        for number in range(20):
            unfinished = folder / f".{number}.csv"
            unfinished.write_text(HEADER + row(f"two-{number}"))
            unfinished.rename(folder / f"{number}.csv")
        wait_until(lambda: len(names(folder)) == 20 and names(folder)[0].startswith("done/"))
        wait_until(lambda: all(name.startswith("done/") for name in names(folder)))
        for process in (one, other):
            process.send_signal(signal.SIGTERM)
        said = [process.communicate(timeout=LONGEST_SECONDS)[0] for process in (one, other)]
        assert [one.returncode, other.returncode] == [0, 0], said
    assert sum(text.count("; done/") for text in said) == 20
    assert kept(database) - before == 20


def test_a_watcher_that_was_killed_leaves_nothing_out_and_records_nothing_twice(
    casetrail: Casetrail, database: str, source: str, folder: Path, tmp_path: Path
) -> None:
    before, rows = kept(database), 3_000
    (folder / "many.csv").write_text(HEADER + "".join(row(f"kill-{n}") for n in range(rows)))
    with running(database, tmp_path / "home", source, folder) as process:
        wait_until(lambda: kept(database) > before)
        process.kill()
        process.wait()
    assert names(folder) == ["many.csv"], "killed while it was read"
    assert 0 < kept(database) - before < rows
    status, said = watched(casetrail, source, folder)
    assert (status, kept(database) - before) == (0, rows), said
    assert names(folder) == ["done/many.csv"]


def test_files_wait_for_a_database_that_is_away(
    database: str, source: str, folder: Path, tmp_path: Path
) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    other = psycopg.conninfo.make_conninfo(database, dbname="postgres")

    def allow(is_open: bool) -> None:
        with psycopg.connect(other, autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {is_open}')
            if not is_open:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                    (name,),
                )

    with running(database, tmp_path / "home", source, folder) as process:
        (folder / "first.csv").write_text(HEADER + row("away-1"))
        wait_until(lambda: names(folder) == ["done/first.csv"])
        allow(False)
        try:
            (folder / "second.csv").write_text(HEADER + row("away-2"))
            assert process.stdout is not None
            wait_until(lambda: "read later" in process.stdout.readline())
            assert (folder / "second.csv").exists()
        finally:
            allow(True)
        wait_until(lambda: names(folder) == ["done/first.csv", "done/second.csv"])
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=LONGEST_SECONDS)
        assert process.returncode == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_may_not_be_read_is_refused(
    casetrail: Casetrail, source: str, folder: Path
) -> None:
    (folder / "closed.csv").write_text(HEADER)
    (folder / "closed.csv").chmod(0)
    assert watched(casetrail, source, folder)[0] == 1
    assert "Permission denied" in (folder / "refused" / "closed.csv.reasons.txt").read_text()
