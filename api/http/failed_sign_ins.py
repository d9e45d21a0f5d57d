"""Counts failed authentications by the address of the client.

Beyond the limit, a failed one is answered with 429. A valid token is never refused: behind a proxy, all
clients have one address.
"""

import ipaddress
import logging
import threading
import time
from collections.abc import Callable
from math import ceil
from typing import Final

MOST_FAILURES: Final = 60
WINDOW_SECONDS: Final = 60.0
MAX_ADDRESSES: Final = 10_000
_logger = logging.getLogger("casetrail.authentication")


class FailedSignIns:
    """The failures of each address within the last minute that began with one."""

    def __init__(
        self, most: int = MOST_FAILURES, elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        self.most = most
        self._elapsed = elapsed
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[float, int]] = {}
        """By address: when its window began, and the failures in it."""

    def add(self, address: str) -> int | None:
        """Count a failure; return the seconds to wait if there were too many."""
        name, now = _network_of(address), self._elapsed()
        with self._lock:
            began, count = self._windows.get(name, (now, 0))
            if now - began >= WINDOW_SECONDS:
                began, count = now, 0
            if len(self._windows) >= MAX_ADDRESSES and name not in self._windows:
                self._windows.clear()
            self._windows[name] = (began, count + 1)
        if count == self.most:
            _logger.warning("%s failed to authenticate more than %s times", name, self.most)
        return ceil(began + WINDOW_SECONDS - now) if count >= self.most else None


def _network_of(address: str) -> str:
    """The address; of IPv6 the network, since one client may have all its addresses."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
