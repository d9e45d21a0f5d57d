"""Tries again while another session holds a lock."""

import time
from collections.abc import Callable
from typing import TypeVar

from psycopg.errors import LockNotAvailable

T = TypeVar("T")


def retry_while_locked(wait: float, action: Callable[[], T]) -> T:
    """The result of `action`, tried again for `wait` seconds while a lock is held. Each attempt ends with
    the session's lock timeout, so that readers of a table do not queue behind it. Raises LockNotAvailable."""
    ends_at = time.monotonic() + wait
    while True:
        try:
            return action()
        except LockNotAvailable:
            if time.monotonic() > ends_at:
                raise
