"""axe-core finds accessibility problems of a page. npm installs it once, by the lock file in `axe/`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from infrastructure.file_locks import file_lock
from tests.console.browser import Page

LOCKED = Path(__file__).with_name("axe")
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_FOUND = (
    "one => one.violations.map(({id, help, nodes}) => `${id}: ${help}: `"
    " + nodes.slice(0, 5).map(({html}) => html.slice(0, 200)).join(' | '))"
)


def violations(page: Page) -> list[str]:
    """The violations of WCAG 2.2 AA that axe-core finds in the current page."""
    if not page.value("Boolean(window.axe)"):
        page.value(f"{script()}; true")
    asked = json.dumps({"runOnly": RULES, "resultTypes": ["violations"]})
    found: list[str] = page.value(f"axe.run(document, {asked}).then({_FOUND})")
    return found


@cache
def script() -> str:
    lock = (LOCKED / "package-lock.json").read_bytes()
    cached = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "casetrail-tests"
    folder = cached / f"axe-{hashlib.sha256(lock).hexdigest()[:16]}"
    file = folder / "node_modules" / "axe-core" / "axe.min.js"
    cached.mkdir(parents=True, exist_ok=True)
    with file_lock(cached / "axe.lock"):
        if not file.exists():
            npm = shutil.which("npm")
            if npm is None:
                pytest.skip("no npm here: install npm")
            shutil.copytree(LOCKED, folder, dirs_exist_ok=True)
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
    return file.read_text()
