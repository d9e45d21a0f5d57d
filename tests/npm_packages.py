"""Packages of npm that tests use, installed once by their lock file into a cache of the user."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from infrastructure.file_locks import file_lock

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "casetrail-tests"


def install_npm_packages(locked: Path) -> Path:
    """The folder that has `node_modules` of the lock file in the folder `locked`. Skips the test without npm."""
    lock = (locked / "package-lock.json").read_bytes()
    folder = CACHE / f"{locked.parent.name}-{locked.name}-{hashlib.sha256(lock).hexdigest()[:16]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with file_lock(CACHE / f"{locked.name}.lock"):
        if not (folder / "complete").exists():
            npm = shutil.which("npm")
            if npm is None:
                pytest.skip("no npm here: install npm")
            shutil.copytree(locked, folder, dirs_exist_ok=True)
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            (folder / "complete").touch()
    return folder
