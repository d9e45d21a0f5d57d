"""Routes that will end: their answers say since when they are deprecated (RFC 9745), when they end (RFC 8594)
and where to read what to use instead. The rules for clients and for us are in docs/api-changes.md.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct

from api.http.request_ids import answer_with

SHORTEST_NOTICE: Final = timedelta(days=180)
DEPRECATION: Final = "deprecation"
"""The route option that holds it."""


class Deprecation(Struct, frozen=True):
    """`since` and `sunset` are moments with an offset; `link` is the address of what to use instead.

    Raises ValueError if the route ends before clients had the time that is promised to them.
    """

    since: datetime
    sunset: datetime
    link: str

    def __post_init__(self) -> None:
        if self.sunset - self.since < SHORTEST_NOTICE:
            raise ValueError(
                f"a route ends {SHORTEST_NOTICE.days} days after its deprecation or later"
            )

    @property
    def headers(self) -> Mapping[str, str]:
        return {
            "Deprecation": f"@{self.since.timestamp():.0f}",
            "Sunset": format_datetime(self.sunset.astimezone(UTC), usegmt=True),
            "Link": f'<{self.link}>; rel="deprecation"; type="text/html"',
        }


class Deprecated(ASGIMiddleware):
    """Tells the deprecation of a route with each of its answers, also with errors."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, deprecation: Deprecation) -> None:
        self._headers = deprecation.headers

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        for name, value in self._headers.items():
            answer_with(name, value)
        await next_app(scope, receive, send)


def deprecation_options(deprecation: Deprecation | None) -> dict[str, Any]:
    """The options of a route that will end."""
    if deprecation is None:
        return {}
    return {"deprecated": True, "middleware": [Deprecated(deprecation)]}


def documented_headers(deprecation: Deprecation) -> dict[str, Any]:
    """The headers of the route's answers in the OpenAPI document."""
    told = {
        "Deprecation": "Since when it is deprecated (RFC 9745).",
        "Sunset": "When it ends (RFC 8594).",
    }
    return {
        name: {
            "description": text,
            "schema": {"type": "string"},
            "example": deprecation.headers[name],
        }
        for name, text in told.items()
    }
