"""Describes the running build: its files, the installed libraries, and the database's migrations."""

import hashlib
import platform
import re
import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from domain.builds import BuildStarted, create_build_started
from infrastructure.postgres.datastore import Datastore

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGES: Final = ("api", "application", "domain", "infrastructure", "projections")
_LIBRARY = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")


def current_build(datastore: Datastore) -> BuildStarted:
    own_version, libraries = _installed_versions()
    return create_build_started(
        version=own_version,
        files=files_digest(ROOT),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        libraries=libraries,
        migrations=dict(datastore.rows("SELECT name, digest FROM migrations ORDER BY name")),
        commit=_commit(ROOT),
    )


@cache
def files_digest(root: Path) -> str:
    """SHA-256 over the lines `SHA-256  name` of the packages' files, sorted by name: the digest of the
    output of `sha256sum` for them."""
    digest = hashlib.sha256()
    files = (file for package in PACKAGES for file in (root / package).rglob("*"))
    named = {file.relative_to(root).as_posix(): file for file in files if _is_product_file(file)}
    for name, file in sorted(named.items()):
        digest.update(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {name}\n".encode())
    return digest.hexdigest()


def _is_product_file(file: Path) -> bool:
    return file.is_file() and "__pycache__" not in file.parts and not file.name.startswith(".")


def product_version() -> str:
    """The version of casetrail that runs."""
    return _installed_versions()[0]


@cache
def _installed_versions() -> tuple[str, dict[str, str]]:
    """Our version, and the versions of our direct dependencies."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = {}
    for requirement in project["dependencies"]:
        match = _LIBRARY.match(requirement)
        assert match is not None
        name = match.group().lower()
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not found"
    return str(project["version"]), dict(sorted(found.items()))


def _commit(root: Path) -> str | None:
    """The checked-out commit, or None outside a git repository. Uncommitted changes show in the digest."""
    git = root / ".git"
    try:
        if git.is_file():
            git = Path(git.read_text(encoding="utf-8").removeprefix("gitdir:").strip())
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref: "):
            return head or None
        name = head.removeprefix("ref: ")
        common = git / "commondir"
        shared = git / common.read_text(encoding="utf-8").strip() if common.exists() else git
        for folder in (git, shared):
            if (folder / name).exists():
                return (folder / name).read_text(encoding="utf-8").strip() or None
        packed = (shared / "packed-refs").read_text(encoding="utf-8")
    except OSError:
        return None
    found = (line.partition(" ") for line in packed.splitlines())
    return next((commit for commit, _, ref in found if ref == name), None)
