"""casetrail policy propose | simulate | approve | …: each by a person with a token."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from domain.people import Role
from tests.api.running_service import RunningService, run_service
from tests.cli.conftest import LONGEST_SECONDS, environment
from tests.cli.starter import CommandStarters, CompletedCommand
from tests.conftest import Databases
from tests.domain.policies import shipped

Run = Callable[..., CompletedCommand]
PEOPLE = {"gus": Role.GOVERNANCE_OWNER}


@pytest.fixture(scope="module")
def server(databases: Databases, template_database: str) -> Iterator[RunningService]:
    with (
        databases.new(template_database) as name,
        run_service(databases.dsn(name), time=True) as running,
    ):
        people = running.service.desks.people
        for person, role in PEOPLE.items():
            people.add(person, [role], datetime.now(UTC))
            running.tokens[person] = people.issue_token(person, datetime.now(UTC))
        yield running


@pytest.fixture
def run(server: RunningService, tmp_path: Path, starters: CommandStarters) -> Run:
    def asking(person: str | None, *words: object, url: str | None = None) -> CompletedCommand:
        told = {**environment(server.dsn), "CASETRAIL_URL": url or server.url}
        if person is not None:
            told["CASETRAIL_TOKEN"] = server.tokens[person]
        home = str(tmp_path / "home")
        return starters.run(["--home", home, "policy", *map(str, words)], told, LONGEST_SECONDS)

    return asking


def written(folder: Path, version: str, low: int) -> Path:
    document: dict[str, Any] = shipped()
    document["version"] = version
    document["priorities"]["severity"]["low"] = low
    file = folder / f"{version}.yaml"
    file.write_text(yaml.safe_dump(document))
    return file


def done(ran: CompletedCommand) -> str:
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr
    return ran.stdout


def test_a_policy_is_proposed_approved_and_activated(run: Run, tmp_path: Path) -> None:
    file = written(tmp_path, "next", 42)
    low = shipped()["priorities"]["severity"]["low"]
    change = f"priorities, severity, low: {low} → 42"
    assert change in done(run(None, "diff", file))
    told = done(run("olga", "propose", file, "--why", "Low is too low."))
    assert told.startswith("proposed: version next")
    assert change in told
    again = run("olga", "propose", file, "--why", "Low is too low.").stderr
    assert "version next exists already: it is proposed" in again
    assert "Nothing was changed: to propose a change, give the document a new `version`" in again
    figures = done(run("olga", "simulate", "next"))
    assert "0 orders, 0 signals" in figures
    assert json.loads(done(run("olga", "simulate", "next", "--json")))["figures"]["orders"] == 0

    refused = run("olga", "approve", "next")
    assert refused.returncode == 1
    assert "None of your roles has the permission for this" in refused.stderr
    assert done(run("gus", "approve", "next", "--note", "Yes.")).startswith("approved:")
    assert done(run("olga", "activate", "next")).startswith("in force:")
    lax = yaml.safe_load(written(tmp_path, "lax", 43).read_text())
    lax["approvals"]["limits"]["ops_manager"] = "100000"
    (tmp_path / "lax.yaml").write_text(yaml.safe_dump(lax))
    alone = run("olga", "emergency", tmp_path / "lax.yaml", "--reason", "It burns.")
    assert alone.returncode == 1
    assert "One person may not change this part of the policy alone" in alone.stderr
    assert "  /document/approvals: takes two people and a simulation" in alone.stderr
    back = json.loads(done(run("gus", "rollback", "5", "--reason", "Worse.", "--json")))
    assert (back["version"], back["state"]) == ("5-r1", "in_force")

    shown = done(run(None, "show", "next"))
    assert "retired" in shown
    assert "policy.approved by gus: Yes." in shown
    assert change in shown
    history = done(run(None, "history"))
    assert [line.split()[0] for line in history.splitlines() if line[0] != " "] == [
        "5-r1",
        "next",
        "5",
    ]
    assert done(run(None, "diff", "5", "5-r1")) == "version: 5 → 5-r1\n"
    assert "Notice" not in shown
    copy = tmp_path / "copy.yaml"
    copy.write_text(done(run(None, "show", "next", "--yaml")))
    assert done(run(None, "diff", "next", copy)) == ""


def test_a_policy_is_shown_with_a_warning_when_its_holidays_have_ended(
    run: Run, tmp_path: Path
) -> None:
    document = shipped()
    document["version"] = "old"
    document["calendars"]["desk"]["closed"] = ["2025-12-25"]
    file = tmp_path / "old.yaml"
    file.write_text(yaml.safe_dump(document))
    done(run("olga", "propose", file, "--why", "It is shorter."))
    shown = done(run(None, "show", "old"))
    assert "Notice: the last closed day of calendar desk is 2025-12-25" in shown
    done(run("olga", "withdraw", "old", "--reason", "Too short."))
    assert "Notice" not in done(run(None, "show", "old"))


def test_a_policy_is_ratified_rejected_or_withdrawn(run: Run, tmp_path: Path) -> None:
    fire = written(tmp_path, "fire", 77)
    told = done(run("olga", "emergency", fire, "--reason", "It burns.", "--hours", "1"))
    assert told.startswith("in force: version fire")
    assert done(run("gus", "ratify", "fire")).startswith("in force:")
    for version, verb, person in (("no", "reject", "gus"), ("nor", "withdraw", "olga")):
        file = written(tmp_path, version, 500)
        done(run("olga", "propose", file, "--why", "Better."))
        assert done(run(person, verb, version, "--reason", "Not so.")).startswith(verb[:6])


def test_errors_are_plain(run: Run, tmp_path: Path) -> None:
    missing = run("gus", "approve", "nothing")
    assert missing.returncode == 1
    assert "There is no policy with this version or digest" in missing.stderr
    nobody = run(None, "approve", "next")
    assert "CASETRAIL_TOKEN is not set" in nobody.stderr
    silent = run("gus", "approve", "next", url="http://127.0.0.1:9")
    assert "does not answer" in silent.stderr
    assert "Start the service with `casetrail serve` or `casetrail demo`." in silent.stderr
    for url, words in (
        ("127.0.0.1:8321", "must begin with http:// or https://, not 127.0.0.1:8321"),
        ("http://127.0.0.1:9/docs", "must be an address without a path: http://127.0.0.1:9, not"),
        ("http://", "is not an address: http://"),
        ("http://here:port", "is not an address: http://here:port"),
    ):
        assert f"CASETRAIL_URL {words}" in run("gus", "approve", "next", url=url).stderr
    broken = tmp_path / "broken.yaml"
    broken.write_text("policy: 1")
    unsound = run("olga", "propose", broken, "--why", "Better.")
    assert "/policy" in unsound.stderr
    for ran in (missing, nobody, silent, unsound):
        assert ran.returncode != 0
        assert "Traceback" not in ran.stderr
