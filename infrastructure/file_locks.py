"""File locks between processes of one machine. A lock ends with the process that holds it."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def file_lock(path: Path) -> Iterator[int]:
    """Wait for the file's lock and hold it. A child process that inherits the descriptor holds it, too."""
    with _open_lock_file(path) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor


@contextmanager
def leader_lock(path: Path) -> Iterator[Callable[[], bool]]:
    """Yields a function that tells whether this process holds the lock; it takes the lock if it is free."""
    with _open_lock_file(path) as descriptor:

        def is_mine() -> bool:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        yield is_mine


@contextmanager
def _open_lock_file(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
