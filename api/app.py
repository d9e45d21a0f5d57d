"""Builds the HTTP application from a Service; nothing here reads the environment."""

from __future__ import annotations

from litestar import Litestar, Router
from litestar.di import Provide

from api.authentication import Authentication
from api.forwarding import Forwarding
from api.problems import EXCEPTION_HANDLERS
from api.routes import UNVERSIONED, VERSIONED
from api.routes.pages import PAGES, STATIC
from api.service import Service

LARGEST_BODY_BYTES = 1 << 20


def create_app(service: Service, signals_to: str | None = None) -> Litestar:
    """`signals_to`: the address of the process that takes signals, if this one does not."""
    forwarding = [Forwarding(signals_to, LARGEST_BODY_BYTES)] if signals_to is not None else []
    app = Litestar(
        route_handlers=[
            Router("/v1", route_handlers=VERSIONED),
            *UNVERSIONED,
            *PAGES,
            STATIC,
        ],
        dependencies={"service": Provide(lambda: service, sync_to_thread=False, use_cache=True)},
        exception_handlers=EXCEPTION_HANDLERS,
        middleware=[Authentication(), *forwarding],
        request_max_body_size=LARGEST_BODY_BYTES,
        openapi_config=None,  # `contract.py` writes the document; /openapi.json serves it
        debug=False,
    )
    app.state.tokens = service.tokens
    app.state.service = service
    return app
