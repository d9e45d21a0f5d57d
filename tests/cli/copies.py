"""A copy of the project that a test can change, and processes that run from it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.cli.conftest import ROOT, command, environment
from tests.survival.programs import eventually

NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__", ".hypothesis")


def copy_of_the_project(place: Path) -> Path:
    return Path(shutil.copytree(ROOT, place / "project", ignore=NOT_COPIED))


@contextmanager
def running_worker(dsn: str, home: Path, root: Path = ROOT) -> Iterator[subprocess.Popen[str]]:
    """Run `casetrail worker` from this copy, once it maintains the reports."""
    log = home.with_suffix(".log")
    with (
        log.open("w") as out,
        subprocess.Popen(
            command(home, "worker"),
            cwd=root,
            env={**environment(dsn), "PYTHONPATH": str(root)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            text=True,
        ) as worker,
    ):
        try:
            eventually(
                "the worker keeps the reports",
                lambda: worker.poll() is not None or f"casetrail {worker.pid}" in owners(dsn),
                within=60,
            )
            assert worker.poll() is None, log.read_text()
            yield worker
        finally:
            worker.kill()


def owners(dsn: str) -> list[str]:
    """The names of the programs that hold the reports' lock."""
    from infrastructure.projections.runner import OWNER_LOCK

    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT application_name FROM pg_stat_activity JOIN pg_locks USING (pid) "
            "WHERE locktype = 'advisory' AND granted AND objid = %s AND datname = current_database()",
            (OWNER_LOCK,),
        ).fetchall()
    return [name for (name,) in rows]


@contextmanager
def session_that_holds(dsn: str, statement: str, name: str) -> Iterator[subprocess.Popen[str]]:
    """Another process whose session of this name has run the statement in an open transaction."""
    program = (
        "import sys, psycopg\n"
        "connection = psycopg.connect(sys.argv[1], application_name=sys.argv[3])\n"
        "connection.execute(sys.argv[2])\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, dsn, statement, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ},
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            yield holder
        finally:
            holder.kill()
