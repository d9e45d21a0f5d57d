"""`python3 run.py` lists its own commands and those of casetrail, and suggests a name for a mistyped one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from api.commands import COMMANDS
from tests.cli.conftest import ROOT

OWN = {"demo", "test", "check", "bench"}


def run_py(*words: str, file: Path = ROOT / "run.py") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CASETRAIL_VENV": sys.prefix, "COLUMNS": "100"}
    return subprocess.run(
        [str(file), *words], capture_output=True, text=True, check=False, env=environment, cwd="/"
    )


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",)])
def test_help_lists_the_commands_of_run_py_and_of_casetrail(words: tuple[str, ...]) -> None:
    shown = run_py(*words)
    assert shown.returncode == 0, shown.stderr
    own, casetrail = shown.stdout.split("Usage: casetrail ")
    assert set(re.findall(r"python3 run\.py ([a-z-]+)", own)) >= OWN
    listed = set(re.findall(r"^  ([a-z-]+) ", casetrail, re.MULTILINE))
    assert listed >= {*COMMANDS} - {"demo-stream"}


@pytest.mark.parametrize(
    ("mistyped", "meant"), [("bensh", "bench"), ("polcy", "policy"), ("chek", "check")]
)
def test_a_mistyped_command_gets_a_suggestion(mistyped: str, meant: str) -> None:
    told = run_py(mistyped)
    assert (told.returncode, told.stdout) == (2, "")
    assert f"No command named {mistyped}. Did you mean {meant}" in told.stderr
    assert "python3 run.py --help" in told.stderr


def test_a_word_like_no_command_gets_no_suggestion() -> None:
    told = run_py("xyzzy")
    assert told.returncode == 2
    assert told.stderr.startswith("No command named xyzzy. All commands are listed with")


def test_check_rejects_an_option_that_it_does_not_have() -> None:
    told = run_py("check", "--no-test")
    assert told.returncode == 1
    assert "--no-test" in told.stderr.replace("--no-tests", "")


def test_a_link_to_run_py_is_the_short_command(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert '$ ln -s "$PWD/run.py" ~/.local/bin/casetrail\n' in page
    short = tmp_path / "casetrail"
    short.symlink_to(ROOT / "run.py")
    shown = run_py("policy", "--help", file=short)
    assert shown.returncode == 0, shown.stderr
    assert "Usage: casetrail policy" in shown.stdout


def test_a_folder_that_is_no_environment_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    environment = {**os.environ, "CASETRAIL_VENV": str(tmp_path)}
    ran = subprocess.run(
        [str(ROOT / "run.py"), "--help"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert ran.returncode == 1
    assert "Set CASETRAIL_VENV to a new directory." in ran.stderr
    assert (tmp_path / "letter.txt").read_text() == "mine"
