"""Notices that the clock of this machine was set while a process runs."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

LEAST_STEP_SECONDS: Final = 1.0
REPORTED_FOR: Final = timedelta(minutes=10)


def _elapsed() -> float:
    """Seconds on a clock that nobody sets; on Linux one that also runs while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class ClockWatch:
    """Compares the clock of the machine with one that nobody can set."""

    def __init__(
        self, clock: Callable[[], float] = time.time, elapsed: Callable[[], float] = _elapsed
    ) -> None:
        self._clock = clock
        self._elapsed = elapsed
        self._offset = clock() - elapsed()
        self._lock = threading.Lock()
        self._step: tuple[float, float] | None = None
        """When the last step was noticed, by the clock that nobody sets, and its seconds."""

    def problems(self) -> list[str]:
        """The last step of the clock, for ten minutes."""
        with self._lock:
            elapsed = self._elapsed()
            step = self._clock() - elapsed - self._offset
            if abs(step) > LEAST_STEP_SECONDS:
                self._offset += step
                self._step = (elapsed, step)
            if self._step is None or elapsed - self._step[0] > REPORTED_FOR.total_seconds():
                return []
            noticed_at, seconds = self._step
            at = datetime.fromtimestamp(self._offset + noticed_at, UTC)
        way = "forward" if seconds > 0 else "back"
        return [
            f"the clock of this machine was set {way} by {abs(seconds):.0f} s, "
            f"noticed at {at:%Y-%m-%d %H:%M:%S}Z"
        ]
