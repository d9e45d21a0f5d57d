"""Replaces `time.sleep` in every Python of a run on another day, so that it works under libfaketime.

`time.sleep` waits until a moment of monotonic time, which libfaketime 0.9.10 shifts by mistake.
"""

import select
import time


def sleep(seconds: float) -> None:
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    select.select((), (), (), seconds)


time.sleep = sleep
