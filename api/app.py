"""Builds the HTTP application from a Service; nothing here reads the environment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from litestar import Litestar, Router
from litestar.concurrency import get_asyncio_executor, set_asyncio_executor
from litestar.di import Provide
from litestar.middleware.base import DefineMiddleware

from api.authentication import Authentication
from api.problems import EXCEPTION_HANDLERS
from api.routes import UNVERSIONED, VERSIONED
from api.routes.pages import PAGES, STATIC
from api.service import Service

LARGEST_BODY_BYTES = 1 << 20


THREADS = 512
"""Handlers run in threads, and a read that waits for its position keeps one: there must be some
left for the others."""


def create_app(service: Service) -> Litestar:
    """The application. To be called before there is an event loop: all of the process's
    applications share the threads that their handlers run in."""
    if get_asyncio_executor() is None:
        set_asyncio_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="handler"))
    app = Litestar(
        route_handlers=[
            Router("/v1", route_handlers=VERSIONED),
            *UNVERSIONED,
            *PAGES,
            STATIC,
        ],
        dependencies={"service": Provide(lambda: service, sync_to_thread=False, use_cache=True)},
        exception_handlers=EXCEPTION_HANDLERS,
        middleware=[DefineMiddleware(Authentication, exclude_from_auth_key="public")],
        request_max_body_size=LARGEST_BODY_BYTES,
        openapi_config=None,  # `contract.py` writes the document; /openapi.json serves it
        debug=False,
    )
    app.state.tokens = service.tokens
    return app
