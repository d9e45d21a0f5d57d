"""Files and directory entries that outlast a power cut once a call returns."""

import os
import secrets
import tempfile
from pathlib import Path
from typing import Final

TRIAL_BYTES: Final = 4096


def fsync_directory(directory: Path) -> None:
    """Write the names in a directory to disk. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_new_file(file: Path, content: bytes, mode: int = 0o600) -> None:
    """Create a file and write its content to disk. Raises OSError, also if the file exists."""
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


def create_file(file: Path, content: bytes) -> bool:
    """Create a file that is complete as soon as it is visible; False if it exists. Raises OSError."""
    beside = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    write_new_file(beside, content)
    try:
        os.link(beside, file)  # never replaces a file that another process made meanwhile
    except FileExistsError:
        return False
    finally:
        beside.unlink()
    fsync_directory(file.parent)
    return True


def replace_file(file: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace a file, or create it; readers see either content, complete. Raises OSError."""
    beside = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    write_new_file(beside, content, mode)
    beside.replace(file)
    fsync_directory(file.parent)


def try_directory(directory: Path) -> None:
    """Write a small file into the directory and remove it. Raises OSError, for example on a full disk."""
    descriptor, name = tempfile.mkstemp(prefix=".readiness-", dir=directory)
    try:
        os.write(descriptor, bytes(TRIAL_BYTES))
    finally:
        os.close(descriptor)
        os.unlink(name)
