"""Settings of the HTTP server: how many requests a principal may send, and which web pages may call it."""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

RATE_LIMIT = "CASETRAIL_RATE_LIMIT"
CORS_ORIGINS = "CASETRAIL_CORS_ORIGINS"
DEFAULT_RATE_LIMIT: Final = 120_000
_ORIGIN: Final = re.compile(
    r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?"
)


class HttpSettingUnusable(Exception):
    """A setting of the HTTP server cannot be used."""


class HttpSettings(Struct, frozen=True):
    rate_limit: int = DEFAULT_RATE_LIMIT
    """Requests a minute of one principal that a server process answers. 0: no limit."""
    origins: tuple[str, ...] = ()
    """The origins of web pages that may call the API from a browser (CORS)."""


def load_http_settings(environment: Mapping[str, str]) -> HttpSettings:
    """Raises HttpSettingUnusable."""
    limit = environment.get(RATE_LIMIT, "").strip() or str(DEFAULT_RATE_LIMIT)
    if re.fullmatch(r"[0-9]{1,9}", limit) is None:
        raise HttpSettingUnusable(
            f"{RATE_LIMIT} is {limit!r}; it must be a number of requests a minute, or 0 for no limit"
        )
    origins = environment.get(CORS_ORIGINS, "").replace(",", " ").split()
    for origin in origins:
        if _ORIGIN.fullmatch(origin) is None:
            raise HttpSettingUnusable(
                f"{CORS_ORIGINS} has {origin!r}; name each origin as a browser sends it, in lower case and "
                "without a path: https://desk.example.org"
            )
    return HttpSettings(int(limit), tuple(origins))
