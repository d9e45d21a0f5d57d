"""Records refused requests in the background, and what is left when the service ends."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from application.people.access_refusals import AccessRefusals

LOOK_SECONDS: Final = 1.0
_logger = logging.getLogger("casetrail.access")


@contextmanager
def record_refused_requests(refusals: AccessRefusals) -> Iterator[None]:
    """Within the context, record the refused requests in the background; at its end, all that are left."""
    stop = threading.Event()

    def record(*, everything: bool = False) -> None:
        try:
            refusals.record(everything=everything)
        except Exception as error:  # noqa: BLE001 - also of a halted log: they stay counted, within bounds
            _logger.warning("%s refused requests are not recorded yet: %s", refusals.waiting, error)

    def run() -> None:
        while not stop.wait(LOOK_SECONDS):
            record()

    recorder = threading.Thread(target=run, name="refused-requests", daemon=True)
    recorder.start()
    try:
        yield
    finally:
        stop.set()
        recorder.join()
        record(everything=True)
