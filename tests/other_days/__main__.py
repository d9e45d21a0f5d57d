"""Runs the tests that read the clock as if it were another day.

    python3 run.py test-dates [DAY …]    all days, or the named ones

libfaketime (Debian's package `faketime`) shifts the clock of the tests and of all their processes, also
of PostgreSQL. Monotonic time is not shifted, so that waits keep their length.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from glob import glob
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from infrastructure.postgres.account import ENVIRONMENT
from run import SPREAD
from tests.conftest import remove, start_server_in_memory

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent.parent
LIBRARIES: Final = "/usr/lib/*/faketime/libfaketimeMT.so.1"
BEFORE: Final = timedelta(seconds=25)
"""How long a run begins before midnight or a clock change, so that this happens during the run."""
EVERY_DAY: Final = (
    "tests/cli/test_readme.py",
    "tests/api/test_grants.py",
    "tests/api/test_case_history.py",
)
KEYS: Final = "tests/cli/test_principals.py"
ACCESS: Final = "tests/cli/test_grants.py"


@dataclass(frozen=True)
class Day:
    """A run: its start, its time zone, and its tests in addition to EVERY_DAY."""

    begins: timedelta | datetime
    """A time span from now, or a moment."""
    zone: str
    more: Sequence[str] = ()

    def seconds_from_now(self) -> int:
        if isinstance(self.begins, timedelta):
            return int(self.begins.total_seconds())
        return int(self.begins.timestamp() - time.time())


DAYS: Final = {
    "in-30-days": Day(timedelta(days=30), "UTC", ("tests/application",)),
    "in-200-days": Day(timedelta(days=200), "America/New_York", (KEYS,)),
    "in-400-days": Day(timedelta(days=400), "UTC", ("tests/projections", ACCESS)),
    "leap-day": Day(datetime(2028, 2, 29, 12, tzinfo=UTC), "UTC"),
    "new-years-eve": Day(datetime(2026, 12, 31, 23, tzinfo=UTC) - BEFORE, "Europe/Berlin"),
    "spring-forward": Day(datetime(2027, 3, 28, 1, tzinfo=UTC) - BEFORE, "Europe/Berlin"),
    "fall-back": Day(datetime(2027, 10, 31, 1, tzinfo=UTC) - BEFORE, "Europe/Berlin"),
}


def run_day(day: Day, library: str) -> int:
    """Run the tests of a day, on a PostgreSQL with the same shifted clock."""
    shift = {
        "LD_PRELOAD": library,
        "FAKETIME": f"{day.seconds_from_now():+d}",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    # The embedded server gets only these variables.
    ENVIRONMENT.update(shift)
    server = start_server_in_memory()
    try:
        path = f"{HERE / 'clock'}{os.pathsep}{ROOT}"
        own = {"DATABASE_URL": server.dsn(), "PYTHONPATH": path, "TZ": day.zone}
        command = [sys.executable, "-m", "pytest", *SPREAD, *EVERY_DAY, *day.more]
        environment = {**os.environ, **shift, **own}
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    finally:
        remove(server)


def main(names: Sequence[str]) -> int:
    """Run the named days, or all; 1 if a test fails on any of them."""
    if unknown := [name for name in names if name not in DAYS]:
        print(f"No day named {', '.join(unknown)}. Days: {', '.join(DAYS)}.", file=sys.stderr)
        return 2
    if not (found := glob(LIBRARIES)):
        print("libfaketime is missing: install Debian's package faketime.", file=sys.stderr)
        return 2
    failed = []
    for name in names or DAYS:
        day = DAYS[name]
        begins = datetime.now(UTC) + timedelta(seconds=day.seconds_from_now())
        begins = begins.astimezone(ZoneInfo(day.zone))
        print(f"{name}: {begins:%Y-%m-%d %H:%M:%S} in {day.zone}", file=sys.stderr)
        started = time.monotonic()
        if run_day(day, found[0]):
            failed.append(name)
        print(f"{name}: took {time.monotonic() - started:.0f} s", file=sys.stderr)
    print(f"failed: {', '.join(failed)}" if failed else "passed on each day", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
