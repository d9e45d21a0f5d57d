"""The last acknowledged position of each process of this machine, in files outside the database.

Checkpoints are a few seconds behind. A database restored under a running service may hold every
witnessed position and still lack positions acknowledged since.
"""

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

from infrastructure.postgres.rows import Connection, fetch_rows

_MARK = struct.Struct(">Q32s")
_CHECKSUM = struct.Struct(">I")
_SIZE = _MARK.size + _CHECKSUM.size


class AcknowledgedMissing(Exception):
    """Acknowledged events are missing from the log."""


class AcknowledgedHead(NamedTuple):
    """The last position that a process has acknowledged, and the leaf there."""

    position: int
    leaf: bytes


class AcknowledgedHeads:
    """A directory with a file for each process that appends.

    The files are not synced: they guard against restores. A power cut loses no acknowledged event.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._file: int | None = None
        self._marks: mmap.mmap | None = None
        self._offset = 0

    def open(self) -> None:
        """Create this process's file. Call it before an append: after one, nothing may fail any more.
        Raises OSError."""
        if self._marks is None:
            self._file, self._marks = self._create()

    def acknowledged(self, head: AcknowledgedHead) -> None:
        self.open()
        assert self._marks is not None
        mark = _MARK.pack(*head)
        # Mapped memory outlives the process; a system call would release the interpreter lock for each
        # group. Two slots are written in turn, so that a reader always finds one complete.
        slot = slice(self._offset, self._offset + _SIZE)
        self._marks[slot] = mark + _CHECKSUM.pack(zlib.crc32(mark))
        self._offset = _SIZE - self._offset

    def close(self) -> None:
        if self._marks is not None and self._file is not None:
            self._marks.close()
            os.close(self._file)
            self._file = self._marks = None

    def known(self) -> list[AcknowledgedHead]:
        """The heads of all processes, also of those that have died."""
        return [head for _, head in self._all()]

    def require_stored(self, connection: Connection) -> None:
        """Raises AcknowledgedMissing."""
        advice = f". Restore a later backup. The acknowledged positions are in {self.directory}."
        require_stored(connection, self.known(), advice)

    def _all(self) -> list[tuple[Path, AcknowledgedHead]]:
        if not self.directory.is_dir():
            return []
        found = []
        for file in self.directory.iterdir():
            if file.is_dir():  # the heads of the logs that another DATABASE_URL has
                continue
            with suppress(FileNotFoundError):
                head = _read_head(file)
                if head is not None:
                    found.append((file, head))
        return found

    def _create(self) -> tuple[int, mmap.mmap]:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._remove_abandoned()
        file = self.directory / f"{os.getpid()}.{secrets.token_hex(4)}"
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # for as long as this process lives
        # Written now, so that a full disk raises here and does not kill the process later.
        os.pwrite(descriptor, bytes(2 * _SIZE), 0)
        return descriptor, mmap.mmap(descriptor, 2 * _SIZE)

    def _remove_abandoned(self) -> None:
        """Remove the files of dead processes, except the one with the last position."""
        with _lock_abandoned([file for file, _ in self._all()]) as dead:
            last = max((head for file, head in self._all() if file in dead), default=None)
            for file, head in self._all():
                if file in dead and head != last:
                    file.unlink(missing_ok=True)


def require_stored(connection: Connection, heads: list[AcknowledgedHead], advice: str) -> None:
    """Require that the log holds these heads. `advice` ends the error's text. Read the heads before
    the call: later acknowledgements may not be visible to this query. Raises AcknowledgedMissing."""
    if not heads:
        return
    rows = fetch_rows(
        connection,
        "SELECT position, notification_id, leaf FROM log_head LEFT JOIN stored_events "
        "ON notification_id = ANY(%s::bigint[])",
        [head.position for head in heads],
    )
    stored, last = int(rows[0][0]), max(heads).position
    if last > stored:
        raise AcknowledgedMissing(
            f"{last} positions were acknowledged, the log has {stored}: {last - stored} are missing "
            f"({stored + 1} to {last}){advice}"
        )
    leaves = {position: bytes(leaf) for _, position, leaf in rows if position is not None}
    for head in sorted(heads):
        if leaves.get(head.position) != head.leaf:
            raise AcknowledgedMissing(
                f"position {head.position} is not the event that was acknowledged{advice}"
            )


def _read_head(file: Path) -> AcknowledgedHead | None:
    """The later complete head of the file's two slots; None if neither is complete."""
    content = file.read_bytes()
    found = []
    for start in (0, _SIZE):
        written = content[start : start + _SIZE]
        mark, checked = written[: _MARK.size], written[_MARK.size :]
        if len(mark) == _MARK.size and checked == _CHECKSUM.pack(zlib.crc32(mark)):
            found.append(AcknowledgedHead(*_MARK.unpack(mark)))
    return max(found, default=None)


@contextmanager
def _lock_abandoned(files: list[Path]) -> Iterator[set[Path]]:
    """Lock the files that no living process holds, and yield them."""
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
