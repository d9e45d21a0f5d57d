"""Bundles as one file: a tar (ustar), always the same bytes for the same bundle."""

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from infrastructure.verifier.bundle_format import (
    MANIFEST_FILE,
    REQUIRED_FILES,
    SINCE_FILE,
    BundleBroken,
    Fault,
)

PART_BYTES: Final = 1 << 16
_NAMES: Final = {MANIFEST_FILE, SINCE_FILE, *REQUIRED_FILES}
_END_BLOCKS: Final = b"\0" * (2 * tarfile.BLOCKSIZE)


class NotABundle(BundleBroken):
    """The place is neither a directory nor an archive."""


def archive_parts(bundle: Path) -> Iterator[bytes]:
    """The archive of a bundle in parts, of which one at a time is in memory."""
    for file in sorted(bundle.iterdir(), key=lambda f: (f.name != MANIFEST_FILE, f.name)):
        header = tarfile.TarInfo(file.name)
        header.size = size = file.stat().st_size
        header.mode = 0o644
        yield header.tobuf(tarfile.USTAR_FORMAT)
        with open(file, "rb") as content:
            while part := content.read(PART_BYTES):
                yield part
        yield b"\0" * (-size % tarfile.BLOCKSIZE)
    yield _END_BLOCKS


@contextmanager
def open_bundle(place: Path) -> Iterator[Path]:
    """The directory of a bundle; an archive is unpacked into a temporary one. Raises BundleBroken."""
    if place.is_dir():
        yield place
        return
    if not place.is_file():
        raise NotABundle(Fault("manifest", place.name, "it is neither a directory nor a file"))
    with TemporaryDirectory(prefix="casetrail-bundle-") as directory:
        try:
            _unpack(place, Path(directory))
        except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
            detail = f"it is neither a directory nor a tar: {error}"
            is_cut = (Path(directory) / MANIFEST_FILE).exists()
            kind = BundleBroken if is_cut else NotABundle
            raise kind(Fault("manifest", place.name, detail)) from None
        yield Path(directory)


def _unpack(archive: Path, directory: Path) -> None:
    """Unpack an archive. A bundle has plain files only, each once, in no folder. Raises BundleBroken."""
    with tarfile.open(archive, "r:") as opened:
        for member in opened:
            name = member.name
            is_plain = member.isreg() and not member.issparse()
            if name not in _NAMES or not is_plain or (directory / name).exists():
                raise BundleBroken(Fault("file_added", name, "no bundle has such a file"))
            content = opened.extractfile(member)
            assert content is not None
            with open(directory / name, "xb") as file:
                while part := content.read(PART_BYTES):
                    file.write(part)
