"""One request with its whole answer, that ends in time wherever it is.

The library limits the time of one read, and nothing limits how many reads there are: of the head of an answer, or of
a TLS handshake. A look-up of a name has no limit at all. So each exchange is in a thread of its own: who waits for it
goes on when its time is over, or when the pull must stop, and cuts its connection, so that the thread ends as well.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Final, TypeVar

R = TypeVar("R")
LOOK_SECONDS: Final = 0.25
"""How often to look whether the pull must stop."""


class ExchangeStopped(Exception):
    """The pull must stop."""


def exchange(
    work: Callable[[], R],
    seconds: float,
    must_stop: Callable[[], bool],
    cut: Callable[[Future[R]], None],
) -> R:
    """The result of `work` in a thread. Raises what it raises, ExchangeStopped, TimeoutError, and what `must_stop`
    raises. Before the last three, `cut` lets the work fail soon; it is given the future of its end."""
    future = Future[R]()
    # A look-up of a name cannot be cut: at the end of the process, nothing waits for it.
    threading.Thread(target=_run, args=(work, future), name="pull-request", daemon=True).start()
    ends_at = time.monotonic() + seconds
    try:
        while (left := ends_at - time.monotonic()) > 0:
            if wait([future], min(left, LOOK_SECONDS)).done:
                return future.result()
            if must_stop():
                raise ExchangeStopped
        raise TimeoutError(f"the answer took longer than {seconds:.0f} s")
    finally:
        if not future.done():
            cut(future)


def _run(work: Callable[[], R], future: Future[R]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - raised again where the result is waited for
        future.set_exception(error)
