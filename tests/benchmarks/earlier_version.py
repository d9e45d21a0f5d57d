"""The tree of an earlier version, to be measured beside this one."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.servers import HERE

VERSION_0 = "7a2e833"
"""The commit of version 0."""
_ROOT = HERE.parent.parent


@contextmanager
def tree_of_version_0() -> Iterator[Path | None]:
    """The folder of its checkout; None where this tree has no history with that commit."""
    with tempfile.TemporaryDirectory(prefix="casetrail-version-0-") as folder:
        tree = Path(folder, "tree")
        added = _git("worktree", "add", "--detach", "--quiet", str(tree), VERSION_0)
        try:
            yield tree if added else None
        finally:
            if added:
                _git("worktree", "remove", "--force", str(tree))


def _git(*words: str) -> bool:
    try:
        done = subprocess.run(["git", *words], cwd=_ROOT, capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0
