"""What the README tells to type is typed, one line after the other, beside a service that runs."""

import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from api.commands.demo import PEOPLE
from tests.api.running_service import RunningService, run_service
from tests.cli.conftest import ROOT, Casetrail

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def ours(database: str) -> Iterator[RunningService]:
    with run_service(database) as running:
        yield running


def curls(block: str, token: str) -> list[list[str]]:
    """The words of each `curl`, as a shell passes them on."""
    typed = "\n".join(line.removeprefix("$ ") for line in block.splitlines())
    shell = ["sh", "-euc", f"curl() {{ printf '%s\\0' curl \"$@\"; }}\n{typed}"]
    told = subprocess.run(
        shell, env={**os.environ, "TOKEN": token}, check=True, stdout=subprocess.PIPE, text=True
    )
    found: list[list[str]] = []
    for word in told.stdout.split("\0")[:-1]:
        if word == "curl":
            found.append([])
        else:
            found[-1].append(word)
    return found


def requests_of(block: str, url: str, token: str) -> Iterator[httpx2.Response]:
    """What `curl` would send, answered."""
    for words in curls(block, token):
        headers = dict(words[n + 1].split(": ", 1) for n, word in enumerate(words) if word == "-H")
        body = words[words.index("-d") + 1] if "-d" in words else None
        given = words[words.index("-X") + 1] if "-X" in words else None
        (address,) = [word for word in words if word.startswith("http://127.0.0.1:8321/")]
        method = given or ("POST" if body else "GET")
        to = address.replace("http://127.0.0.1:8321", url)
        for _ in range(50):
            answer = httpx2.request(method, to, headers=headers, content=body)
            if method != "GET" or answer.json()["items"]:
                break
            time.sleep(0.1)  # nobody types as fast as that
        yield answer


def test_the_commands_of_the_readme_work(
    ours: RunningService, casetrail: Casetrail, tmp_path: Path
) -> None:
    added, token = (
        shlex.split(line.split("#")[0])[3:]
        for line in BLOCKS[1].splitlines()
        if " run.py people " in line
    )
    name = added[2]
    assert name not in dict(PEOPLE)  # nor is there one of the demonstration's who is called so
    assert casetrail(*added).returncode == 0
    shown = casetrail(*token)
    assert shown.returncode == 0, shown.stderr
    found = re.search(r"ct_\S+", shown.stdout)
    assert found is not None
    sent, case, work = requests_of(BLOCKS[2], ours.url, found[0])
    assert sent.json()["recorded"] == 2, sent.text
    assert [one["queue"] for one in case.json()["items"]] == ["payment_hold_review"]
    assert (work.status_code, work.json()["order"]) == (200, "A-1001")
    told = casetrail("personal-data", "erase", "C7", "--basis", "consent_withdrawn", "--yes")
    assert told.returncode == 2
    assert "is not finished yet" in told.stderr


def test_an_erasure_asks_for_confirmation(ours: RunningService, casetrail: Casetrail) -> None:
    unsure = casetrail("personal-data", "erase", "C7", "--basis", "consent_withdrawn")
    assert unsure.returncode == 1
    assert "Erase it? [y/N]" in unsure.stdout + unsure.stderr
    assert "[y/N]" in (ROOT / "docs" / "personal.md").read_text(encoding="utf-8")


def test_the_readme_has_the_parameter_names_of_the_api(ours: RunningService) -> None:
    with ours.client_as("carla") as carla:
        told = carla.get("/v1/audit/population?type=case.detected&since=17")
    assert told.status_code == 400
    known = told.json()["detail"].partition(": ")[2].split(", ")
    page = (ROOT / "docs" / "proof.md").read_text(encoding="utf-8")
    assert "after" in known
    assert "`--since`,\nwhich is `after` there" in page
