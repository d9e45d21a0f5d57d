"""Route decorators, and how blocking handlers run: in threads, or in the event loop."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

import litestar
from litestar.handlers import HTTPRouteHandler

from api.http.encoded_orders import shown_path
from api.http.parameter_objects import with_parameter_objects
from application.log.sealing import track_personal_reads
from domain.permissions import Permission
from infrastructure.event_loops import THREADS, run_in_greenlet

PUBLIC = "public"
NEEDS = "needs"
P = ParamSpec("P")
R = TypeVar("R")


def in_thread(work: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """The function as a coroutine that runs it in a thread."""

    @functools.wraps(work)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        result: R = await THREADS.run(functools.partial(work, *args, **kwargs))
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


def get(
    path: str, *, needs: Permission | None, **options: Any
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """A GET route whose handler runs in a thread and needs a permission (None: public)."""
    route = litestar.get(path, opt=permission_option(needs), **options)
    return lambda handler: route(in_thread(_recording_reads(with_parameter_objects(handler))))


def post(
    path: str, *, needs: Permission | None, **options: Any
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """A POST route whose handler runs in a thread and needs a permission (None: public).

    It answers 200, not Litestar's 201: a command usually creates nothing.
    """
    route = litestar.post(path, opt=permission_option(needs), status_code=200, **options)
    return lambda handler: route(in_thread(with_parameter_objects(handler)))
