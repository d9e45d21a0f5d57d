"""What Litestar injects into handlers, by parameter name."""

from __future__ import annotations

from litestar.di import Provide

from api.http.commands import CommandRequest
from api.http.query import ListQuery, ReadQuery
from api.http.service import Service


def dependencies(service: Service | None) -> dict[str, Provide]:
    """None: for the OpenAPI document, which calls no handler."""
    return {
        "service": Provide(lambda: service, sync_to_thread=False, use_cache=True),
        "command": Provide(CommandRequest, sync_to_thread=False),
        "read": Provide(ReadQuery, sync_to_thread=False),
        "listing": Provide(ListQuery, sync_to_thread=False),
    }
