"""Work of event loops that waits: in threads, or as guests of the loop.

A guest runs in the loop's own thread, in a greenlet. Where it waits (for the log to store an append,
for a read), it hands the thread back to the loop and is resumed when there is an answer. The code of
a guest is the code of a thread: it does not know which of the two it is. Under one interpreter lock
a thread for each request costs more than the request: every hand-over of the lock wakes another core.

Only what waits for the log alone may be a guest: what waits for anything else stops the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar, cast
from weakref import WeakKeyDictionary

from greenlet import getcurrent, greenlet

P = ParamSpec("P")
R = TypeVar("R")
MOST_THREADS: Final = 512
"""A read that waits for its position keeps a thread: there must be some left for the others."""
Work = Callable[[], Any]


class LoopFutures:
    """The futures of one loop that others answer. The loop is woken once for all that are there."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._answers: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._is_called = False

    def future(self) -> asyncio.Future[Any]:
        return self.loop.create_future()

    def answer(
        self, future: asyncio.Future[Any], result: Any = None, error: BaseException | None = None
    ) -> None:
        """From any thread."""
        self._answers.append((future, result, error))
        if not self._is_called:
            self._is_called = True
            # A loop that has ended has nobody left to tell.
            with contextlib.suppress(RuntimeError):
                self.loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        # First: whoever answers after this calls again.
        self._is_called = False
        while self._answers:
            future, result, error = self._answers.popleft()
            if future.done():
                continue  # cancelled meanwhile
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


_FUTURES_BY_LOOP: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, LoopFutures]] = (
    WeakKeyDictionary()
)
_FUTURES_LOCK: Final = threading.Lock()
_HERE: Final = threading.local()


def _loop_futures() -> LoopFutures:
    """Of the loop that runs here."""
    loop = asyncio.get_running_loop()
    if (known := getattr(_HERE, "waiting", None)) is not None and known.loop is loop:
        return cast(LoopFutures, known)
    with _FUTURES_LOCK:
        found = _FUTURES_BY_LOOP.setdefault(loop, LoopFutures(loop))
    _HERE.waiting = found
    return found


class WorkerThreads:
    """Up to so many threads, each made when no other is idle."""

    def __init__(self, most: int = MOST_THREADS) -> None:
        self._most = most
        self._made = 0
        self._idle: list[None] = []
        self._work: queue.SimpleQueue[tuple[Work, LoopFutures, asyncio.Future[Any]]] = (
            queue.SimpleQueue()
        )
        self._lock = threading.Lock()

    def run(self, work: Work) -> asyncio.Future[Any]:
        """The result of the work, for the loop that runs here."""
        waiting = _loop_futures()
        future = waiting.future()
        self._work.put((work, waiting, future))
        try:
            self._idle.pop()
        except IndexError:
            self._make()
        return future

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
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                waiting.answer(future, error=error)
            else:
                waiting.answer(future, result)
            del work, waiting, future
            self._idle.append(None)


THREADS: Final = WorkerThreads()


class LoopGreenlet(greenlet):
    """Work that runs in the loop's own thread until it waits."""

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self.waiting = _loop_futures()

    def wait_for(self, future: asyncio.Future[R]) -> R:
        """From within: the loop goes on until the future is answered."""
        assert self.parent is not None
        result: R = self.parent.switch(future)
        return result


def current_greenlet() -> LoopGreenlet | None:
    """The guest that asks; None in a thread of its own."""
    current = getcurrent()
    return current if isinstance(current, LoopGreenlet) else None


async def run_in_greenlet(work: Callable[[], R]) -> R:
    """The result of work that waits for the log alone."""
    running = LoopGreenlet(work)
    told = running.switch()
    while not running.dead:
        try:
            result = await told
        except BaseException as error:  # noqa: BLE001 - the guest's own, where it waits
            told = running.throw(error)
        else:
            told = running.switch(result)
    found: R = told
    return found


def run_blocking(work: Callable[[], R]) -> R:
    """Do what blocks: in a thread, if it is a guest that asks."""
    asking = current_greenlet()
    return work() if asking is None else asking.wait_for(THREADS.run(work))
