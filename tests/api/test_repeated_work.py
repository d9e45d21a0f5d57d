"""Work that a thread of the worker repeats goes on after every error."""

import logging
import threading
from collections.abc import Callable

import psycopg
import pytest
from eventsourcing.persistence import OperationalError
from psycopg_pool import PoolTimeout

from api import repeated_work
from api.repeated_work import run_repeatedly, until_answered


def failing_with(*errors: Exception, stop: threading.Event) -> Callable[[], bool]:
    """Raises each error once; then it succeeds, and asks to stop."""
    left = [*errors]

    def work() -> bool:
        if left:
            raise left.pop(0)
        stop.set()
        return True

    return work


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IDLE_SECONDS", "LONGEST_OUTSIDE_PAUSE_SECONDS"):
        monkeypatch.setattr(repeated_work, name, 0.01)


def test_it_is_called_until_the_database_answers(caplog: pytest.LogCaptureFixture) -> None:
    stop = threading.Event()
    errors = (psycopg.OperationalError("one"), OperationalError("two"), PoolTimeout("three"))
    assert until_answered(failing_with(*errors, stop=stop), stop)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 3
    assert [record.getMessage() for record in caplog.records] == [
        f"the database did not answer: {word}" for word in ("one", "two", "three")
    ]


def test_it_is_not_called_once_it_is_to_stop() -> None:
    stop = threading.Event()
    stop.set()
    assert not until_answered(failing_with(stop=stop), stop)


def test_other_errors_are_raised_by_one_call_and_logged_by_a_loop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stop = threading.Event()
    with pytest.raises(ZeroDivisionError):
        until_answered(failing_with(ZeroDivisionError(), stop=stop), stop)
    run_repeatedly(failing_with(ZeroDivisionError("ours"), stop=stop), 0.01, stop)
    assert stop.is_set(), "it went on to the call that succeeds"
    (record,) = caplog.records
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ZeroDivisionError)
