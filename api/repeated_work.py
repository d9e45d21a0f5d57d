"""Work that a thread does again and again, also after errors of the database."""

import logging
import threading
from collections.abc import Callable

import psycopg
from eventsourcing.persistence import PersistenceError
from psycopg_pool import PoolTimeout

from infrastructure.postgres.datastore import LONGEST_PAUSE_SECONDS
from infrastructure.transparency.storage import StorageUnavailable

IDLE_SECONDS = 0.2
LONGEST_OUTSIDE_PAUSE_SECONDS = 5.0
"""Longest pause between two attempts to reach the store of checkpoints, and after an error of our own."""
DATABASE_ERRORS = (psycopg.Error, PersistenceError, PoolTimeout)
_logger = logging.getLogger("casetrail.worker")


def run_repeatedly(work: Callable[[], bool], idle_seconds: float, stop: threading.Event) -> None:
    """Call `work` until `stop` is set; pause when it was idle."""
    while not stop.is_set():
        try:
            is_idle, pause = not until_answered(work, stop), idle_seconds
        except Exception:
            # Without its thread, the process would look well and leave this undone for ever.
            _logger.exception("an unexpected error; this is tried again")
            is_idle, pause = True, max(idle_seconds, LONGEST_OUTSIDE_PAUSE_SECONDS)
        if is_idle:
            stop.wait(pause)


def until_answered(work: Callable[[], bool], stop: threading.Event) -> bool:
    """Call `work` until the database answers, with pauses. Its result; False if `stop` was set before.

    A process that was frozen finds all its connections lost, and the time of every retry passed.
    """
    pause = IDLE_SECONDS
    while not stop.is_set():
        try:
            return work()
        except DATABASE_ERRORS as error:
            where, longest, trouble = "the database", LONGEST_PAUSE_SECONDS, str(error)
        except StorageUnavailable as error:
            where, longest, trouble = "checkpoints", LONGEST_OUTSIDE_PAUSE_SECONDS, str(error)
        _logger.warning("%s did not answer: %s", where, trouble)
        stop.wait(pause)
        pause = min(pause * 2, longest)
    return False
