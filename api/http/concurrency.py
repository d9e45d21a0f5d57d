"""Route decorators, and how blocking handlers run: in threads, or in the event loop."""

import contextvars
import functools
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

import litestar
from litestar.handlers import HTTPRouteHandler

from api.http.deprecation import DEPRECATION, Deprecation, deprecation_options
from api.http.encoded_orders import shown_path
from api.http.parameter_objects import with_parameter_objects
from application.log.sealing import track_personal_reads
from domain.permissions import Permission
from infrastructure.event_loops import THREADS, run_in_greenlet

PUBLIC = "public"
NEEDS = "needs"
NEEDS_KEY = "needs_key"
"""The option of a route whose requests must have an Idempotency-Key; its handler calls `require_key`."""
ANY_QUERY = "any_query"
"""The option of a route that takes every query parameter, with any value."""
P = ParamSpec("P")
R = TypeVar("R")


def in_thread(work: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """The function as a coroutine that runs it in a thread."""

    @functools.wraps(work)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        own = contextvars.copy_context()  # so that log lines name the request
        result: R = await THREADS.run(functools.partial(own.run, work, *args, **kwargs))
        return result

    return run


def in_event_loop(work: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """The function as a coroutine that runs it in the event loop, in a greenlet.

    The function must be short, and wait for nothing but the log.
    """

    @functools.wraps(work)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return await run_in_greenlet(functools.partial(work, *args, **kwargs))

    return run


def run_and_record_reads(work: Callable[[], R], request: Any, service: Any) -> R:
    """The result of the work, after the orders whose personal data it opened are recorded."""
    with track_personal_reads() as orders:
        result = work()
    if orders:
        who = request.user
        what = f"{request.method} {shown_path(request.scope['path'])}"
        now = service.desks.clock()
        service.desks.reads.note(now, who.actor.principal, who.person, what, orders)
    return result


def _recording_reads(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Record personal data that a GET route opens."""

    @functools.wraps(handler)
    def read(*args: Any, **kwargs: Any) -> Any:
        if "service" not in kwargs or "request" not in kwargs:
            return handler(*args, **kwargs)
        return run_and_record_reads(
            lambda: handler(*args, **kwargs), kwargs["request"], kwargs["service"]
        )

    return read


def permission_option(permission: Permission | None) -> dict[str, Any]:
    """The route option for its permission; None: a public route."""
    return {PUBLIC: True} if permission is None else {NEEDS: permission}


def _route_options(
    needs: Permission | None, ends: Deprecation | None, options: dict[str, Any]
) -> dict[str, Any]:
    """The options of a route for Litestar."""
    opt = permission_option(needs) | ({DEPRECATION: ends} if ends is not None else {})
    return {"opt": opt, **deprecation_options(ends), **options}


def get(
    path: str, *, needs: Permission | None, ends: Deprecation | None = None, **options: Any
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """A GET route whose handler runs in a thread and needs a permission (None: public). `ends`: it is
    deprecated."""
    route = litestar.get(path, **_route_options(needs, ends, options))
    return lambda handler: route(in_thread(_recording_reads(with_parameter_objects(handler))))


def get_async(
    path: str, *, needs: Permission | None, **options: Any
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """A GET route whose handler is a coroutine: it may wait long, and blocks no thread meanwhile. It
    records no reads, so it must show no personal data."""
    return litestar.get(path, opt=permission_option(needs), **options)


def post(
    path: str,
    *,
    needs: Permission | None,
    ends: Deprecation | None = None,
    any_query: bool = False,
    needs_key: bool = False,
    **options: Any,
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """A POST route whose handler runs in a thread and needs a permission (None: public). `ends`: it is
    deprecated. `needs_key`: a request without an Idempotency-Key is refused.

    It answers 200, not Litestar's 201: a command usually creates nothing.
    """
    own = _route_options(needs, ends, {"status_code": 200, **options})
    own["opt"] = {**own["opt"], ANY_QUERY: any_query, NEEDS_KEY: needs_key}
    route = litestar.post(path, **own)
    return lambda handler: route(in_thread(with_parameter_objects(handler)))
