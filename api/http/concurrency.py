"""Routes whose handlers may wait: in threads, or as guests of the event loop."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

import litestar
from litestar.handlers import HTTPRouteHandler

from application.log.sealing import noting_what_is_read
from domain.permissions import Permission
from infrastructure.event_loops import THREADS, as_guest

PUBLIC = "public"
NEEDS = "needs"
P = ParamSpec("P")
R = TypeVar("R")


def in_thread(work: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """The same function, to be awaited while it runs in a thread."""

    @functools.wraps(work)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        result: R = await THREADS.run(functools.partial(work, *args, **kwargs))
        return result

    return run


def in_loop(work: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """The same function, to be awaited while it runs as a guest of the loop: it must be short, and
    wait for nothing but the log."""

    @functools.wraps(work)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return await as_guest(functools.partial(work, *args, **kwargs))

    return run


def noting(work: Callable[[], R], request: Any, service: Any) -> R:
    """What the work gives, once it is noted whose personal data it opened for whoever asks."""
    with noting_what_is_read() as orders:
        found = work()
    if orders:
        who = request.user
        what = f"{request.method} {request.scope['path']}"
        now = service.desks.clock()
        service.desks.reads.note(now, who.actor.principal, who.person, what, orders)
    return found


def _noted(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The same, for a route that reads."""

    @functools.wraps(handler)
    def read(*args: Any, **kwargs: Any) -> Any:
        if "service" not in kwargs or "request" not in kwargs:
            return handler(*args, **kwargs)
        return noting(lambda: handler(*args, **kwargs), kwargs["request"], kwargs["service"])

    return read


def needing(permission: Permission | None) -> dict[str, Any]:
    """What a route says of who may use it: a permission, or that everybody may."""
    return {PUBLIC: True} if permission is None else {NEEDS: permission}


def get(
    path: str, *, needs: Permission | None, **options: Any
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """Litestar's, for a handler that runs in a thread and needs a permission; None: for everybody."""
    route = litestar.get(path, opt=needing(needs), **options)
    return lambda handler: route(in_thread(_noted(handler)))


def post(
    path: str, *, needs: Permission | None, **options: Any
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """Litestar's, for a handler that runs in a thread and needs a permission; None: for everybody."""
    route = litestar.post(path, opt=needing(needs), **options)
    return lambda handler: route(in_thread(handler))
