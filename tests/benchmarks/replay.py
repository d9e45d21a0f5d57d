"""replay: a year of real orders (Olist's tables) replayed by `casetrail replay olist`.

Seconds from the start of the command to its end; signals a second, compared with pgbench; and peak
memory, compared with a replay of three copies of the tables with different order ids.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infrastructure.sources.olist.tables import OlistTables
from tests.benchmarks.figures import Bench, Figure, less_than
from tests.benchmarks.real_events import one_row
from tests.benchmarks.servers import PGBENCH, PGBENCH_CLIENTS, CouldNotMeasure, pgbench

MOST_SECONDS = 90
TIMES = 3

TARGETS = {"replay": less_than(MOST_SECONDS, "s")}


def run(bench: Bench) -> Iterator[Figure]:
    if bench.olist is None:
        raise CouldNotMeasure("no Olist tables are here: name their folder with --olist")
    with pgbench(bench.dsn, one_row()) as rows_per_second:
        bench.say("pgbench")
        before = rows_per_second(PGBENCH_CLIENTS, bench.seconds)
        bench.say("replaying the tables")
        once, seconds = _replay(bench.dsn, bench.olist)
        yield Figure(
            name="replay",
            value=seconds,
            unit=f"s, {once['orders']:,} orders",
            ratio=seconds / MOST_SECONDS,
            against=f"the target of {MOST_SECONDS} s",
        )
        bench.say("pgbench")
        rows = (before + rows_per_second(PGBENCH_CLIENTS, bench.seconds)) / 2
    speed = once["signals_per_second"]
    yield Figure(
        name="replay, signals",
        value=speed,
        unit="signals/s",
        ratio=speed / rows,
        against=f"{PGBENCH}: {rows:,.0f} rows/s",
    )
    with tempfile.TemporaryDirectory(prefix="casetrail-bench-") as folder:
        bench.say(f"replaying the tables {TIMES} times over")
        _repeat(bench.olist, Path(folder))
        often, _ = _replay(bench.dsn, Path(folder))
    assert often["orders"] == once["orders"] * TIMES, often
    peak = often["peak_rss_mib"]
    yield Figure(
        name="replay, memory",
        value=peak,
        unit=f"MiB at most, {often['orders']:,} orders",
        ratio=peak / once["peak_rss_mib"],
        against=f"{once['orders']:,} orders: {once['peak_rss_mib']:,.0f} MiB",
    )


def _replay(dsn: str, folder: Path) -> tuple[dict[str, Any], float]:
    """What the command printed, and how many seconds it took from start to end."""
    command = [sys.executable, "-m", "api", "replay", "olist", str(folder), "--json"]
    environment = {**os.environ, "DATABASE_URL": dsn}
    started = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CouldNotMeasure(f"`casetrail replay olist {folder}` failed: {done.stderr.strip()}")
    return json.loads(done.stdout), time.monotonic() - started


def _repeat(folder: Path, into: Path) -> None:
    """Write several copies of the tables: each has other order ids and the same events."""
    with OlistTables(folder) as tables:
        files = dict(tables.files)
    for name, file in files.items():
        opener = gzip.open if file.suffix == ".gz" else open
        with opener(file, "rt", newline="") as text:
            header, *rows = csv.reader(text)
        place = header.index("order_id")
        with gzip.open(into / f"{_stem(name)}.csv.gz", "wt", newline="", compresslevel=1) as text:
            writer = csv.writer(text)
            writer.writerow(header)
            for number in range(TIMES):
                for row in rows:
                    writer.writerow([*row[:place], f"{number}-{row[place]}", *row[place + 1 :]])


def _stem(table: str) -> str:
    return table if table == "orders" else f"order_{table}"
