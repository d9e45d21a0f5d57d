"""A sleep that works under libfaketime: every Python that a run on another day starts takes it.

`time.sleep` names the moment at which to wake up, in monotonic time, which libfaketime 0.9.10 shifts by mistake.
"""

import select
import time


def sleep(seconds: float) -> None:
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    select.select((), (), (), seconds)


time.sleep = sleep
