"""What this process is made of: its files, the libraries that it found, and the schema of its database."""

from __future__ import annotations

import hashlib
import platform
import re
import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from psycopg.rows import tuple_row

from domain.builds import BuildStarted, build_of
from infrastructure.postgres.datastore import Datastore, patiently

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGES: Final = ("api", "application", "domain", "infrastructure", "projections")
_LIBRARY = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")


def this_build(datastore: Datastore) -> BuildStarted:
    told, libraries = _made_of()
    return build_of(
        version=told,
        files=files_digest(ROOT),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        libraries=libraries,
        migrations=_migrations(datastore),
        commit=_commit(ROOT),
    )


@cache
def files_digest(root: Path) -> str:
    """SHA-256 over `SHA-256  name` of each file of the packages, sorted by name: what `sha256sum`
    prints of them has it too."""
    digest = hashlib.sha256()
    for file in sorted(
        (file for package in PACKAGES for file in (root / package).rglob("*") if _is_ours(file)),
        key=lambda file: file.relative_to(root).as_posix(),
    ):
        told = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{told}  {file.relative_to(root).as_posix()}\n".encode())
    return digest.hexdigest()


def _is_ours(file: Path) -> bool:
    return file.is_file() and "__pycache__" not in file.parts and not file.name.startswith(".")


@cache
def _made_of() -> tuple[str, dict[str, str]]:
    """Our version, and those of the libraries that we name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = {}
    for named in project["dependencies"]:
        match = _LIBRARY.match(named)
        assert match is not None
        name = match.group().lower()
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not found"
    return str(project["version"]), dict(sorted(found.items()))


@patiently
def _migrations(datastore: Datastore) -> dict[str, str]:
    with datastore.get_connection() as connection:
        rows = connection.cursor(row_factory=tuple_row).execute(
            "SELECT name, digest FROM migrations ORDER BY name"
        )
        return {row[0]: row[1] for row in rows}


def _commit(root: Path) -> str | None:
    """The commit that lies checked out there, if that is so: what was changed since says the digest."""
    place = root / ".git"
    try:
        if place.is_file():
            place = Path(place.read_text(encoding="utf-8").removeprefix("gitdir:").strip())
        head = (place / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref: "):
            return head or None
        name = head.removeprefix("ref: ")
        common = place / "commondir"
        shared = place / common.read_text(encoding="utf-8").strip() if common.exists() else place
        for folder in (place, shared):
            if (folder / name).exists():
                return (folder / name).read_text(encoding="utf-8").strip() or None
        packed = (shared / "packed-refs").read_text(encoding="utf-8")
    except OSError:
        return None
    found = (line.partition(" ") for line in packed.splitlines())
    return next((commit for commit, _, ref in found if ref == name), None)
