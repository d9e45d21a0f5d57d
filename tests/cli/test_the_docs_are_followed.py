"""The commands of docs/access.md and docs/policy.md work as printed, and the YAML of docs/policy.md makes
a valid policy."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from domain.people import Role
from infrastructure.policies.files import DEFAULT_POLICY_FILE, load_policy
from tests.api.running_service import run_service
from tests.cli.conftest import LONGEST_SECONDS, ROOT, environment
from tests.cli.starter import CommandStarters, CompletedCommand
from tests.conftest import Databases

ACCESS, POLICY = (
    (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("access.md", "policy.md")
)
PARTS = re.findall(r"```yaml\n(.*?)```", POLICY, re.DOTALL)


def commands(page: str) -> Iterator[list[str]]:
    """The words after `casetrail` of each line of its shell blocks, without the comment."""
    for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            assert words[:2] == ["$", "casetrail"], line
            yield words[2:]


@pytest.fixture
def dsn(databases: Databases) -> Iterator[str]:
    with databases.new() as name:
        yield databases.dsn(name)


def run(starters: CommandStarters, dsn: str, words: list[str], **settings: str) -> CompletedCommand:
    ran = starters.run(words, {**environment(dsn), **settings}, LONGEST_SECONDS)
    assert ran.returncode == 0, f"{' '.join(words)}\n{ran.stdout}\n{ran.stderr}"
    return ran


def test_the_commands_of_the_page_on_access_run_as_printed(
    starters: CommandStarters, dsn: str, tmp_path: Path
) -> None:
    home = ["--home", str(tmp_path / "home")]
    told = {" ".join(words[:2]): run(starters, dsn, home + words) for words in commands(ACCESS)}
    assert re.search(r"ct_\S{20,}", told["people token"].stdout)
    assert "refund_validation" in told["people tokens"].stdout
    assert {"mia", "noa", "team_lead"} <= set(re.findall(r"\w+", told["people review"].stdout))
    assert len(told) == 6


@pytest.mark.parametrize("number", range(len(PARTS)))
def test_a_part_of_a_policy_is_as_the_page_shows_it(number: int, tmp_path: Path) -> None:
    """The part is valid in place of the same part or rule of the shipped policy."""
    shown: dict[str, Any] = yaml.load(PARTS[number], Loader=yaml.SafeLoader)
    document: dict[str, Any] = yaml.load(DEFAULT_POLICY_FILE.read_text(), Loader=yaml.SafeLoader)
    for part, content in shown.items():
        if isinstance(content, list):
            rules = {one["rule"] for one in content}
            document[part] = content + [x for x in document[part] if x["rule"] not in rules]
        elif part == "calendars":
            # Keep the cut-offs that the services name.
            for name, calendar in content.items():
                before = document[part][name]
                document[part][name] = {**before, **calendar, "cut_offs": before["cut_offs"]}
        else:
            document[part] = content
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    assert load_policy(file).version == document["version"]


def test_the_page_shows_each_difficult_part_of_a_policy() -> None:
    shown = {part for text in PARTS for part in yaml.load(text, Loader=yaml.SafeLoader)}
    assert shown >= {"look_ups", "automation_pauses_when", "expect", "services", "calendars"}
    assert "approvals" in shown


def test_the_commands_of_the_page_on_policy_run_as_printed(
    starters: CommandStarters, databases: Databases, tmp_path: Path
) -> None:
    """The first command runs on a log without a policy, the others beside a service, by two people."""
    file = tmp_path / "my-policy.yaml"
    home = ["--home", str(tmp_path / "home")]
    first, check, bootstrap, *change = commands(POLICY)
    with databases.new() as name:
        dsn = databases.dsn(name)
        assert first[-2:] == [">", file.name]
        file.write_text(run(starters, dsn, home + first[:-2]).stdout, encoding="utf-8")
        for words in (check, bootstrap):
            run(starters, dsn, [*home, *words[:-1], str(file)])
        text = file.read_text(encoding="utf-8").replace('version: "5"', 'version: "6"')
        # A rollback is possible without another person: priorities are no control.
        file.write_text(text.replace("low: 100}", "low: 120}", 1), encoding="utf-8")
        with run_service(dsn) as server:
            people, now = server.service.desks.people, server.service.desks.clock()
            tokens = {}
            for person, role in (("rosa", Role.OPS_MANAGER), ("gus", Role.GOVERNANCE_OWNER)):
                people.add(person, [role], now)
                tokens[person] = people.issue_token(person, now)
            told = {}
            for words in change:
                person = "gus" if words[1] == "approve" else "rosa"
                typed = [str(file) if word == file.name else word for word in words]
                access = {"CASETRAIL_URL": server.url, "CASETRAIL_TOKEN": tokens[person]}
                told[words[1]] = run(starters, dsn, home + typed, **access).stdout
    assert "priorities, severity, low: 100 → 120" in told["diff"]
    assert [*told] == [
        "diff",
        "propose",
        "simulate",
        "approve",
        "activate",
        "history",
        "show",
        "rollback",
    ]
