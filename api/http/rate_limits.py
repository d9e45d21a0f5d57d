"""How many requests a principal may send, and how clients learn of it.

The headers are those of draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy` names each limit with its
quota `q` and window `w` (seconds); `RateLimit` says what remains (`r`) and when it is whole again (`t`). Each
server process counts for itself.
"""

import threading
import time
from collections.abc import Callable
from math import ceil
from typing import Final

from msgspec import Struct

from api.http.request_ids import current_request

WINDOW_SECONDS: Final = 60.0
MAX_NAMES: Final = 10_000


class Standing(Struct, frozen=True):
    """What a name has used of its quota."""

    count: int
    seconds: int
    """Until the window ends."""


class CountedWindows:
    """Counts by name, within the minute that began with the first one."""

    def __init__(
        self, limit: str, most: int, elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        """`limit`: its name in the headers."""
        self.limit = limit.encode()
        self.most = most
        self._elapsed = elapsed
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[float, int]] = {}
        """By name: when its window began, and the count in it."""

    def add(self, name: str) -> Standing:
        now = self._elapsed()
        with self._lock:
            began, count = self._windows.get(name, (now, 0))
            if now - began >= WINDOW_SECONDS:
                began, count = now, 0
            if len(self._windows) >= MAX_NAMES and name not in self._windows:
                self._windows.clear()
            self._windows[name] = (began, count + 1)
        return Standing(count + 1, ceil(began + WINDOW_SECONDS - now))

    def count(self, name: str) -> Standing:
        """Count a request, and tell in the headers of its answer what is left."""
        found = self.add(name)
        if (request := current_request.get()) is not None:
            left = max(self.most - found.count, 0)
            policy = b'"%b";q=%d;w=%d' % (self.limit, self.most, WINDOW_SECONDS)
            standing = b'"%b";r=%d;t=%d' % (self.limit, left, found.seconds)
            request.headers.extend([(b"ratelimit-policy", policy), (b"ratelimit", standing)])
        return found
