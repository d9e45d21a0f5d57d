"""A folder whose files are read once they are whole, and then moved to `done` or to `refused`."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from msgspec import Struct

from infrastructure.mappings.files import LARGEST_BYTES

REASONS_SUFFIX: Final = ".reasons.txt"
LOCK: Final = ".casetrail.lock"
LONGEST_NAME: Final = 200
"""Bytes of a moved file's name: a time and a suffix are added to it, and file systems allow 255."""
_UNFINISHED: Final = (".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".swp", "~")
"""Ends of names that programs give to files while they write them."""
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class FolderUnusable(Exception):
    """The folder cannot be read, or files cannot be moved in it."""


class Outcome(StrEnum):
    """The folders for files that were read."""

    DONE = "done"
    REFUSED = "refused"


class FileState(Struct, frozen=True):
    """Tells whether a file is still the one that was looked at."""

    inode: int
    size: int
    changed_ns: int


class OpenedFile(Struct, frozen=True):
    """The content of a file, or why it has none."""

    state: FileState
    content: bytes = b""
    fault: str = ""


class WatchedFolder:
    """Not safe for several threads. Several processes may watch one folder: one of them reads at a time."""

    def __init__(
        self, path: Path, settle_seconds: float, is_data: Callable[[str], bool] = lambda _: True
    ) -> None:
        """A file is whole when its size and time have not changed for `settle_seconds`. `is_data` says by its name
        whether it is one to read."""
        self.path = path
        self.left: set[str] = set()
        """The names of files that are there and are not read."""
        self._is_data = is_data
        self._settle_seconds = settle_seconds
        self._seen: dict[str, tuple[FileState, float]] = {}

    @contextmanager
    def turn(self) -> Iterator[Turn | None]:
        """The folder for this process alone; None if another one reads it now. Raises FolderUnusable."""
        with ExitStack() as opened:
            try:
                turn = self._open(opened)
            except OSError as error:
                place = self.path / os.fsdecode(error.filename or "")
                raise FolderUnusable(f"{place}: {error.strerror}") from None
            yield turn

    def _open(self, opened: ExitStack) -> Turn | None:
        def keep(descriptor: int) -> int:
            opened.callback(os.close, descriptor)
            return descriptor

        folder = keep(os.open(self.path, _FOLDER))
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = keep(os.open(LOCK, flags, 0o666, dir_fd=folder))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        return Turn(folder, {one: keep(_target(folder, one)) for one in Outcome})

    def whole_files(self, turn: Turn, now: float) -> list[str]:
        """The names of files that are whole at this monotonic time, the oldest first.

        Hidden files, those with the name of an unfinished one, links, folders and pipes are left where they are; so
        are those that are no data, which `left` names.
        """
        found: dict[str, tuple[FileState, float]] = {}
        self.left = set()
        for name in os.listdir(turn.folder):
            if name.startswith(".") or name.lower().endswith((*_UNFINISHED, REASONS_SUFFIX)):
                continue
            with suppress(FileNotFoundError):
                state = turn.state(name)
                if state is not None and not self._is_data(name):
                    self.left.add(name)
                elif state is not None:
                    known, since = self._seen.get(name, (None, now))
                    found[name] = (state, since if known == state else now)
        self._seen = found
        whole = [
            (state.changed_ns, name)
            for name, (state, since) in found.items()
            if now - since >= self._settle_seconds
        ]
        return [name for _, name in sorted(whole)]


class Turn(Struct, frozen=True):
    """The open folder and its two others, while this process alone reads it."""

    folder: int
    targets: dict[Outcome, int]

    def state(self, name: str) -> FileState | None:
        """None for what is no regular file. Raises FileNotFoundError."""
        found = os.stat(name, dir_fd=self.folder, follow_symlinks=False)
        return _state(found) if stat.S_ISREG(found.st_mode) else None

    def read(self, name: str) -> OpenedFile | None:
        """None if it is gone, or a link or a pipe now. Raises OSError, such as for a disk that fails."""
        with suppress(FileNotFoundError):
            state = self.state(name)
            if state is None:
                return None
            if state.size > LARGEST_BYTES:
                most = LARGEST_BYTES >> 20
                return OpenedFile(state, fault=f"more than {most} MiB: send it in several files")
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            try:
                opened = os.open(name, flags, dir_fd=self.folder)
            except PermissionError as error:
                detail = f"{error.strerror}: let the user that runs the command read it"
                return OpenedFile(state, fault=detail)
            with open(opened, "rb") as file:
                if _state(os.fstat(file.fileno())) == state:
                    return OpenedFile(state, file.read(state.size))
        return None

    def move(
        self, name: str, state: FileState, to: Outcome, reasons: Sequence[str], now: datetime
    ) -> str | None:
        """Move a file, with a readable file of the reasons beside it; return its new name. None, if it was changed
        or is gone: it is read again. No other file is overwritten. Raises OSError."""
        with suppress(FileNotFoundError):
            if self.state(name) != state:
                return None
            target = self.targets[to]
            new = _free_name(target, name, now)
            beside = f"{new}{REASONS_SUFFIX}"
            if reasons:
                _write(target, beside, "".join(f"{line}\n" for line in reasons))
            else:
                with suppress(FileNotFoundError):  # of a file that somebody took away
                    os.unlink(beside, dir_fd=target)
            os.rename(name, new, src_dir_fd=self.folder, dst_dir_fd=target)
            if _state(os.stat(new, dir_fd=target, follow_symlinks=False)) == state:
                return new
            # Another file came under this name just now: nobody has read it.
            back = _free_name(self.folder, name, now)
            os.rename(new, back, src_dir_fd=target, dst_dir_fd=self.folder)
        return None


def _state(found: os.stat_result) -> FileState:
    return FileState(found.st_ino, found.st_size, found.st_mtime_ns)


def _target(folder: int, name: str) -> int:
    """One of the two folders, made if it is missing. A link is refused: it could lead anywhere."""
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=folder)
    opened = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
    if os.fstat(opened).st_dev != os.fstat(folder).st_dev:
        os.close(opened)
        raise FolderUnusable(f"{name} is on another file system: files cannot be moved there")
    return opened


def _free_name(target: int, name: str, now: datetime) -> str:
    """The name, or the name with the time, and with a number if that is taken as well."""
    stem, dot, rest = name.partition(".")
    while len(os.fsencode(f"{stem}{dot}{rest}")) > LONGEST_NAME:
        stem, rest = (stem[:-1], rest) if len(stem) > 1 else (stem, rest[1:])
    new, number = f"{stem}{dot}{rest}", 1
    while _is_there(target, new):
        which = f"-{number}" if number > 1 else ""
        new, number = f"{stem}-{now:%Y%m%dT%H%M%SZ}{which}{dot}{rest}", number + 1
    return new


def _is_there(target: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=target, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _write(target: int, name: str, text: str) -> None:
    """Write a file as a whole, or not at all."""
    unfinished = f".{name}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(
            os.open(unfinished, flags, 0o666, dir_fd=target), "w", encoding="utf-8"
        ) as opened:
            opened.write(text)
        os.replace(unfinished, name, src_dir_fd=target, dst_dir_fd=target)
    except OSError:
        with suppress(OSError):
            os.unlink(unfinished, dir_fd=target)
        raise
