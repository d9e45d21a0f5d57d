"""Routes whose handlers may wait: in threads, or as guests of the event loop."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

import litestar
from litestar.handlers import HTTPRouteHandler

from domain.authority import Permission
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


def needing(permission: Permission | None) -> dict[str, Any]:
    """What a route says of who may use it: a permission, or that everybody may."""
    return {PUBLIC: True} if permission is None else {NEEDS: permission}


def get(
    path: str, *, needs: Permission | None, **options: Any
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """Litestar's, for a handler that runs in a thread and needs a permission; None: for everybody."""
    route = litestar.get(path, opt=needing(needs), **options)
    return lambda handler: route(in_thread(handler))


def post(
    path: str, *, needs: Permission | None, **options: Any
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """Litestar's, for a handler that runs in a thread and needs a permission; None: for everybody."""
    route = litestar.post(path, opt=needing(needs), **options)
    return lambda handler: route(in_thread(handler))
