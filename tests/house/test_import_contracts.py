"""The import contracts are kept, cover every package, and fail on a violation."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("domain", "application", "infrastructure", "projections", "api")
CONFIGURATION = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]

# One forbidden import for each contract: the statement, and the file that would have it.
BREACHES = {
    "layers": ("application/breach.py", "import infrastructure.settings"),
    "reads-and-writes-apart": ("projections/breach.py", "import application.log.event_log"),
    "application-floors": ("application/log/breach.py", "import application.people.scope"),
    "no-circles": ("infrastructure/postgres/breach.py", "import infrastructure.event_store.rights"),
    "http": ("infrastructure/breach.py", "import litestar"),
    "http-clients": ("application/breach.py", "import httpx2"),
    "sql": ("application/breach.py", "import psycopg"),
    "library": ("projections/breach.py", "import eventsourcing.persistence"),
    "domain-is-plain": ("domain/breach.py", "import yaml"),
    "reports-apart": ("projections/breach.py", "import projections.queue"),
    "sources-apart": ("infrastructure/sources/breach.py", "import infrastructure.sources.olist"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", "vendor")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_all_import_contracts_are_kept():
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


def test_every_package_is_covered_by_the_contracts():
    """A package missing from root_packages counts as external, and its imports are not checked."""
    built = CONFIGURATION["hatch"]["build"]["targets"]["wheel"]["packages"]
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert set(CONFIGURATION["importlinter"]["root_packages"]) == set(built) == found
    assert found == set(PACKAGES) == set(CONFIGURATION["mypy"]["packages"])


def test_every_import_contract_has_a_test_violation():
    contracts = {contract["id"] for contract in CONFIGURATION["importlinter"]["contracts"]}
    assert contracts == set(BREACHES) - {"reads-and-writes-apart"}


@pytest.mark.parametrize("contract", BREACHES)
def test_each_violation_is_found(copy: Path, contract: str):
    file, line = BREACHES[contract]
    (copy / file).write_text(f"{line}\n")
    done = lint(copy)
    assert done.returncode != 0, done.stdout
    assert "BROKEN" in done.stdout
