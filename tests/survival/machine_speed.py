"""How much slower this machine is now than one with nothing else to do.

What is promised in seconds is promised of a machine that has time for it; tests run beside each other,
on machines that others share.
"""

import subprocess
import sys
import time

START_COMMAND = (sys.executable, "-c", "import asyncio, decimal, json")
QUIET_SECONDS = 0.1
"""So long it takes where nothing else runs."""


def measure_slowness() -> float:
    """As a ratio, from 1: how long a Python takes to start just now."""
    started = time.monotonic()
    for _ in range(3):
        subprocess.run(START_COMMAND, check=True)
    return max(1.0, (time.monotonic() - started) / 3 / QUIET_SECONDS)
