"""Each planted bug makes its tests fail; without a bug, all of them pass."""

from __future__ import annotations

import faulthandler
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import pytest
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.proofs.planted_access_bugs import ACCESS_BUGS
from tests.proofs.planted_answer_bugs import ANSWER_BUGS
from tests.proofs.planted_bugs import BUGS as CASE_BUGS
from tests.proofs.planted_bugs import Bug
from tests.proofs.planted_delivery_bugs import DELIVERY_BUGS
from tests.proofs.planted_http_bugs import HTTP_BUGS
from tests.proofs.planted_loss_bugs import LOSS_BUGS
from tests.proofs.planted_mapping_bugs import MAPPING_BUGS
from tests.proofs.planted_money_bugs import MONEY_BUGS
from tests.proofs.planted_people_bugs import PEOPLE_BUGS
from tests.proofs.planted_piece_bugs import PIECE_BUGS
from tests.proofs.planted_policy_bugs import POLICY_BUGS
from tests.proofs.planted_process_bugs import PROCESS_BUGS
from tests.proofs.planted_pull_bugs import PULL_BUGS
from tests.proofs.planted_receipt_bugs import RECEIPT_BUGS
from tests.proofs.planted_review_bugs import REVIEW_BUGS
from tests.proofs.planted_secret_bugs import SECRET_BUGS
from tests.proofs.planted_signal_bugs import SIGNAL_BUGS
from tests.proofs.planted_silence_bugs import SILENCE_BUGS
from tests.proofs.planted_source_bugs import SOURCE_BUGS
from tests.proofs.planted_text_bugs import TEXT_BUGS
from tests.proofs.planted_version_0_bugs import VERSION_0_BUGS
from tests.proofs.planted_webhook_bugs import WEBHOOK_BUGS

BUGS = (
    *ACCESS_BUGS,
    *ANSWER_BUGS,
    *CASE_BUGS,
    *DELIVERY_BUGS,
    *HTTP_BUGS,
    *LOSS_BUGS,
    *MAPPING_BUGS,
    *MONEY_BUGS,
    *PEOPLE_BUGS,
    *PIECE_BUGS,
    *POLICY_BUGS,
    *PROCESS_BUGS,
    *PULL_BUGS,
    *RECEIPT_BUGS,
    *REVIEW_BUGS,
    *SECRET_BUGS,
    *SIGNAL_BUGS,
    *SILENCE_BUGS,
    *SOURCE_BUGS,
    *VERSION_0_BUGS,
    *TEXT_BUGS,
    *WEBHOOK_BUGS,
)

ROOT = Path(__file__).parents[2]
PLANTING = Path(__file__).with_name("mutation_runner.py")
COPIED = ("domain", "application", "infrastructure", "projections", "api", "tests", "verifiers")
NONE = "none is planted"
FAILED, PASSED = 1, 0
WRITING = os.environ.get("CASETRAIL_WRITE_GOLDEN")
IS_WHOLE = os.environ.get("CASETRAIL_PROOFS") == "whole" or WRITING is not None
LONGEST_SECONDS = 5_400 if IS_WHOLE else 1_100
CAUGHT_BY = Path(__file__).with_name("caught_by.json")
KNOWN: dict[str, str] = json.loads(CAUGHT_BY.read_text())
"""By bug, the test that caught it in the last whole run. CASETRAIL_WRITE_GOLDEN=1 writes it anew;
CASETRAIL_WRITE_GOLDEN=missing adds some bugs that are not in it yet, each time it is run."""
ADDED_AT_ONCE = 12


def test_every_planted_bug_fits_the_current_source() -> None:
    assert len(BUGS) >= 24
    assert max(Counter(bug.name for bug in BUGS).values()) == 1
    assert max(Counter((bug.file, bug.old, bug.new) for bug in BUGS).values()) == 1
    assert [
        (bug.name, bug.file) for bug in BUGS if (ROOT / bug.file).read_text().count(bug.old) != 1
    ] == []
    assert [bug.name for bug in BUGS if not (ROOT / bug.tests.partition("::")[0]).exists()] == []


def test_every_planted_bug_is_caught(tmp_path: Path, server_dsn: str) -> None:
    if IS_WHOLE:  # which takes longer than any other test
        faulthandler.cancel_dump_traceback_later()
    bugs = chosen_bugs()
    if not bugs and WRITING == "missing":
        return  # the golden file has them all
    jobs = [
        {"name": name, "root": str(root), "output": str(tmp_path / f"{n}.txt"), "tests": tests}
        for n, (name, root, tests) in enumerate(
            [
                (NONE, copy_source(tmp_path / "none"), sorted({chosen_tests(bug) for bug in bugs})),
                *(
                    (bug.name, copy_source(tmp_path / f"copy-{n}", bug), [chosen_tests(bug)])
                    for n, bug in enumerate(bugs)
                ),
            ]
        )
    ]
    environment = {**os.environ, "DATABASE_URL": server_dsn}
    for name in (
        "PYTHONPATH",
        "CASETRAIL_WRITE_GOLDEN",
    ):  # golden answers must not be written in a copy
        environment.pop(name, None)
    run = subprocess.run(
        [sys.executable, str(PLANTING)],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        env=environment,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    results = json.loads(run.stdout)
    outputs = {str(job["name"]): Path(str(job["output"])).read_text() for job in jobs}
    print_table(bugs, results, outputs)
    assert results[NONE]["code"] == PASSED, outputs[NONE]
    if WRITING is not None:
        known = KNOWN if WRITING == "missing" else {}
        found = {bug.name: failed_test(outputs[bug.name]) for bug in bugs}
        caught = {name: test for name, test in found.items() if results[name]["code"] == FAILED}
        text = json.dumps({**known, **caught}, indent=1, sort_keys=True)
        CAUGHT_BY.write_text(text + "\n")
    for bug in bugs:
        # Other exit codes mean that a test could not start, which would prove nothing.
        assert results[bug.name]["code"] == FAILED, f"{bug.name}\n{outputs[bug.name]}"
        assert caught_by(outputs[bug.name]) is not None, outputs[bug.name]


def chosen_bugs() -> Sequence[Bug]:
    """All in a whole run; otherwise a quarter, always the same; or some that no whole run has caught yet."""
    if WRITING == "missing":
        missing = [bug for bug in BUGS if bug.name not in KNOWN]
        return sorted(missing, key=lambda bug: bug.tests)[:ADDED_AT_ONCE]
    return [bug for bug in BUGS if IS_WHOLE or crc32(bug.name.encode()) % 4 == 0]


def chosen_tests(bug: Bug) -> str:
    """The test that caught the bug before; all tests named with it in a whole run, and for a new one."""
    return bug.tests if IS_WHOLE else KNOWN.get(bug.name, bug.tests)


def failed_test(output: str) -> str | None:
    """The path and the name of the test that failed, without its parameters."""
    found = re.search(r"^FAILED (\S+?::[^\s\[]+)", output, re.MULTILINE)
    return found[1] if found is not None else None


def test_the_tests_that_caught_bugs_are_of_planted_bugs_and_of_their_files() -> None:
    tests = {bug.name: bug.tests.partition("::")[0] for bug in BUGS}
    assert {name: test.partition("::")[0] for name, test in KNOWN.items()} == {
        name: tests[name] for name in KNOWN
    }


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


def print_table(
    bugs: Sequence[Bug], results: dict[str, dict[str, float]], outputs: dict[str, str]
) -> None:
    table = Table("bug", "file", "caught by", "seconds")
    for bug in bugs:
        seconds = f"{results[bug.name]['seconds']:.1f}"
        caught = caught_by(outputs[bug.name]) or "NOTHING"
        table.add_row(
            *map(escape, (bug.name, bug.file, caught.partition("::")[2] or caught, seconds))
        )
    count = sum(results[bug.name]["code"] == FAILED for bug in bugs)
    table.caption = f"{count} of {len(bugs)} are caught ({len(BUGS)} are known)"
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
