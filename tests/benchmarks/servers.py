"""The servers: a durable PostgreSQL on a real disk, pgbench beside it, and HTTP servers with clients."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
from psycopg.sql import SQL, Literal

from infrastructure.event_store.migrations import migrate
from infrastructure.postgres.binaries import find_binaries
from infrastructure.postgres.databases import scratch_database
from infrastructure.postgres.embedded import EmbeddedPostgres

HERE = Path(__file__).parent
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
PGBENCH_CLIENTS = 16
PGBENCH = f"pgbench, {PGBENCH_CLIENTS} clients, one row a transaction"
_PLAIN = """
    CREATE TABLE plain (
        originator_id uuid NOT NULL, originator_version bigint NOT NULL,
        topic text NOT NULL, state bytea NOT NULL, notification_id bigserial NOT NULL,
        PRIMARY KEY (originator_id, originator_version));
    CREATE UNIQUE INDEX ON plain (notification_id);
"""
_INSERT = SQL(
    "INSERT INTO plain (originator_id, originator_version, topic, state) "
    "VALUES (gen_random_uuid(), 1, 'order.signal_recorded', {});"
)


class CouldNotMeasure(Exception):
    """A benchmark cannot measure on this machine, or what it measures has failed."""


@contextmanager
def own_home() -> Iterator[None]:
    """While it lasts, the processes of the benchmarks leave nothing in the user's own home of casetrail."""
    with (
        tempfile.TemporaryDirectory(prefix="casetrail-bench-home-") as home,
        patch.dict(os.environ, CASETRAIL_HOME=home),
    ):
        yield


@contextmanager
def benchmark_server(warn: Callable[[str], None]) -> Iterator[str]:
    """The address of the server in DATABASE_URL, or else of an embedded server on a disk."""
    given = os.environ.get("DATABASE_URL")
    if given:
        with psycopg.connect(given) as connection:
            for name, wanted in DURABLE.items():
                row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
                if row != (wanted,):
                    warn(f"{name} is not {wanted} in DATABASE_URL: these figures promise too much")
        yield given
        return
    home = Path(tempfile.mkdtemp(prefix="casetrail-bench-", dir=_on_a_disk()))
    home.chmod(0o755)  # the account that runs the server for root must be able to enter it
    server = EmbeddedPostgres(home, durable=True)
    try:
        server.start()
        yield server.dsn()
    finally:
        server.stop()
        # The cluster of root may be outside the home.
        shutil.rmtree(server.cluster, ignore_errors=True)
        shutil.rmtree(home)


@contextmanager
def scratch_log(dsn: str) -> Iterator[str]:
    """A migrated scratch database."""
    with scratch_database(dsn, "bench") as scratch:
        migrate(scratch)
        yield scratch


@contextmanager
def pgbench(dsn: str, row: bytes) -> Iterator[Callable[[int, float], float]]:
    """Yield a function that measures how many rows a second pgbench inserts, one in each transaction.

    Its arguments are the clients and the seconds. This is the practical limit of this server.

    Raises CouldNotMeasure.
    """
    program = _pgbench()
    with (
        scratch_database(dsn, "pgbench") as scratch,
        tempfile.NamedTemporaryFile("w", suffix=".sql") as script,
        psycopg.connect(scratch, autocommit=True) as connection,
    ):
        connection.execute(_PLAIN)
        script.write(_INSERT.format(Literal(row)).as_string(connection))
        script.flush()
        options = ["-n", "-M", "prepared", "-f", script.name]

        def rows_per_second(clients: int, seconds: float) -> float:
            size = [
                "-c",
                str(clients),
                "-j",
                str(min(clients, 2)),
                "-T",
                str(max(1, round(seconds))),
            ]
            # The address goes last; with a whole connection string it is the database's name.
            done = subprocess.run(
                [program, *options, *size, scratch], capture_output=True, text=True, check=False
            )
            speed = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
            if speed is None:
                raise CouldNotMeasure(f"{program} failed: {done.stderr.strip()}")
            return float(speed[1])

        yield rows_per_second


@contextmanager
def run_server(dsn: str, words: Sequence[str], tree: Path | None = None) -> Iterator[str]:
    """Start a server on this database as a Python process that prints its address; yield the address.

    It runs in the folder `tree`, by default in this one.
    """
    environment = {**os.environ, "DATABASE_URL": dsn}
    with subprocess.Popen(
        [sys.executable, *words], env=environment, stdout=subprocess.PIPE, text=True, cwd=tree
    ) as server:
        try:
            assert server.stdout is not None
            # The address is printed before the server answers; connections wait in its backlog.
            line = server.stdout.readline()
            if line.count("/") < 2:
                raise CouldNotMeasure(
                    f"the server printed no address: {line.strip() or 'it ended'}"
                )
            yield line.split("/")[2]
        finally:
            server.terminate()


@contextmanager
def client_process(words: Sequence[str]) -> Iterator[Callable[[float], dict[str, Any]]]:
    """Start a Python process that reads numbers of seconds and answers each with a line of JSON.

    Raises CouldNotMeasure if it answers with an error, or ends.
    """
    with subprocess.Popen(
        [sys.executable, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as client:
        requests, answers = client.stdin, client.stdout
        assert requests is not None
        assert answers is not None

        def ask(seconds: float) -> dict[str, Any]:
            print(seconds, file=requests, flush=True)
            line = answers.readline()
            if not line:
                raise CouldNotMeasure("the client process has ended")
            answer: dict[str, Any] = json.loads(line)
            if "error" in answer:
                raise CouldNotMeasure(f"the client failed: {answer['error']}")
            return answer

        yield ask


def _pgbench() -> Path:
    found = find_binaries(None, None)
    system = sorted(Path("/usr/lib/postgresql").glob("[0-9]*/bin"), reverse=True)
    for directory in [*([found[1]] if found else []), *system]:
        if (directory / "pgbench").exists():
            return directory / "pgbench"
    on_path = shutil.which("pgbench")
    if on_path is None:
        raise CouldNotMeasure(
            "no pgbench beside the embedded server, in /usr/lib/postgresql or on PATH: "
            "install your system's PostgreSQL server package"
        )
    return Path(on_path)


def _on_a_disk() -> str:
    """A temporary directory that is not in memory."""
    for place in (tempfile.gettempdir(), "/var/tmp", str(Path.cwd())):
        if os.access(place, os.W_OK) and _file_system(place) not in ("tmpfs", "ramfs"):
            return place
    sys.exit("All temporary directories lie in memory: name one on a disk with TMPDIR.")


def _file_system(place: str) -> str:
    """The type of the file system, if the operating system reports it."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return ""
    lines = [line.split()[1:3] for line in mounts.read_text().splitlines()]
    path = Path(place).resolve()
    above = [(len(at), kind) for at, kind in lines if path.is_relative_to(at)]
    return max(above)[1]
