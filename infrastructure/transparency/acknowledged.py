"""What each process of this machine has acknowledged last, in files outside the database.

Checkpoints are a few seconds behind. A database restored under a running service may hold every
witnessed position and still lack positions acknowledged since.
"""

import fcntl
import mmap
import os
import secrets
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from infrastructure.postgres.rows import Connection, fetch_rows
from infrastructure.transparency import recent_acknowledgements as recent
from infrastructure.transparency.origins import Origins

_MARK = struct.Struct(">Q32s")
_CHECKSUM = struct.Struct(">I")
_SIZE = _MARK.size + _CHECKSUM.size
_HEAD_BYTES = 2 * _SIZE
_ORIGIN_DIRECTORY = "origin-"


MOST_ABANDONED: Final = 8
"""So many files of dead processes are kept."""


class AcknowledgedMissing(Exception):
    """Acknowledged events are missing from the log."""


class AcknowledgedHead(NamedTuple):
    """The last position that a process has acknowledged, and the leaf there."""

    position: int
    leaf: bytes


class AcknowledgedHeads:
    """A directory with a file for each process that appends, and below it one for each origin after an
    accepted loss.

    The files are not synced: they guard against restores. A power cut loses no acknowledged event.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._file: int | None = None
        self._marks: mmap.mmap | None = None
        self._offset = 0
        self._commands = 0
        self._number = 1

    def open(self, number: int = 1) -> None:
        """Create this process's file among those of an origin. Call it before an append: after one,
        nothing may fail any more. Raises OSError."""
        if self._marks is not None and number != self._number:
            self.close()
        if self._marks is None:
            self._file, self._marks = self._create(self._directory_of(number))
            self._number = number

    def acknowledged(self, head: AcknowledgedHead) -> None:
        self.open(self._number)
        assert self._marks is not None
        mark = _MARK.pack(*head)
        # Mapped memory outlives the process; a system call would release the interpreter lock for each
        # group. Two slots are written in turn, so that a reader always finds one complete.
        slot = slice(self._offset, self._offset + _SIZE)
        self._marks[slot] = mark + _CHECKSUM.pack(zlib.crc32(mark))
        self._offset = _SIZE - self._offset

    def note_recent(
        self, first: int, leaves: Sequence[bytes], commands: Sequence[recent.AcknowledgedCommand]
    ) -> None:
        """Keep the leaves from position `first` on and the commands, for the report of a later loss."""
        assert self._marks is not None
        with memoryview(self._marks) as whole, whole[_HEAD_BYTES:] as rings:
            recent.write_leaves(rings, first, leaves)
            for command in commands:
                recent.write_command(rings, self._commands, command)
                self._commands += 1

    def close(self) -> None:
        if self._marks is not None and self._file is not None:
            self._marks.close()
            os.close(self._file)
            self._file = self._marks = None

    def known(self, number: int = 1) -> list[AcknowledgedHead]:
        """The heads of all processes under an origin, also of those that have died."""
        return [head for _, head in self._all(self._directory_of(number))]

    def numbers(self) -> list[int]:
        """The numbers of the origins that have heads, ascending."""
        later = self.directory.glob(f"{_ORIGIN_DIRECTORY}*") if self.directory.is_dir() else ()
        names = [file.name.removeprefix(_ORIGIN_DIRECTORY) for file in later]
        return [1, *sorted(int(name) for name in names if name.isdecimal())]

    def recent(
        self, number: int
    ) -> tuple[list[AcknowledgedHead], list[recent.AcknowledgedCommand]]:
        """The newest leaves and commands of all processes under an origin."""
        leaves = list[AcknowledgedHead]()
        commands = list[recent.AcknowledgedCommand]()
        for file, _ in self._all(self._directory_of(number)):
            with suppress(FileNotFoundError):
                rings = file.read_bytes()[_HEAD_BYTES:]
                if len(rings) == recent.RINGS_BYTES:  # earlier builds kept the head only
                    leaves += [AcknowledgedHead(*one) for one in recent.read_leaves(rings)]
                    commands += recent.read_commands(rings)
        return leaves, commands

    def require_stored(self, connection: Connection, origins: Origins) -> None:
        """Require all heads, except those whose loss was accepted. Raises AcknowledgedMissing."""
        heads = [
            head
            for number in self.numbers()
            for head in self.known(number)
            if origins.holds(number, head.position)
        ]
        advice = (
            f". Restore a later backup, or see `casetrail log loss`. The acknowledged positions are in "
            f"{self.directory}."
        )
        require_stored(connection, heads, advice)

    def _directory_of(self, number: int) -> Path:
        return self.directory if number == 1 else self.directory / f"{_ORIGIN_DIRECTORY}{number}"

    def _all(self, directory: Path) -> list[tuple[Path, AcknowledgedHead]]:
        if not directory.is_dir():
            return []
        found = []
        for file in directory.iterdir():
            if file.is_dir():  # another DATABASE_URL's log has heads there, or another origin
                continue
            with suppress(FileNotFoundError):
                head = _read_head(file)
                if head is not None:
                    found.append((file, head))
        return found

    def _create(self, directory: Path) -> tuple[int, mmap.mmap]:
        directory.mkdir(parents=True, exist_ok=True)
        self._remove_abandoned(directory)
        file = directory / f"{os.getpid()}.{secrets.token_hex(4)}"
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # for as long as this process lives
        # Written now, so that a full disk raises here and does not kill the process later.
        os.pwrite(descriptor, bytes(_HEAD_BYTES + recent.RINGS_BYTES), 0)
        return descriptor, mmap.mmap(descriptor, _HEAD_BYTES + recent.RINGS_BYTES)

    def _remove_abandoned(self, directory: Path) -> None:
        """Remove the files of dead processes, except that with the last position and a few that still know
        of recent ones."""
        known = sorted(self._all(directory), key=lambda one: one[1], reverse=True)
        with _lock_abandoned([file for file, _ in known]) as dead:
            last = known[0][1].position if known else 0
            kept = 0
            for file, head in known:
                if file not in dead:
                    continue
                is_recent = kept < MOST_ABANDONED and head.position > last - recent.LEAVES
                if kept and not is_recent:
                    file.unlink(missing_ok=True)
                kept += 1


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
    with open(file, "rb") as opened:
        content = opened.read(_HEAD_BYTES)
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
