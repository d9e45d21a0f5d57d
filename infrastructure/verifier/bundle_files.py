"""The files of a bundle as they lie there: plain ones alone are opened, and no link is followed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG

from infrastructure.verifier.bundle_format import MANIFEST_FILE, BundleBroken, Fault


def read_file(bundle: Path, name: str) -> bytes:
    """Raises Broken."""
    with _open_plain_file(bundle, name) as file:
        return file.read_bytes()


def file_digest(file: Path) -> str:
    with open(file, "rb") as opened_file:
        return hashlib.file_digest(opened_file, "sha256").hexdigest()


def check_files(bundle: Path, digests: dict[str, str]) -> list[Fault]:
    """Raises Broken."""
    faults = []
    for name in sorted(digests):
        with _open_plain_file(bundle, name) as file:
            if file_digest(file) != digests[name]:
                told = "the file is not the one that the manifest names"
                faults.append(Fault("file_changed", name, told))
    known = {one.encode() for one in (MANIFEST_FILE, *digests)}
    for added in (one for one in _names(bundle) if one not in known):
        # What is no UTF-8 is told as well as can be.
        name = added.decode(errors="replace")
        faults.append(Fault("file_added", name, "the manifest does not name the file"))
    return faults


def _names(bundle: Path) -> list[bytes]:
    """As bytes, so that they are in the same order everywhere."""
    try:
        return sorted(os.listdir(os.fsencode(bundle)))
    except OSError:
        raise BundleBroken(Fault("file_unreadable", ".", "the directory cannot be read")) from None


@contextmanager
def _open_plain_file(bundle: Path, name: str) -> Iterator[Path]:
    """Raises Broken."""
    file = bundle / name
    try:
        if not S_ISREG(file.lstat().st_mode):
            raise FileNotFoundError
        yield file
    except (FileNotFoundError, NotADirectoryError):
        raise BundleBroken(Fault("file_missing", name, "no such plain file is there")) from None
    except OSError:
        raise BundleBroken(Fault("file_unreadable", name, "the file cannot be read")) from None
