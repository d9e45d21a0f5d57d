"""Work in a thread of its own, for what may hang: the result is a future that nobody has to wait for."""

import threading
from collections.abc import Callable
from concurrent.futures import Future


def run_in_daemon_thread(action: Callable[[], None], name: str) -> Future[None]:
    """Start it in a thread that does not keep the process alive; its error is raised by the future."""
    result: Future[None] = Future()

    def run() -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - raised to who waits, not in this thread
            result.set_exception(error)
        else:
            result.set_result(None)

    threading.Thread(target=run, name=name, daemon=True).start()
    return result
