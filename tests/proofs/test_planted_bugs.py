"""Each planted bug makes its tests fail; without a bug, all of them pass."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from tests.proofs.planted_bugs import BUGS as CASE_BUGS
from tests.proofs.planted_bugs import Bug
from tests.proofs.planted_policy_bugs import POLICY_BUGS

BUGS = (*CASE_BUGS, *POLICY_BUGS)

ROOT = Path(__file__).parents[2]
PLANTING = Path(__file__).with_name("mutation_runner.py")
COPIED = ("domain", "application", "infrastructure", "projections", "api", "tests")
NONE = "none is planted"
FAILED, PASSED = 1, 0


def test_every_planted_bug_fits_the_current_source() -> None:
    assert len(BUGS) >= 24
    assert max(Counter(bug.name for bug in BUGS).values()) == 1
    assert max(Counter((bug.file, bug.old, bug.new) for bug in BUGS).values()) == 1
    for bug in BUGS:
        assert (ROOT / bug.file).read_text().count(bug.old) == 1, bug.name
        assert (ROOT / bug.tests.partition("::")[0]).exists(), bug.name


def test_every_planted_bug_is_caught(tmp_path: Path, server_dsn: str) -> None:
    jobs = [
        {"name": name, "root": str(root), "output": str(tmp_path / f"{n}.txt"), "tests": tests}
        for n, (name, root, tests) in enumerate(
            [
                (NONE, copy_source(tmp_path / "none"), sorted({bug.tests for bug in BUGS})),
                *(
                    (bug.name, copy_source(tmp_path / f"copy-{n}", bug), [bug.tests])
                    for n, bug in enumerate(BUGS)
                ),
            ]
        )
    ]
    environment = {**os.environ, "DATABASE_URL": server_dsn}
    environment.pop("PYTHONPATH", None)
    run = subprocess.run(
        [sys.executable, str(PLANTING)],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        env=environment,
        timeout=900,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    results = json.loads(run.stdout)
    outputs = {str(job["name"]): Path(str(job["output"])).read_text() for job in jobs}
    print_table(results, outputs)
    assert results[NONE]["code"] == PASSED, outputs[NONE]
    for bug in BUGS:
        # Other exit codes mean that a test could not start, which would prove nothing.
        assert results[bug.name]["code"] == FAILED, f"{bug.name}\n{outputs[bug.name]}"
        assert caught_by(outputs[bug.name]) is not None, outputs[bug.name]


def copy_source(place: Path, bug: Bug | None = None) -> Path:
    """A copy of the source tree with a bug in it; unchanged files are hard links."""
    place.mkdir()
    for name in COPIED:
        shutil.copytree(ROOT / name, place / name, copy_function=link_or_copy)
    for name in ("pyproject.toml", "README.md"):
        link_or_copy(str(ROOT / name), str(place / name))
    if bug is not None:
        file = place / bug.file
        text = file.read_text().replace(bug.old, bug.new)
        file.unlink()
        file.write_text(text)
        for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*"):
            compiled.unlink()
    return place


def link_or_copy(old: str, new: str) -> None:
    try:
        os.link(old, new)
    except OSError:  # another file system
        shutil.copy2(old, new)


def caught_by(output: str) -> str | None:
    found = re.search(r"^FAILED (?:[^\s:]*/)?([^\s:/]+::.+?)(?: - .*)?$", output, re.MULTILINE)
    return found[1] if found is not None else None


def print_table(results: dict[str, dict[str, float]], outputs: dict[str, str]) -> None:
    table = Table("bug", "file", "caught by", "seconds")
    for bug in BUGS:
        seconds = f"{results[bug.name]['seconds']:.1f}"
        caught = caught_by(outputs[bug.name]) or "NOTHING"
        table.add_row(bug.name, bug.file, caught.partition("::")[2] or caught, seconds)
    count = sum(results[bug.name]["code"] == FAILED for bug in BUGS)
    table.caption = f"{count} of {len(BUGS)} are caught"
    Console(width=220).print(table)


def test_a_bug_in_a_copy_does_not_change_the_source(tmp_path: Path) -> None:
    bug = BUGS[0]
    before = (ROOT / bug.file).read_text()
    copy = copy_source(tmp_path / "copy", bug)
    assert (copy / bug.file).read_text() == before.replace(bug.old, bug.new) != before
    assert (ROOT / bug.file).read_text() == before


@pytest.mark.parametrize(
    ("output", "test"),
    [
        ("FAILED tests/a/test_b.py::test_c[d e] - ValueError: no", "test_b.py::test_c[d e]"),
        ("1 passed", None),
    ],
)
def test_the_catching_test_is_parsed_from_the_output(output: str, test: str | None) -> None:
    assert caught_by(output) == test
