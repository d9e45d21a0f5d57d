"""Locks between processes of one machine, on files; they end with the process that holds them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def file_lock(path: Path) -> Iterator[int]:
    """Hold the file's lock, waiting for it; whoever inherits the descriptor holds it as well."""
    with _open_lock_file(path) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor


@contextmanager
def leader_lock(path: Path) -> Iterator[Callable[[], bool]]:
    """A question to ask as often as needed: is the lock mine (or free, and therefore mine now)?"""
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
