"""What the processes of this machine have acknowledged last: known to all of them, outside the database.

Checkpoints are a few seconds behind. A database that was restored under a running service may hold all
that was witnessed and still lack what was acknowledged since.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from psycopg.rows import tuple_row

from infrastructure.transparency.nodes import Connection

_MARK = struct.Struct(">Q32s")
_SUM = struct.Struct(">I")
_SIZE = _MARK.size + _SUM.size


class AcknowledgedMissing(Exception):
    """What was acknowledged is not in the log."""


class Head(NamedTuple):
    """The last position that a process has acknowledged, and its leaf."""

    position: int
    leaf: bytes


class Heads:
    """A directory with a file for each process that appends. Nothing waits for the disk: it is for
    restores, and not for power cuts, which take nothing that was acknowledged."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._file: int | None = None
        self._marks: mmap.mmap | None = None
        self._turn = 0

    def open(self) -> None:
        """Before anything is appended: once it is stored, nothing may go wrong any more. Raises OSError."""
        if self._marks is None:
            self._file, self._marks = self._made()

    def acknowledged(self, head: Head) -> None:
        self.open()
        assert self._marks is not None
        mark = _MARK.pack(*head)
        # In memory that outlives the process: a call to the system would cost a turn at the interpreter
        # for each group. In turns, so that one of the two is whole whenever it is read.
        self._marks[self._turn : self._turn + _SIZE] = mark + _SUM.pack(zlib.crc32(mark))
        self._turn = _SIZE - self._turn

    def close(self) -> None:
        if self._marks is not None and self._file is not None:
            self._marks.close()
            os.close(self._file)
            self._file = self._marks = None

    def known(self) -> list[Head]:
        """Of all processes, those that have died too."""
        return [head for _, head in self._all()]

    def must_be_there(self, connection: Connection) -> None:
        """Raises AcknowledgedMissing."""
        told = f". Restore a later backup. What was acknowledged is known from {self.directory}."
        must_be_there(connection, self.known(), told)

    def _all(self) -> list[tuple[Path, Head]]:
        if not self.directory.is_dir():
            return []
        found = []
        for file in self.directory.iterdir():
            with suppress(FileNotFoundError):
                head = _read(file)
                if head is not None:
                    found.append((file, head))
        return found

    def _made(self) -> tuple[int, mmap.mmap]:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._thin_out()
        file = self.directory / f"{os.getpid()}.{secrets.token_hex(4)}"
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # for as long as this process lives
        # Written, so that a full disk is told now, and not by a signal later.
        os.pwrite(descriptor, bytes(2 * _SIZE), 0)
        return descriptor, mmap.mmap(descriptor, 2 * _SIZE)

    def _thin_out(self) -> None:
        """Of processes that have died, what the last of them has acknowledged is enough."""
        with _held([file for file, _ in self._all()]) as dead:
            last = max((head for file, head in self._all() if file in dead), default=None)
            for file, head in self._all():
                if file in dead and head != last:
                    file.unlink(missing_ok=True)


def must_be_there(connection: Connection, heads: list[Head], told_by: str) -> None:
    """Known before the log is looked at: what is acknowledged meanwhile is not asked for. Raises
    AcknowledgedMissing."""
    if not heads:
        return
    with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
        rows = cursor.execute(
            "SELECT position, notification_id, leaf FROM log_head LEFT JOIN stored_events "
            "ON notification_id = ANY(%s::bigint[])",
            ([head.position for head in heads],),
        ).fetchall()
    stored, last = int(rows[0][0]), max(heads).position
    if last > stored:
        raise AcknowledgedMissing(
            f"{last} positions were acknowledged, {stored} are there: {last - stored} are missing "
            f"({stored + 1} to {last}){told_by}"
        )
    leaves = {position: bytes(leaf) for _, position, leaf in rows if position is not None}
    for head in sorted(heads):
        if leaves.get(head.position) != head.leaf:
            raise AcknowledgedMissing(
                f"position {head.position} is not the event that was acknowledged{told_by}"
            )


def _read(file: Path) -> Head | None:
    """The later of the two; None where there never was any."""
    content = file.read_bytes()
    found = []
    for start in (0, _SIZE):
        written = content[start : start + _SIZE]
        mark, checked = written[: _MARK.size], written[_MARK.size :]
        if len(mark) == _MARK.size and checked == _SUM.pack(zlib.crc32(mark)):
            found.append(Head(*_MARK.unpack(mark)))
    return max(found, default=None)


@contextmanager
def _held(files: list[Path]) -> Iterator[set[Path]]:
    """Those that no living process holds."""
    held: dict[Path, int] = {}
    try:
        for file in files:
            with suppress(FileNotFoundError):
                descriptor = os.open(file, os.O_RDWR)
                held[file] = descriptor
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(held.pop(file))
        yield set(held)
    finally:
        for descriptor in held.values():
            os.close(descriptor)
