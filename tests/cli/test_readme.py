"""The commands of the README work as printed, beside a running service."""

import json
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
from domain.people import Role
from infrastructure.payments.local import LocalProvider
from tests.api.running_service import RunningService, run_service
from tests.api.signals import order_id, placed, send
from tests.cli.case_log_tables import SERVICENOW, write_servicenow
from tests.cli.conftest import LONGEST_SECONDS, ROOT, Casetrail, environment
from tests.cli.copies import running_worker
from tests.cli.olist_tables import Tables
from tests.cli.starter import CommandStarters, CompletedCommand
from tests.payments.conftest import Running
from tests.survival.programs import eventually

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared") / "home"


@pytest.fixture(scope="module")
def server(database: str, home: Path) -> Iterator[RunningService]:
    """The service with a payment provider and a worker, once the log has a checkpoint."""
    provider = Running(home.with_name("ledger.sqlite"))
    with (
        run_service(database, reports=False, provider=LocalProvider(provider.url)) as running,
        running_worker(database, home),
    ):
        eventually("it is witnessed", lambda: [*home.glob("checkpoints/**/latest")], within=20)
        yield running
    provider.end()


@pytest.fixture
def casetrail(database: str, home: Path, starters: CommandStarters) -> Casetrail:
    """Run a command on the same database, with more settings."""

    def run(*words: object, **settings: str) -> CompletedCommand:
        typed = ["--home", str(home), *map(str, words)]
        return starters.run(typed, {**environment(database), **settings}, LONGEST_SECONDS)

    return run


def curls(block: str, token: str) -> list[list[str]]:
    """The arguments of each `curl`, as a shell parses them."""
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
    """Send the requests of the `curl` commands and yield the responses.

    CASE_ID and VERSION are those of the case in the answer before.
    """
    known: dict[str, str] = {}

    def value(name: re.Match[str]) -> str:
        return known[name[0]]

    for typed in curls(block, token):
        words = [re.sub(r"\b(?:CASE_ID|VERSION)\b", value, word) for word in typed]
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
            time.sleep(0.1)  # a person types more slowly
        if method == "GET":
            (case,) = answer.json()["items"]
            known.update(CASE_ID=case["case_id"], VERSION=str(case["version"]))
        yield answer


def commands(block: str) -> Iterator[list[str]]:
    """The words after `run.py` of each line, without the comment."""
    for line in block.splitlines():
        if line.startswith("$ python3 run.py "):
            yield shlex.split(line, comments=True)[3:]


def test_the_commands_of_the_tour_work(
    server: RunningService, casetrail: Casetrail, tmp_path: Path
) -> None:
    added, token = commands(BLOCKS[1])
    name = added[2]
    assert name not in dict(PEOPLE)  # no demo person has this name
    assert casetrail(*added).returncode == 0
    shown = casetrail(*token)
    assert shown.returncode == 0, shown.stderr
    found = re.search(r"ct_\S+", shown.stdout)
    assert found is not None
    sent, case, work = requests_of(BLOCKS[2], server.url, found[0])
    assert sent.json()["recorded"] == 2, sent.text
    assert [one["queue"] for one in case.json()["items"]] == ["payment_hold_review"]
    assert (work.status_code, work.json()["order"]) == (200, "A-1001"), work.text
    assert (work.json()["state"], work.json()["owner"]) == ("claimed", name)
    again = httpx2.request(
        "POST", sent.url, headers=sent.request.headers, content=sent.request.content
    )
    assert (again.json()["recorded"], again.json()["duplicate"]) == (0, 2)
    told = casetrail("personal-data", "erase", "C7", "--basis", "consent_withdrawn", "--yes")
    assert told.returncode == 2
    assert "has open cases or pending payments: case " in told.stderr
    assert " is claimed" in told.stderr

    known = {"CASE_ID": case.json()["items"][0]["case_id"], "bundle": str(tmp_path / "bundle")}
    trail, export, verify, psql = (
        [known.get(word, word) for word in words] for words in commands(BLOCKS[3])
    )
    shown = casetrail(*trail)
    assert shown.returncode == 0, shown.stderr
    assert "mia" in shown.stdout
    for words in (export, verify):
        ran = casetrail(*words)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    rows = casetrail(*psql)
    assert rows.returncode == 0, rows.stderr
    assert rows.stdout.count("order.signal_recorded") == 2
    (claim,) = [line for line in rows.stdout.splitlines() if "case.claimed" in line]
    assert name in claim
    assert max(map(len, rows.stdout.splitlines())) < 120


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """The files for the names in the commands."""
    signals = json.dumps(placed("A-2001"))
    (tmp_path / "orders.ndjson").write_text(f"{signals}\n", encoding="utf-8")
    write_servicenow(tmp_path / "incidents.csv", {"1": SERVICENOW["0000001"]})
    return {
        "my-policy.yaml": str(tmp_path / "my-policy.yaml"),
        "orders.ndjson": str(tmp_path / "orders.ndjson"),
        "DIR": str(Tables().order("sound").write(tmp_path / "olist")),
        "out.csv": str(tmp_path / "out.csv"),
        "FILE": str(tmp_path / "incidents.csv"),
    }


RUN_ELSEWHERE = (["serve"], ["audit", "attack"])
"""The `server` fixture serves; the attacks are run by test_doctor_and_hardening.py."""
ENDS_WITH = {"personal-data": 2}
"""Exit statuses other than 0: the customer of the tour still has an open case."""


def test_every_other_command_runs_as_it_is_printed(
    server: RunningService, casetrail: Casetrail, files: dict[str, str]
) -> None:
    people, now = server.service.desks.people, server.service.desks.clock()
    people.add("gus", [Role.GOVERNANCE_OWNER], now)
    tokens = {"policy": people.issue_token("gus", now), "adjustments": server.tokens["finn"]}
    for words in commands(BLOCKS[4]):
        if words in RUN_ELSEWHERE:
            continue
        command, to = (words[:-2], words[-1]) if ">" in words else (words, None)
        typed = [files.get(word, word) for word in command]
        token = tokens.get(words[0], "")
        ran = casetrail(*typed, CASETRAIL_URL=server.url, CASETRAIL_TOKEN=token)
        told = f"{' '.join(words)}\n{ran.stdout}\n{ran.stderr}"
        assert ran.returncode == ENDS_WITH.get(words[0], 0), told
        if to is not None:  # edit the file, as the line says
            mine = re.sub(r"^version: .*$", 'version: "mine"', ran.stdout, flags=re.MULTILINE)
            mine = mine.replace("claim_lease: PT8H", "claim_lease: PT6H", 1)
            Path(files[to]).write_text(mine, encoding="utf-8")


def test_an_erasure_asks_for_confirmation(server: RunningService, casetrail: Casetrail) -> None:
    with server.client_as("shop") as shop:
        send(shop, placed(order_id(), customer={"id": "C-17"})).raise_for_status()
    unsure = casetrail("personal-data", "erase", "C-17", "--basis", "consent_withdrawn")
    assert unsure.returncode == 1
    asked = unsure.stdout + unsure.stderr
    assert "Customer C-17: 1 orders and 0 cases are affected." in asked
    assert "Erase it? [y/N]" in asked
    assert "[y/N]" in (ROOT / "docs" / "personal.md").read_text(encoding="utf-8")


def test_the_readme_has_the_parameter_names_of_the_api(server: RunningService) -> None:
    with server.client_as("carla") as carla:
        told = carla.get("/v1/audit/population?type=case.detected&since=17")
    assert told.status_code == 400
    known = told.json()["detail"].partition("known parameters are: ")[2].split(", ")
    page = (ROOT / "docs" / "proof.md").read_text(encoding="utf-8")
    assert "after" in known
    assert "`--since`,\nwhich is `after` there" in page
