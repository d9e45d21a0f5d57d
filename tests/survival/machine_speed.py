"""Measure how much slower this machine is now than an idle one.

Limits in seconds are meant for an idle machine, but tests run in parallel and on shared machines.
"""

import subprocess
import sys
import time

START_COMMAND = (sys.executable, "-c", "import asyncio, decimal, json")
QUIET_SECONDS = 0.1
"""So long it takes where nothing else runs."""


def measure_slowness() -> float:
    """The time that Python takes to start now, divided by the time on an idle machine; at least 1."""
    started = time.monotonic()
    for _ in range(3):
        subprocess.run(START_COMMAND, check=True)
    return max(1.0, (time.monotonic() - started) / 3 / QUIET_SECONDS)
