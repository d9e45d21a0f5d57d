"""The hosts that the operator lets pulls send to although they are not public, or not encrypted."""

import re
from typing import Final

PULL_HOSTS: Final = "CASETRAIL_PULL_HOSTS"
_NAMED: Final = re.compile(r"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?")


class PullHostsUnusable(Exception):
    """The list of hosts cannot be used."""


def load_pull_hosts(text: str) -> frozenset[str]:
    """The hosts that the setting names, such as `erp.internal` or `127.0.0.1:8080`. Raises PullHostsUnusable."""
    hosts = text.replace(",", " ").split()
    for host in hosts:
        if _NAMED.fullmatch(host) is None:
            raise PullHostsUnusable(
                f"{PULL_HOSTS} has {host!r}; name hosts, with a port or without: erp.internal 127.0.0.1:8080"
            )
    return frozenset(host.lower() for host in hosts)
