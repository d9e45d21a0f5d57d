"""The tests that read the machine's clock, run as if it were another day.

    python3 run.py test-dates [DAY …]    all the days, or those that are named

libfaketime (Debian's package `faketime`) shifts the clock of the tests and of every process that they
start, PostgreSQL too. Monotonic time stays as it is, so that a wait lasts as long as it says.
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

from run import SPREAD

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent.parent
LIBRARIES: Final = "/usr/lib/*/faketime/libfaketimeMT.so.1"
BEFORE: Final = timedelta(seconds=25)
"""How long before midnight, or before the clocks change, a run begins: that happens while it goes on."""
README: Final = ("tests/cli/test_the_readme_is_followed_word_by_word.py",)
COMMANDS: Final = (
    *README,
    "tests/cli/test_a_policy_is_changed_from_the_command_line.py",
    "tests/cli/test_access_is_given_and_reviewed_beside_the_database.py",
    "tests/cli/test_principals_are_kept_on_the_command_line.py",
)


@dataclass(frozen=True)
class Day:
    """When a run begins, in which time zone, and what it runs."""

    begins: timedelta | datetime
    """So long from now, or at this moment."""
    zone: str
    tests: Sequence[str]

    def seconds_from_now(self) -> int:
        if isinstance(self.begins, timedelta):
            return int(self.begins.total_seconds())
        return int(self.begins.timestamp() - time.time())


DAYS: Final = {
    "in-30-days": Day(timedelta(days=30), "UTC", (*README, "tests/application")),
    "in-200-days": Day(timedelta(days=200), "America/New_York", (*COMMANDS, "tests/payments")),
    "in-400-days": Day(timedelta(days=400), "UTC", (*COMMANDS, "tests/projections")),
    "leap-day": Day(datetime(2028, 2, 29, 12, tzinfo=UTC), "UTC", COMMANDS),
    "new-years-eve": Day(
        datetime(2026, 12, 31, 23, tzinfo=UTC) - BEFORE, "Europe/Berlin", COMMANDS
    ),
    "spring-forward": Day(datetime(2027, 3, 28, 1, tzinfo=UTC) - BEFORE, "Europe/Berlin", COMMANDS),
    "fall-back": Day(datetime(2027, 10, 31, 1, tzinfo=UTC) - BEFORE, "Europe/Berlin", COMMANDS),
}


def run_day(day: Day, library: str) -> int:
    """Run a day's tests on embedded PostgreSQL, whose clock is shifted with theirs."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment |= {
        "LD_PRELOAD": library,
        "FAKETIME": f"{day.seconds_from_now():+d}",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
        "PYTHONPATH": f"{HERE / 'clock'}{os.pathsep}{ROOT}",
        "TZ": day.zone,
    }
    command = [sys.executable, "-m", "pytest", *SPREAD, *day.tests]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def main(names: Sequence[str]) -> int:
    """Run the days with these names, or all; 1 if a test of any of them fails."""
    if unknown := [name for name in names if name not in DAYS]:
        print(f"No day named {', '.join(unknown)}. Days: {', '.join(DAYS)}.", file=sys.stderr)
        return 2
    if not (found := glob(LIBRARIES)):
        print("libfaketime is missing: install Debian's package faketime.", file=sys.stderr)
        return 2
    failed = []
    for name in names or DAYS:
        day = DAYS[name]
        begins = datetime.now(ZoneInfo(day.zone)) + timedelta(seconds=day.seconds_from_now())
        print(f"{name}: {begins:%Y-%m-%d %H:%M:%S} in {day.zone}", file=sys.stderr)
        started = time.monotonic()
        if run_day(day, found[0]):
            failed.append(name)
        print(f"{name}: took {time.monotonic() - started:.0f} s", file=sys.stderr)
    print(f"failed: {', '.join(failed)}" if failed else "passed on each day", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
