"""Which web pages of other origins may call the API from a browser (CORS): none unless they are named."""

from collections.abc import Sequence

from litestar.config.cors import CORSConfig

from api.http.request_ids import REQUEST_ID
from api.openapi_responses import HEADERS

_SENT = (
    "Authorization",
    "Casetrail-Min-Position",
    "Content-Encoding",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
    "Prefer",
    "traceparent",
    REQUEST_ID,
)
"""The headers of requests that a page may send."""


def cors_of(origins: Sequence[str]) -> CORSConfig:
    """Pages of exactly these origins may call the API. They send their token themselves, so browsers are
    never told to send credentials of their own."""
    return CORSConfig(
        allow_origins=[*origins],
        allow_methods=["GET", "HEAD", "POST"],
        allow_headers=[*_SENT],
        allow_credentials=False,
        expose_headers=[*HEADERS, "traceparent", "Deprecation", "Sunset"],
    )
