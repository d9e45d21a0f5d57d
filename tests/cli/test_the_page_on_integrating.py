"""The commands of docs/integrating.md work as printed, in a shell, beside a service that was started as it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import LONGEST_SECONDS, ROOT, environment
from tests.survival.programs import eventually, free_port

PAGE = (ROOT / "docs" / "integrating.md").read_text(encoding="utf-8")
BLOCKS = [
    "\n".join(line.removeprefix("$ ") for line in block.splitlines())
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
]
ADDRESS = "http://127.0.0.1:8321"
NAMES = ("TOKEN", "NOW")
"""The variables that one block sets and others use; `send` is a function."""

Shell = Callable[[str], str]


@pytest.fixture
def shell(database: str, tmp_path: Path) -> Iterator[Shell]:
    """A second terminal in a folder like the project's, beside the service of the first one."""
    if not all(map(shutil.which, ("bash", "curl", "openssl"))):
        pytest.skip("bash, curl and openssl are not all here")
    for name in ("run.py", "infrastructure", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    url = f"http://127.0.0.1:{free_port()}"
    settings = {
        **environment(database),
        "CASETRAIL_HOME": str(tmp_path / "home"),
        "CASETRAIL_VENV": sys.prefix,
    }
    state = tmp_path / "state.sh"
    state.touch()

    def run(block: str) -> str:
        kept = f"{{ declare -p {' '.join(NAMES)}; declare -f send; }} > {state} 2>/dev/null || true"
        script = f"set -eu\n. {state}\n{block.replace(ADDRESS, url)}\n{kept}"
        ran = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env=settings,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
        assert ran.returncode == 0, f"{block}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    (serve,) = BLOCKS[0].splitlines()
    output = tmp_path / "serve.log"
    with output.open("wb") as log:
        service = subprocess.Popen(
            [*serve.split(), "--port", url.rpartition(":")[2]],
            cwd=tmp_path,
            env=settings,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        eventually("it serves", lambda: url in output.read_text(), within=60)
        yield run
    finally:
        service.terminate()
        service.wait(LONGEST_SECONDS)


def answers(text: str) -> list[Any]:
    """The JSON documents that follow each other."""
    found, decoder, at = [], json.JSONDecoder(), 0
    while at < len(text.rstrip()):
        one, at = decoder.raw_decode(text, at)
        found.append(one)
        at += len(text[at:]) - len(text[at:].lstrip())
    return found


def test_it_goes_from_nothing_to_an_order_with_a_case(shell: Shell) -> None:
    started = time.monotonic()
    person, source, sending, looking, check, topic, remedy, events, consumer = BLOCKS[1:]
    shell(person)
    assert "webhook: /v1/sources/shopify-de/webhook" in shell(source)
    assert [(one["recorded"], one["reasons"]) for one in answers(shell(sending))] == [(1, [])] * 2
    again = shell(f"{sending.splitlines()[-2]}\n{sending.splitlines()[-1]}")
    assert [one["known"] for one in answers(again)] == [True, True]
    wrong = sending.replace("$(cat secret.txt)", "another secret")
    assert [one["status"] for one in answers(shell(f"(\n{wrong}\n)"))] == [401, 401]
    order, cases = eventually(
        "the case is in the list",
        lambda: (found := answers(shell(looking)))[1]["items"] and found,
        within=30,
    )
    assert {one["fact"]: one["value"] for one in order["facts"]}["customer.id"] == "81"
    (case,) = cases["items"]
    assert (case["kind"], case["queue"]) == ("payment_mismatch", "payment_hold_review")

    checked = shell(check)
    assert "(orders/create): 1 signal" in checked
    assert "not read: loyalty_points" in checked
    assert checked.count("not read") == 1
    assert "unknown_topic: no rule of the mapping is for the topic checkouts/create" in shell(topic)
    assert "1 read again, 1 changed, 0 still not understood" in shell(remedy)

    handed, dry = answers(shell(events))
    assert handed["outcome"] == "recorded"
    assert [(one["kind"], one["effects"]) for one in dry["changes"]] == [("lost", ["opened"])]
    assert shell(consumer) == ""
    (order, _) = answers(shell(looking))
    facts = {one["fact"]: one["value"] for one in order["facts"]}
    assert facts["order.handed_over"] is True
    assert time.monotonic() - started < 15 * 60


def test_the_secret_and_files_of_the_page_are_its_own() -> None:
    """They are written in the folder of the project: none of them has the name of a file of the project."""
    written = re.findall(r"> ?([\w-]+\.\w+)|cp \S+ ([\w-]+\.\w+)", "\n".join(BLOCKS))
    names = {one or other for one, other in written}
    assert "secret.txt" in names
    assert not [name for name in names if os.path.exists(ROOT / name)]
