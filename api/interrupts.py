"""Ctrl-C that is not lost."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def remembered_interrupts() -> Iterator[Callable[[], None]]:
    """Within the context, Ctrl-C raises KeyboardInterrupt as always, and the yielded function raises it later.

    Python prints and drops what is raised within a finalizer or a callback of the garbage collector: a loop that
    runs for long asks in each round. For the main thread.
    """
    asked = False

    def interrupt(*_: object) -> None:
        nonlocal asked
        asked = True
        raise KeyboardInterrupt

    def require_none() -> None:
        if asked:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield require_none
    finally:
        signal.signal(signal.SIGINT, before)
