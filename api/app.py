"""Builds the HTTP application from a Service. Nothing here reads the environment."""

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.routes import HTTPRoute

from api.cross_origin import cors_of
from api.http.authentication import Authentication
from api.http.body_encoding import BodyUnpacking
from api.http.compression import Application
from api.http.concurrency import NEEDS, PUBLIC
from api.http.errors import RouteUnguarded
from api.http.methods import Options
from api.http.paths import StrictPath
from api.http.problems import EXCEPTION_HANDLERS
from api.http.query_values import StrictQuery
from api.http.rate_limits import CountedWindows
from api.http.refused_requests import note_refused_request
from api.http.service import Service
from api.http.signal_partitions import Partitions, SignalPartitioning
from api.pages import PAGES
from api.routes import UNVERSIONED, VERSIONED
from api.routes.demo_issuer import demo_issuer_routes
from api.routes.webhooks import note_refused_webhook
from domain.permissions import Permission
from infrastructure.http_settings import HttpSettings
from infrastructure.identity.local_issuer import LocalIssuer

UNLIMITED = HttpSettings(rate_limit=0)
LARGEST_BODY_BYTES = 1 << 20


def create_app(
    service: Service,
    partitions: Partitions | None = None,
    issuer: LocalIssuer | None = None,
    settings: HttpSettings = UNLIMITED,
) -> Litestar:
    """The application. `partitions`: all server processes, if there are several. `issuer`: a
    demonstration's token issuer, served with the API."""
    partitioning = (
        [SignalPartitioning(partitions, LARGEST_BODY_BYTES)] if partitions is not None else []
    )
    app = Application(
        route_handlers=[
            Router("/v1", route_handlers=VERSIONED),
            *UNVERSIONED,
            *PAGES,
            *(demo_issuer_routes(issuer) if issuer is not None else ()),
        ],
        dependencies={"service": Provide(lambda: service, sync_to_thread=False, use_cache=True)},
        exception_handlers=EXCEPTION_HANDLERS,
        after_exception=[note_refused_request, note_refused_webhook],
        middleware=[
            Options(),
            Authentication(),
            StrictPath(),
            StrictQuery(),
            BodyUnpacking(),
            *partitioning,
        ],
        cors_config=cors_of(settings.origins) if settings.origins else None,
        request_max_body_size=LARGEST_BODY_BYTES,
        openapi_config=None,  # openapi.py makes the document; pages.py serves it
        logging_config=None,  # the command sets it up; the framework's would replace it
        debug=False,
    )
    require_guarded_routes(app)
    if settings.rate_limit:
        service.tokens.requests = CountedWindows("requests", settings.rate_limit)
    app.state.tokens = service.tokens
    app.state.service = service
    return app


def require_guarded_routes(app: Litestar) -> None:
    """Raises RouteUnguarded for a route without a permission that is not marked public."""
    for route in app.routes:
        for handler in route.route_handler_map.values() if isinstance(route, HTTPRoute) else ():
            served = handler[0]
            is_ours = served.handler_name != "options_handler"
            if is_ours and not (
                served.opt.get(PUBLIC) or isinstance(served.opt.get(NEEDS), Permission)
            ):
                raise RouteUnguarded(f"{route.path}: {served.handler_name}")
