"""A small disk that a test fills. Mounting needs root."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """A disk of the test's own, where the account of the embedded server may enter."""
    place = Path(tempfile.mkdtemp(prefix="casetrail-disk-"))
    size = f"size={megabytes}m,mode=755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(place)], check=True)
    place.chmod(0o755)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
        place.rmdir()


def fill(disk: Path) -> Path:
    """Write until there is no room; the database may give some back later."""
    file = disk / "fill"
    with open(file, "ab", buffering=0) as opened:
        for size in (1 << 16, 1 << 12):
            with suppress(OSError):
                while True:
                    opened.write(bytes(size))
    return file
