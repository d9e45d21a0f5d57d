"""casetrail replay case-log: the cases have the figures of the incident log, to the second; impossible steps
are reported and not forced."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from api.composition import desks
from infrastructure.sources.case_logs.driver import Driver
from infrastructure.sources.case_logs.figures import compute_figures, read_lines
from infrastructure.sources.case_logs.plan import (
    Assign,
    Command,
    Open,
    Reopen,
    Resolve,
    Resume,
    Wait,
)
from infrastructure.sources.case_logs.replay_policy import ServiceNames, build_replay_policy
from infrastructure.sources.case_logs.updates import WaitingParty
from tests.cli import case_logs_by_definition as definition
from tests.cli.case_log_tables import (
    NOON,
    SERVICENOW,
    VOLVO,
    Life,
    with_valid_names,
    write_servicenow,
    write_volvo,
)
from tests.cli.conftest import ROOT, Casetrail

WHOLE = ROOT.parent / "shared" / "data" / "case-logs"
KEYS = {
    "incidents",
    "updates",
    "hand_offs",
    "reopened",
    "waited_seconds",
    "final_states",
    "impossible",
    "seconds",
}
DEFINITIONS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "servicenow": definition.servicenow,
    "bpi2013": definition.bpi2013,
}
RESOLVED = {"Resolved", "Closed"}
WAITING = {*definition.SERVICENOW_PARTIES, *definition.BPI2013_PARTIES}


def replayed(casetrail: Casetrail, kind: str, file: Path, seconds: float = 120) -> dict[str, Any]:
    ran = casetrail("replay", "case-log", kind, file, "--json", seconds=seconds)
    assert ran.returncode == 0, ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout)
    assert set(told) == KEYS
    assert told["seconds"] > 0
    return told


def assert_as_defined(told: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Compare every figure. The log does not tell `open` from `claimed`, so these two are not
    compared."""
    for figure in ("incidents", "updates", "hand_offs", "reopened", "waited_seconds"):
        assert told[figure] == wanted[figure], figure
    states, words = told["final_states"], wanted["final_states"]
    assert set(states) <= {"open", "claimed", "waiting", "resolved"}
    assert states.get("resolved", 0) == sum(words.get(word, 0) for word in RESOLVED)
    assert states.get("waiting", 0) == sum(words.get(word, 0) for word in WAITING)
    assert sum(states.values()) == wanted["incidents"]


def test_the_figures_of_a_small_servicenow_log_match(casetrail: Casetrail, tmp_path: Path) -> None:
    file = write_servicenow(tmp_path / "log.csv", with_valid_names(SERVICENOW))
    told = replayed(casetrail, "servicenow", file)
    assert_as_defined(told, definition.servicenow(file))
    assert told["impossible"] == []
    assert told["hand_offs"] == 1 + 1 + 1 + 2 + 2
    assert told["reopened"] == 1
    minutes = {party: seconds / 60 for party, seconds in told["waited_seconds"].items()}
    assert minutes == {"user": 7 + 1, "vendor": 30 + 1, "evidence": 3, "problem": 9}
    assert told["final_states"] == {"open": 2, "claimed": 1, "waiting": 1, "resolved": 4}


def test_the_figures_of_a_small_volvo_log_match(casetrail: Casetrail, tmp_path: Path) -> None:
    file = write_volvo(tmp_path / "log.csv.gz", VOLVO)
    told = replayed(casetrail, "bpi2013", file)
    assert_as_defined(told, definition.bpi2013(file))
    assert told["impossible"] == []
    assert (told["hand_offs"], told["reopened"]) == (2, 1)
    assert told["waited_seconds"] == {
        "user": 180,
        "customer": 240,
        "other": 0,
        "implementation": 360,
    }
    assert told["final_states"] == {"waiting": 1, "resolved": 2}


def test_impossible_steps_are_reported_and_the_rest_is_replayed(
    casetrail: Casetrail, tmp_path: Path
) -> None:
    lives: dict[str, Life] = {
        "a\x85b": [(0, "New", "56", "?", 0), (1, "Resolved", "56", "?", 0)],
        "back": [(9, "Active", "56", "10", 0), (5, "Awaiting Vendor", "56", "10", 0)],
        "ended": [
            (0, "Resolved", "56", "10", 0),
            (1, "Active", "56", "10", 0),
            (2, "Closed", "56", "10", 0),
        ],
        "moved": [(0, "Closed", "56", "?", 0), (1, "Closed", "70", "?", 0)],
        "sound": [(0, "New", "56", "?", 0), (1, "Resolved", "70", "?", 0)],
    }
    broken = ("sound", "New", "2", "30/2/2016 10:00", "0", "56", "?")
    file = write_servicenow(tmp_path / "log.csv", lives, [broken])
    ran = casetrail("replay", "case-log", "servicenow", file, "--json")
    assert ran.returncode == 0, ran.stderr
    assert "skipped: log.csv:13 (sys_updated_at)" in ran.stderr
    told = json.loads(ran.stdout)
    assert [(one["incident"], one["update"]) for one in told["impossible"]] == [
        ("a\x85b", 0),
        ("back", 1),
        ("ended", 1),
        ("moved", 0),
        ("moved", 1),
    ]
    assert "all 2 updates left out" in told["impossible"][0]["why"]
    assert "time goes back" in told["impossible"][1]["why"]
    assert "resolved and not reopened" in told["impossible"][2]["why"]
    assert "without being resolved" in told["impossible"][3]["why"]
    assert "while closed, but never reopened" in told["impossible"][4]["why"]
    assert (told["incidents"], told["updates"], told["hand_offs"]) == (4, 11, 1)
    assert told["final_states"] == {"resolved": 3, "waiting": 1}


def test_cases_have_the_times_and_persons_of_the_log(
    casetrail: Casetrail, database: str, tmp_path: Path
) -> None:
    file = write_servicenow(tmp_path / "log.csv", with_valid_names(SERVICENOW))
    ran = casetrail("replay", "case-log", "servicenow", file, "--keep")
    assert ran.returncode == 0, ran.stderr
    assert "waited for vendor" in ran.stdout
    assert "hand-offs between groups" in ran.stdout
    with kept(database, ran.stderr) as connection:
        lines = connection.execute(
            "SELECT convert_from(state, 'UTF8')::jsonb FROM stored_events ORDER BY notification_id"
        ).fetchall()
    ours = [line for (line,) in lines if line.get("order") == "0000001"]
    assert {line["actor"]["principal"] for line in ours} == {"key:case-log"}
    assert [
        (line["event"]["type"], minute_of(line["recorded_at"]), line["actor"]["person"])
        for line in ours
    ] == [
        ("case.opened", 0, "somebody"),
        ("case.enriched", 0, "somebody"),
        ("case.routed", 0, "somebody"),
        ("case.handed_off", 1, "somebody"),  # its group became known: not counted as a hand-off
        ("case.claimed", 1, "p_10"),
        ("case.wait_started", 3, "p_10"),
        ("case.wait_ended", 10, "p_10"),
        ("case.wait_started", 10, "p_10"),
        ("case.wait_ended", 40, "p_10"),
        ("case.handed_off", 40, "p_10"),
        ("case.claimed", 40, "p_11"),
        ("case.resolved", 41, "p_11"),
    ]
    moves = [line["event"] for line in ours if line["event"]["type"] == "case.handed_off"]
    assert [(move["from_queue"], move["to_queue"]) for move in moves] == [
        ("unknown", "g_56"),
        ("g_56", "g_70"),
    ]
    waits = [line["event"] for line in ours if line["event"]["type"] == "case.wait_started"]
    assert [(wait["dependency"], wait["party"]) for wait in waits] == [
        ("customer", "user"),
        ("vendor", "vendor"),
    ]
    queues = next(line["event"] for (line,) in lines if "document" in line["event"])
    titles = {queue["title"] for queue in queues["document"]["queues"].values()}
    assert {"Team Ä", "team  A!", "TEAM, A"} < titles


def minute_of(moment: str) -> float:
    return (datetime.fromisoformat(moment) - NOON).total_seconds() / 60


def test_a_refused_step_is_reported_and_the_case_continues(dsn: str) -> None:
    steps: list[Command] = [
        Open("1", 0, NOON, "56"),
        Resume("1", 1, NOON),  # the case does not wait
        Assign("1", 2, NOON, "10"),
        Reopen("1", 3, NOON),  # the case is not resolved
        Resolve("1", 4, NOON),
        Wait("1", 5, NOON, WaitingParty.USER),  # the case is resolved
        Open("2", 6, NOON, "57"),  # unknown queue: reported once, and no step can follow
        Resolve("2", 7, NOON),
    ]
    names = ServiceNames({"56": "g_56", "57": "g_57"}, {"10": "p_10"})
    with desks(dsn) as working:
        working.ensure_policy(build_replay_policy(ServiceNames({"56": "g_56"}, {})))
        driver = Driver(working.cases, names)
        assert list(driver.drive(steps)) == [len(steps)]
        figures = compute_figures(read_lines(working.log))
    assert sorted(one.update for one in driver.impossible) == [1, 3, 5, 6]
    assert all(one.why for one in driver.impossible)
    assert (figures.cases, figures.final_states) == (1, {"resolved": 1})


@contextmanager
def kept(database: str, stderr: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    found = re.search(r"casetrail_replay_[0-9a-f]{8}", stderr)
    assert found, stderr
    try:
        with psycopg.connect(make_conninfo(database, dbname=found[0])) as connection:
            yield connection
    finally:
        with psycopg.connect(database, autocommit=True) as server:
            server.execute(f'DROP DATABASE "{found[0]}" WITH (FORCE)')


def test_an_empty_log_makes_no_cases(casetrail: Casetrail, tmp_path: Path) -> None:
    told = replayed(casetrail, "bpi2013", write_volvo(tmp_path / "log.csv", {}))
    del told["seconds"]
    assert told == {
        "incidents": 0,
        "updates": 0,
        "hand_offs": 0,
        "reopened": 0,
        "waited_seconds": {},
        "final_states": {},
        "impossible": [],
    }


def test_another_kind_of_file_gets_a_plain_error_and_leaves_nothing_behind(
    casetrail: Casetrail, database: str, tmp_path: Path
) -> None:
    ran = casetrail("replay", "case-log", "servicenow", write_volvo(tmp_path / "log.csv", VOLVO))
    assert ran.returncode == 2
    assert "The case log cannot be read: log.csv has no column" in ran.stderr
    assert "incident_state" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert casetrail("replay", "case-log", "jira", tmp_path / "log.csv").returncode == 2
    with psycopg.connect(database) as connection:
        left = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'casetrail_replay_%'"
        ).fetchall()
        tables = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone()
    assert left == []
    assert tables == (0,), "the replay mixed with the database's own cases"


@pytest.mark.skipif(not WHOLE.is_dir(), reason="../shared/data/case-logs is not here")
@pytest.mark.parametrize(
    ("kind", "file", "incidents", "impossible"),
    [
        ("servicenow", "servicenow_incident_event_log.csv.gz", 17_136, 10),
        ("bpi2013", "bpi2013_incidents.csv.gz", 3_788, 4),
    ],
)
def test_the_figures_of_a_whole_log_match(
    casetrail: Casetrail, kind: str, file: str, incidents: int, impossible: int
) -> None:
    told = replayed(casetrail, kind, WHOLE / file, seconds=300)
    assert_as_defined(told, DEFINITIONS[kind](WHOLE / file))
    assert told["final_states"] == {"resolved": incidents}
    assert len(told["impossible"]) == impossible
