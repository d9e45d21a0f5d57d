"""Ctrl-C reaches a loop although the interpreter drops it."""

import os
import signal

import pytest

from api.interrupts import remembered_interrupts


class InterruptedAtItsEnd:
    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_a_finalizer_swallows_is_raised_in_the_next_round() -> None:
    before = signal.getsignal(signal.SIGINT)
    with remembered_interrupts() as require_none:
        require_none()
        one = InterruptedAtItsEnd()
        del one
        with pytest.raises(KeyboardInterrupt):
            require_none()
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_is_raised_where_it_comes() -> None:
    with remembered_interrupts(), pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
