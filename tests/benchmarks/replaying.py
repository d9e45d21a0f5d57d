"""replay: a year of real orders (Olist's tables) lived through by `casetrail replay olist`.

Seconds from the start of the command to its end, signals a second held against pgbench, and peak
memory held against a replay of the same tables three times over, under other order ids.
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
from pathlib import Path
from typing import Any

from infrastructure.sources.olist import OlistTables
from tests.benchmarks.figures import Bench, Figure
from tests.benchmarks.real_events import one_row
from tests.benchmarks.servers import PGBENCH, PGBENCH_CLIENTS, BaselineMissing, pgbench

MOST_SECONDS = 90
TIMES = 3


def run(bench: Bench) -> list[Figure]:
    if bench.olist is None:
        raise BaselineMissing("no Olist tables are here: name their folder with --olist")
    with (
        pgbench(bench.dsn, one_row()) as rows_per_second,
        tempfile.TemporaryDirectory(prefix="casetrail-bench-") as folder,
    ):
        bench.say("pgbench")
        before = rows_per_second(PGBENCH_CLIENTS, bench.seconds)
        bench.say("replaying the tables")
        once, seconds = _replay(bench.dsn, bench.olist)
        bench.say("pgbench")
        rows = (before + rows_per_second(PGBENCH_CLIENTS, bench.seconds)) / 2
        bench.say(f"replaying the tables {TIMES} times over")
        _repeat(bench.olist, Path(folder))
        often, _ = _replay(bench.dsn, Path(folder))
    assert often["orders"] == once["orders"] * TIMES, often
    speed = once["signals_per_second"]
    peak = often["peak_rss_mib"]
    return [
        Figure(
            name="replay",
            value=seconds,
            unit=f"s, {once['orders']:,} orders",
            ratio=seconds / MOST_SECONDS,
            against=f"the {MOST_SECONDS} s that it may take",
            target=f"< {MOST_SECONDS} s",
        ),
        Figure(
            name="replay, signals",
            value=speed,
            unit="signals/s",
            ratio=speed / rows,
            against=f"{PGBENCH}: {rows:,.0f} rows/s",
        ),
        Figure(
            name="replay, memory",
            value=peak,
            unit=f"MiB at most, {often['orders']:,} orders",
            ratio=peak / once["peak_rss_mib"],
            against=f"{once['orders']:,} orders: {once['peak_rss_mib']:,.0f} MiB",
        ),
    ]


def _replay(dsn: str, folder: Path) -> tuple[dict[str, Any], float]:
    """What the command tells, and how many seconds it took from start to end."""
    command = [sys.executable, "-m", "api", "replay", "olist", str(folder), "--json"]
    environment = {**os.environ, "DATABASE_URL": dsn}
    started = time.monotonic()
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout), time.monotonic() - started


def _repeat(folder: Path, into: Path) -> None:
    """The tables several times over: each time, other orders with the same lives."""
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
