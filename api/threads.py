"""Routes whose handlers run in threads, so that the event loop never waits for the database.

What asyncio has for this wakes the loop once for each handler that is done, and makes two futures
for it: a third of the loop's time for a command that takes a fraction of a millisecond. Here the
loop is woken once for all that are done.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import queue
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import litestar
from litestar.handlers import HTTPRouteHandler

P = ParamSpec("P")
R = TypeVar("R")
MOST: Final = 512
"""A read that waits for its position keeps a thread: there must be some left for the others."""
Work = Callable[[], Any]


class Waiting:
    """The loop's side: futures of its own, set in its own thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._done: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._is_called = False

    def future(self) -> asyncio.Future[Any]:
        return self._loop.create_future()

    def tell(self, future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        self._done.append((future, result, error))
        if not self._is_called:
            self._is_called = True
            # A loop that has ended has nobody left to tell.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._set)

    def _set(self) -> None:
        # First: whoever is done after this calls again.
        self._is_called = False
        while self._done:
            future, result, error = self._done.popleft()
            if future.cancelled():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


class Threads:
    """Up to so many threads, each made when no other is idle."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._made = 0
        self._idle: list[None] = []
        self._work: queue.SimpleQueue[tuple[Work, Waiting, asyncio.Future[Any]]] = (
            queue.SimpleQueue()
        )
        self._waiting: WeakKeyDictionary[asyncio.AbstractEventLoop, Waiting] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def run(self, work: Work) -> Awaitable[Any]:
        """The result of the work, for a caller in an event loop."""
        loop = asyncio.get_running_loop()
        waiting = self._waiting.get(loop) or self._of(loop)
        future = waiting.future()
        self._work.put((work, waiting, future))
        try:
            self._idle.pop()
        except IndexError:
            self._make()
        return future

    def _of(self, loop: asyncio.AbstractEventLoop) -> Waiting:
        with self._lock:
            return self._waiting.setdefault(loop, Waiting(loop))

    def _make(self) -> None:
        with self._lock:
            if self._made >= self._most:
                return
            self._made += 1
            name = f"handler-{self._made}"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        while True:
            work, waiting, future = self._work.get()
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - the caller's, in its own thread
                waiting.tell(future, None, error)
            else:
                waiting.tell(future, result, None)
            del work, waiting, future
            self._idle.append(None)


_THREADS: Final = Threads()


def in_thread(work: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """The same function, to be awaited while it runs in a thread."""

    @functools.wraps(work)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        result: R = await _THREADS.run(functools.partial(work, *args, **kwargs))
        return result

    return run


def get(path: str, **options: Any) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """Litestar's, for a handler that runs in a thread."""
    route = litestar.get(path, **options)
    return lambda handler: route(in_thread(handler))


def post(path: str, **options: Any) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """Litestar's, for a handler that runs in a thread."""
    route = litestar.post(path, **options)
    return lambda handler: route(in_thread(handler))
