"""Reads the files of a bundle: plain files only, never through a link."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG

from infrastructure.verifier.bundle_format import MANIFEST_FILE, BundleBroken, Fault


def read_file(bundle: Path, name: str) -> bytes:
    """The content of a file. Raises BundleBroken."""
    with _open_plain_file(bundle, name) as file:
        return file.read_bytes()


def file_digest(file: Path) -> str:
    with open(file, "rb") as opened_file:
        return hashlib.file_digest(opened_file, "sha256").hexdigest()


def check_files(bundle: Path, digests: dict[str, str]) -> list[Fault]:
    """Compare the files with the manifest's digests. Raises BundleBroken if one cannot be read."""
    faults = []
    for name in sorted(digests):
        with _open_plain_file(bundle, name) as file:
            if file_digest(file) != digests[name]:
                detail = "the file's digest is not the manifest's"
                faults.append(Fault("file_changed", name, detail))
    known = {name.encode() for name in (MANIFEST_FILE, *digests)}
    for added in (name for name in _names(bundle) if name not in known):
        # A name that is not UTF-8 is shown with replacement characters.
        name = added.decode(errors="replace")
        faults.append(Fault("file_added", name, "the manifest does not list the file"))
    return faults


def _names(bundle: Path) -> list[bytes]:
    """The file names as bytes, so that their order is the same everywhere."""
    try:
        return sorted(os.listdir(os.fsencode(bundle)))
    except OSError:
        raise BundleBroken(Fault("file_unreadable", ".", "the directory cannot be read")) from None


@contextmanager
def _open_plain_file(bundle: Path, name: str) -> Iterator[Path]:
    """Raises BundleBroken, also for an OSError within."""
    file = bundle / name
    try:
        if not S_ISREG(file.lstat().st_mode):
            raise FileNotFoundError
        yield file
    except (FileNotFoundError, NotADirectoryError):
        raise BundleBroken(Fault("file_missing", name, "no such plain file exists")) from None
    except OSError:
        raise BundleBroken(Fault("file_unreadable", name, "the file cannot be read")) from None
