"""Runs blocking work for event loops: in threads, or in greenlets of the loop's thread.

A greenlet runs in the loop's own thread. Where it waits for the log (an append or a read), it returns the
thread to the loop and is resumed with the answer. Its code is the same as in a thread. Under one
interpreter lock, a thread for each request costs more than the request: each hand-over of the lock wakes
another core.

Only work that waits for the log alone may run in a greenlet: any other wait blocks the loop.
"""

import asyncio
import contextlib
import contextvars
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
"""A read that waits for its position occupies a thread: leave threads for other requests."""
Work = Callable[[], Any]


class LoopFutures:
    """The futures of one loop that other threads answer. One wake-up of the loop delivers all answers."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._answers: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._is_called = False

    def future(self) -> asyncio.Future[Any]:
        return self.loop.create_future()

    def answer(
        self, future: asyncio.Future[Any], result: Any = None, error: BaseException | None = None
    ) -> None:
        """Answer a future, from any thread."""
        self._answers.append((future, result, error))
        if not self._is_called:
            self._is_called = True
            # A closed loop needs no answers.
            with contextlib.suppress(RuntimeError):
                self.loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        # First, so that a later answer schedules another call.
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
    """The futures of the running loop."""
    loop = asyncio.get_running_loop()
    if (known := getattr(_HERE, "waiting", None)) is not None and known.loop is loop:
        return cast(LoopFutures, known)
    with _FUTURES_LOCK:
        found = _FUTURES_BY_LOOP.setdefault(loop, LoopFutures(loop))
    _HERE.waiting = found
    return found


class WorkerThreads:
    """A pool of at most `most` threads. A thread is made when no other is idle."""

    def __init__(self, most: int = MOST_THREADS) -> None:
        self._most = most
        self._made = 0
        self._idle: list[None] = []
        self._work: queue.SimpleQueue[tuple[Work, LoopFutures, asyncio.Future[Any]]] = (
            queue.SimpleQueue()
        )
        self._lock = threading.Lock()

    def run(self, work: Work) -> asyncio.Future[Any]:
        """Run the work in a thread; return its result's future, of the running loop."""
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
            except BaseException as error:  # noqa: BLE001 - raised again in the waiting code
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
        self.gr_context = contextvars.copy_context()

    def wait_for(self, future: asyncio.Future[R]) -> R:
        """Called within the greenlet: let the loop run until the future is answered."""
        assert self.parent is not None
        result: R = self.parent.switch(future)
        return result


def current_greenlet() -> LoopGreenlet | None:
    """The running greenlet of a loop; None in an ordinary thread."""
    current = getcurrent()
    return current if isinstance(current, LoopGreenlet) else None


async def run_in_greenlet(work: Callable[[], R]) -> R:
    """Run work that waits for the log alone in a greenlet; return its result."""
    running = LoopGreenlet(work)
    switched = running.switch()  # a future while it waits, at last the result
    while not running.dead:
        try:
            answer = await switched
        except BaseException as error:  # noqa: BLE001 - raised in the greenlet, where it waits
            switched = running.throw(error)
        else:
            switched = running.switch(answer)
    result: R = switched
    return result


def run_blocking(work: Callable[[], R]) -> R:
    """Run blocking work: in another thread if the caller is a greenlet, else here."""
    caller = current_greenlet()
    return work() if caller is None else caller.wait_for(THREADS.run(work))
