"""The steps of docs/reports.md work in a copy of the project, beside a running service."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psycopg
import pytest

from tests.api.running_service import run_service
from tests.api.signals import order_id, placed, send, unavailable
from tests.cli.conftest import ROOT, environment
from tests.cli.copies import copy_of_the_project, running_worker
from tests.survival.programs import eventually

PAGE = (ROOT / "docs" / "reports.md").read_text(encoding="utf-8")
FILES = re.findall(r"Save this as `([^`]+)`:\n\n```python\n(.*?)```", PAGE, re.DOTALL)
CHANGED = re.findall(r"lines marked `\+` to `([^`]+)`", PAGE)
DIFFS = re.findall(r"```diff\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [
    line.removeprefix("$ ")
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]
LONGEST_LINES = 40


def add_marked_lines(file: Path, diff: str) -> None:
    """Add each `+` line after the line before it, which must be in the file once."""
    lines = file.read_text(encoding="utf-8").splitlines()
    before = ""
    for marked in diff.splitlines():
        mark, text = marked[0], marked[1:]
        if mark == "+":
            assert lines.count(before) == 1, before
            lines.insert(lines.index(before) + 1, text)
        else:
            assert lines.count(text) >= 1, text
        before = text
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_the_report_fits_on_one_screen() -> None:
    assert [name for name, _ in FILES] == [
        "projections/rework.py",
        "tests/projections/test_rework.py",
    ]
    assert all(len(text.splitlines()) <= LONGEST_LINES for _, text in FILES)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_of_the_project(tmp_path)


@pytest.fixture
def shop(database: str) -> Iterator[httpx2.Client]:
    with run_service(database, reports=False) as server, server.client_as("shop") as shop:
        yield shop


def test_the_steps_of_the_page_work(
    database: str, shop: httpx2.Client, project: Path, tmp_path: Path
) -> None:
    orders = [order_id() for _ in range(3)]
    for order in orders:
        send(shop, placed(order), unavailable(order))
    for name, text in FILES:
        (project / name).write_text(text, encoding="utf-8")
    (changed,) = CHANGED
    for diff in DIFFS:
        add_marked_lines(project / changed, diff)
    assert (Path(sys.prefix) / ".made-from").exists(), "run the tests with `python3 run.py test`"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    home = {"CASETRAIL_VENV": sys.prefix, "CASETRAIL_HOME": str(tmp_path / "home")}
    told = {}
    with running_worker(database, tmp_path / "worker"):  # from the unchanged project
        for line in COMMANDS:
            ran = subprocess.run(
                line,
                shell=True,
                cwd=project,
                env={**environment(database), **home, "PATH": path},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert ran.returncode == 0, f"{line}\n{ran.stdout}\n{ran.stderr}"
            told[line] = ran.stdout
    test, rebuild, listing, query = COMMANDS
    assert "1 passed" in told[test]
    assert re.search(r"rework is live as generation \d+", told[rebuild])
    assert "restart the service" in told[rebuild]
    assert re.search(r"\brework\b", told[listing])
    for order in orders:
        assert re.search(rf"{re.escape(order)}\W+1\W+0\W", told[query])

    more = order_id()
    with (
        running_worker(database, tmp_path / "restarted", project),
        psycopg.connect(database, autocommit=True) as connection,
    ):
        send(shop, placed(more), unavailable(more))
        found = "SELECT cases FROM views.rework WHERE order_id = %s"
        eventually(
            "the restarted worker keeps it up to date",
            lambda: connection.execute(found, (more,)).fetchall() == [(1,)],
            within=30,
        )
