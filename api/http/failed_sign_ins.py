"""Counts failed authentications by the address of the client.

Beyond the limit, a failed one is answered with 429. A valid token is never refused for them: behind a proxy,
all clients have one address.
"""

import ipaddress
import logging
import time
from collections.abc import Callable
from typing import Final

from api.http.errors import TooManyFailedSignIns
from api.http.rate_limits import CountedWindows

MOST_FAILURES: Final = 60
_logger = logging.getLogger("casetrail.authentication")


class FailedSignIns(CountedWindows):
    """The failures of each address within the minute that began with one."""

    def __init__(
        self, most: int = MOST_FAILURES, elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__("failed-sign-ins", most, elapsed)

    def note(self, address: str) -> None:
        """Count a failure. Raises TooManyFailedSignIns."""
        name = _network_of(address)
        found = self.count(name)
        if found.count == self.most + 1:
            _logger.warning("%s failed to authenticate more than %s times", name, self.most)
        if found.count > self.most:
            wait = found.seconds
            detail = f"more than {self.most} in a minute; wait {wait} s"
            raise TooManyFailedSignIns(detail, retry_after=wait) from None


def _network_of(address: str) -> str:
    """The address; of IPv6 the network, since one client may have all its addresses."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
