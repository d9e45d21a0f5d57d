"""Incident logs of ServiceNow and Volvo. Invalid rows are rejected one by one, and valid rows become
commands that give the same figures as the log. A step that no case can take is reported and left out."""

import csv
import gzip
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infrastructure.sources.case_logs import bpi2013, servicenow
from infrastructure.sources.case_logs.plan import (
    Assign,
    Close,
    Command,
    HandOff,
    Open,
    PutBack,
    Reopen,
    Reroute,
    Resolve,
    Resume,
    Start,
    Wait,
    plan_commands,
)
from infrastructure.sources.case_logs.updates import CaseLog, Condition, LogUnreadable
from tests.cli import case_logs_by_definition as definition

NOON = datetime(2016, 2, 29, 12, tzinfo=UTC)
Row = tuple[str, ...]


def servicenow_row(
    minute: int,
    state: str,
    *,
    count: object = None,
    group: str = "70",
    person: str = "?",
    reopened: object = 0,
    incident: str = "1",
) -> Row:
    """A row of ServiceNow's log; `count` defaults to the minute."""
    at = NOON + timedelta(minutes=minute)
    updated_at = f"{at.day}/{at.month}/{at.year} {at:%H:%M}"
    number = minute if count is None else count
    return (incident, state, str(number), updated_at, str(reopened), group, person)


def volvo_row(minute: int, state: str, group: str = "G97", person: str = "se-Ann") -> Row:
    """A row of Volvo's log; its times are one hour ahead of UTC."""
    status, _, below = state.partition("/")
    at = (NOON + timedelta(hours=1, minutes=minute)).strftime("%Y-%m-%dT%H:%M:%S+01:00")
    return ("1-1", at, status, below, group, person)


def write_table(file: Path, columns: Sequence[str], rows: Sequence[Row]) -> Path:
    opened = gzip.open if file.suffix == ".gz" else open
    with opened(file, "wt", encoding="utf-8", newline="") as text:
        csv.writer(text).writerows([columns, *rows])
    return file


@pytest.fixture
def table(tmp_path: Path):
    def write(*rows: Row) -> Path:
        return write_table(tmp_path / "log.csv", servicenow.COLUMNS, rows)

    return write


@pytest.fixture
def volvo(tmp_path: Path):
    def write(*rows: Row) -> Path:
        return write_table(tmp_path / "log.csv.gz", bpi2013.COLUMNS, rows)

    return write


def names(commands: Sequence[Command]) -> str:
    return " ".join(type(command).__name__ for command in commands)


def impossible_steps(log: CaseLog) -> list[tuple[int, str]]:
    return [
        (i.update, i.why)
        for found in log.incidents.values()
        for i in plan_commands(found).impossible
    ]


def carry_out(log: CaseLog, words: dict) -> dict[str, Any]:
    """Carry out each command, check that it is allowed, and return the figures."""
    hand_offs, reopened, waited, final = 0, 0, Counter(), Counter()
    for updates in log.incidents.values():
        state, party, queue, since = Condition.NEW, None, None, None
        commands = plan_commands(updates).commands
        assert [c.at for c in commands] == sorted(c.at for c in commands)
        assert {c.update for c in commands} == {u.number for u in updates}
        for command in commands:
            match command:
                case Open() | Reroute():
                    assert state is not Condition.CLOSED
                    queue = command.queue
                case HandOff():
                    assert state is not Condition.CLOSED
                    assert command.queue != queue
                    queue, hand_offs = command.queue, hand_offs + 1
                case Assign():
                    assert state in (Condition.NEW, Condition.ACTIVE, Condition.AWAITING)
                case Start():
                    assert state is Condition.NEW
                    state = Condition.ACTIVE
                case PutBack():
                    assert state is Condition.ACTIVE
                    state = Condition.NEW
                case Wait():
                    assert state in (Condition.NEW, Condition.ACTIVE)
                    state, party, since = Condition.AWAITING, command.party, command.at
                case Resume():
                    assert state is Condition.AWAITING
                    waited[party] += int((command.at - since).total_seconds())
                    state, party = Condition.ACTIVE, None
                case Resolve():
                    assert state in (Condition.NEW, Condition.ACTIVE)
                    state = Condition.RESOLVED
                case Close():
                    assert state is Condition.RESOLVED
                    state = Condition.CLOSED
                case Reopen():
                    assert state in (Condition.RESOLVED, Condition.CLOSED)
                    state = Condition.NEW
        reopened += any(isinstance(command, Reopen) for command in commands)
        final[words[state, party]] += 1
    return {
        "incidents": len(log.incidents),
        "updates": log.updates,
        "hand_offs": hand_offs,
        "reopened": reopened,
        "waited_seconds": dict(waited),
        "final_states": dict(final),
    }


GOOD = servicenow_row(5, "Active", incident="good")
SERVICENOW_BROKEN: list[tuple[str, str]] = [
    ("number", ""),
    ("number", "?"),
    ("number", "x" * 121),
    ("incident_state", ""),
    ("sys_mod_count", "?"),
    ("sys_mod_count", "three"),
    ("sys_mod_count", "-1"),
    ("sys_updated_at", "?"),
    ("sys_updated_at", "30/2/2016 10:00"),
    ("sys_updated_at", "2/29/2016 10:00"),
    ("sys_updated_at", "yesterday"),
    ("sys_updated_at", "1/1/0001 10:00"),
    ("reopen_count", "x"),
    ("assignment_group", "a\0b"),
]


@pytest.mark.parametrize(("column", "value"), SERVICENOW_BROKEN)
def test_only_the_invalid_row_is_rejected(table, column: str, value: str) -> None:
    place = servicenow.COLUMNS.index(column)
    whole = servicenow_row(1, "Active")
    broken = (*whole[:place], value, *whole[place + 1 :])
    log = servicenow.read_log(table(GOOD, broken, GOOD))
    assert (list(log.incidents), log.updates, log.refused) == (["good"], 2, 1)
    assert (log.refusals[0].file, log.refusals[0].line) == ("log.csv", 3)
    assert log.refusals[0].column == column
    assert log.refusals[0].detail


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"1,Active", "2 fields, but the header has 7"),
        (b'1,"Active,1,29/2/2016 12:00,0,70,?', "unexpected end of data"),
        (b"1,Act\xefve,1,29/2/2016 12:00,0,70,?", "not UTF-8"),
    ],
)
def test_a_malformed_line_does_not_affect_other_lines(table, line: bytes, why: str) -> None:
    file = table(GOOD)
    file.write_bytes(file.read_bytes() + line + b"\n" + ",".join(GOOD).encode() + b"\n")
    log = servicenow.read_log(file)
    assert (log.updates, log.refused) == (2, 1)
    assert str(log.refusals[0]) == f"log.csv:3: {why}"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_log_is_read_in_every_encoding(table, encoding: str, packed: bool) -> None:
    file = table(GOOD, servicenow_row(1, "Active", group="caf\xe9\u2028"))
    content = file.read_text(encoding="utf-8").encode(encoding)
    file.write_bytes(gzip.compress(content) if packed else content)
    log = servicenow.read_log(file)
    assert (log.updates, log.refused) == (2, 0)
    assert log.incidents["1"][0].group == "caf\xe9\u2028".strip()


def test_a_log_in_an_encoding_that_is_not_read_is_refused_with_a_remedy(table) -> None:
    file = table(GOOD)
    file.write_bytes(file.read_bytes().decode().encode("utf-16-le"))
    with pytest.raises(LogUnreadable, match=r"log\.csv: .*write it in UTF-8"):
        servicenow.read_log(file)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("SR Number", ""),
        ("Sub Status", "?"),
        ("Change Date+Time", "2012-04-31T10:00:00+01:00"),
        ("Change Date+Time", "2012-04-30T10:00:00"),
        ("Change Date+Time", "30/4/2012 10:00"),
    ],
)
def test_only_the_invalid_row_of_volvos_log_is_rejected(volvo, column: str, value: str) -> None:
    place = bpi2013.COLUMNS.index(column)
    whole = volvo_row(1, "Accepted/In Progress")
    broken = (*whole[:place], value, *whole[place + 1 :])
    log = bpi2013.read_log(volvo(whole, broken, whole))
    assert (log.updates, log.refused) == (2, 1)
    assert (log.refusals[0].line, log.refusals[0].column) == (3, column)


@pytest.mark.parametrize("reader", [servicenow, bpi2013])
def test_an_error_names_the_missing_columns_or_the_file(reader, tmp_path: Path) -> None:
    fewer = write_table(tmp_path / "log.csv", reader.COLUMNS[2:], [])
    with pytest.raises(LogUnreadable, match=", ".join(reader.COLUMNS[:2]).replace("+", ".")):
        reader.read_log(fewer)
    for file, content in (("empty.csv", b""), ("quoted.csv", b'"a"b\n'), ("plain.csv.gz", b"1,2")):
        (tmp_path / file).write_bytes(content)
        with pytest.raises(LogUnreadable, match=file):
            reader.read_log(tmp_path / file)
    with pytest.raises(LogUnreadable):
        reader.read_log(tmp_path)


def test_a_table_without_rows_is_a_log_without_incidents(table) -> None:
    assert servicenow.read_log(table()) == CaseLog({}, 0, 0, ())


def test_updates_are_sorted_by_count_and_then_by_line(table) -> None:
    log = servicenow.read_log(
        table(
            servicenow_row(1, "Active", count=2, group="late"),
            servicenow_row(9, "Resolved", count=3),
            servicenow_row(2, "New", count=1),
            servicenow_row(3, "Active", count=2, group="later", incident="1"),
        )
    )
    (found,) = log.incidents.values()
    assert [(u.number, u.line) for u in found] == [(1, 4), (2, 2), (2, 5), (3, 3)]
    assert found[0].at == NOON + timedelta(minutes=2)
    back = "time goes back from 2016-02-29T12:02:00+00:00 to 2016-02-29T12:01:00+00:00"
    assert impossible_steps(log) == [(2, f"{back}: the earlier update's time was used")]
    assert [c.at.minute for c in plan_commands(found).commands] == [2, 2, 2, 3, 9, 9]


def test_unknown_values_are_no_step(table) -> None:
    file = table(
        servicenow_row(1, "New", group="?"),
        servicenow_row(2, "New", group="70", person="7"),
        servicenow_row(3, "New", group="?", reopened="?"),
        servicenow_row(4, "New", group="25", person="7"),
        servicenow_row(5, "New", group="24"),
        servicenow_row(6, "New", group="70"),
    )
    log = servicenow.read_log(file)
    planned = plan_commands(log.incidents["1"])
    assert names(planned.commands) == "Open Reroute Assign Touch HandOff Assign HandOff HandOff"
    assert planned.impossible == ()
    assert carry_out(log, servicenow.NAMES) == definition.servicenow(file)


@pytest.mark.parametrize(
    ("groups", "commands"),
    [
        (("A", "?", "B"), "Open Touch HandOff"),
        (("A", "", "?", "?", "B"), "Open Touch Touch Touch HandOff"),
        (("A", "?", "A"), "Open Touch Touch"),
        (("A", "?", "B", "?", "A"), "Open Touch HandOff Touch HandOff"),
        (("?", "A", "?", "B"), "Open Reroute Touch HandOff"),
    ],
)
def test_a_group_stays_until_another_known_one_comes(table, groups, commands: str) -> None:
    file = table(*(servicenow_row(n, "New", group=group) for n, group in enumerate(groups)))
    log = servicenow.read_log(file)
    planned = plan_commands(log.incidents["1"])
    assert (names(planned.commands), planned.impossible) == (commands, ())
    assert carry_out(log, servicenow.NAMES) == definition.servicenow(file)


@pytest.mark.parametrize(
    ("groups", "moves"),
    [
        (("A", "?", "B", "?"), "HandOff"),
        (("A", "?", "A", "?"), ""),
        (("?", "A", "?", "B"), "Reroute HandOff"),
        (("A", "B", "?", "A"), "HandOff HandOff"),
    ],
)
def test_a_closed_incident_keeps_its_known_group_too(table, groups, moves: str) -> None:
    first, *rest = groups
    file = table(
        servicenow_row(1, "Resolved", group=first),
        servicenow_row(2, "Closed", group="?"),
        *(servicenow_row(n, "Closed", group=group) for n, group in enumerate(rest, 3)),
        servicenow_row(9, "New", reopened=1, group="?"),
    )
    log = servicenow.read_log(file)
    planned = plan_commands(log.incidents["1"])
    after = names(planned.commands).partition("Reopen")[2].strip()
    assert (after, planned.impossible) == (moves, ())
    assert carry_out(log, servicenow.NAMES) == definition.servicenow(file)


def test_a_full_incident_gives_the_figures_of_the_definition(table) -> None:
    file = table(
        servicenow_row(0, "Awaiting User Info"),
        servicenow_row(1, "Awaiting User Info", group="24"),
        servicenow_row(10, "Awaiting Vendor", group="25"),
        servicenow_row(15, "Awaiting User Info"),
        servicenow_row(30, "Resolved"),
        servicenow_row(31, "Resolved", group="24"),
        servicenow_row(40, "Awaiting Problem", reopened=1, group="70", person="9"),
        servicenow_row(50, "New", reopened=1),
        servicenow_row(60, "Resolved", reopened=2, group="24"),
        servicenow_row(61, "Closed", reopened=2),
        servicenow_row(70, "Resolved", reopened=3),
        servicenow_row(71, "Closed", reopened=3),
        servicenow_row(5, "Awaiting Evidence", incident="2"),
    )
    log = servicenow.read_log(file)
    figures = carry_out(log, servicenow.NAMES)
    assert figures["hand_offs"] == 7
    assert figures["waited_seconds"] == {"user": 1500, "vendor": 300, "problem": 600}
    assert figures["final_states"] == {"Closed": 1, "Awaiting Evidence": 1}
    assert impossible_steps(log) == [
        (60, "the count of reopenings goes from 1 to 2, but the incident is new")
    ]
    assert figures == definition.servicenow(file)


ENDED = (servicenow_row(1, "Active"), servicenow_row(2, "Resolved"), servicenow_row(3, "Closed"))


@pytest.mark.parametrize(
    ("rows", "commands", "why"),
    [
        (
            (servicenow_row(1, "New"), servicenow_row(2, "Closed")),
            "Open Resolve Close",
            "Closed without being resolved: resolved at this time",
        ),
        (
            (servicenow_row(1, "Awaiting Vendor"), servicenow_row(2, "Closed")),
            "Open Wait Resume Resolve Close",
            "Closed without being resolved: resolved at this time",
        ),
        (
            (
                *ENDED,
                servicenow_row(4, "Active"),
                servicenow_row(5, "Active"),
                servicenow_row(6, "Closed"),
            ),
            "Open Start Resolve Close Touch Touch Touch",
            "state 'Active': the incident is closed and not reopened",
        ),
        (
            (*ENDED, servicenow_row(4, "Awaiting Vendor"), servicenow_row(5, "Active", reopened=1)),
            "Open Start Resolve Close Touch Reopen Start",
            "state 'Awaiting Vendor': the incident is closed and not reopened",
        ),
        (
            (*ENDED, servicenow_row(4, "Closed", group="25")),
            "Open Start Resolve Close Touch",
            "handed off to 25 while closed, but never reopened",
        ),
        (
            (servicenow_row(1, "Active"), servicenow_row(2, "Active", reopened=1)),
            "Open Start Touch",
            "the count of reopenings goes from 0 to 1, but the incident is active",
        ),
        (
            (*ENDED, servicenow_row(4, "New", reopened=2)),
            "Open Start Resolve Close Reopen",
            "the count of reopenings goes from 0 to 2 at once: reopened only once",
        ),
        (
            (servicenow_row(1, "New", reopened=2), servicenow_row(2, "New", reopened=0)),
            "Open Touch",
            "the count of reopenings goes from 2 to 0: it cannot decrease",
        ),
        (
            (
                servicenow_row(1, "Awaiting Vendor"),
                servicenow_row(2, "-100"),
                servicenow_row(3, "-100"),
                servicenow_row(4, "Active"),
            ),
            "Open Wait Resume Touch Touch",
            "state '-100': it is unknown; the incident stays active",
        ),
        (
            (servicenow_row(1, "New"), servicenow_row(2, "?"), servicenow_row(3, "Resolved")),
            "Open Touch Resolve",
            "state '?': it is unknown; the incident stays new",
        ),
    ],
)
def test_an_impossible_step_is_reported_once(table, rows, commands: str, why: str) -> None:
    log = servicenow.read_log(table(*rows))
    planned = plan_commands(log.incidents["1"])
    assert names(planned.commands) == commands
    assert [i.why for i in planned.impossible] == [why]
    carry_out(log, servicenow.NAMES)


def test_a_hand_off_of_a_closed_incident_happens_when_it_is_reopened(table) -> None:
    file = table(
        *ENDED,
        servicenow_row(4, "Closed", group="25"),
        servicenow_row(5, "New", reopened=1, group="25"),
    )
    log = servicenow.read_log(file)
    assert names(plan_commands(log.incidents["1"]).commands).endswith("Close Touch Reopen HandOff")
    assert impossible_steps(log) == []
    assert carry_out(log, servicenow.NAMES) == definition.servicenow(file)


def test_volvos_updates_are_sorted_by_time(volvo) -> None:
    file = volvo(
        volvo_row(9, "Completed/In Call"),
        volvo_row(1, "Accepted/In Progress"),
        volvo_row(2, "Queued/Awaiting Assignment", "S42 2nd"),
        volvo_row(3, "Accepted/Wait", "S42 2nd", "se-Bo"),
        volvo_row(5, "Accepted/Wait - User", "S42 2nd", "se-Bo"),
        volvo_row(8, "Accepted/Assigned", "G97"),
        volvo_row(10, "Unmatched/Unmatched"),
        volvo_row(11, "Accepted/In Progress"),
        volvo_row(12, "Completed/Resolved"),
        volvo_row(13, "Completed/Closed"),
        volvo_row(13, "Completed/Resolved", "G96"),
    )
    log = bpi2013.read_log(file)
    (updates,) = log.incidents.values()
    assert [u.number for u in updates] == list(range(1, 12))
    assert [u.line for u in updates] == [3, 4, 5, 6, 7, 2, 8, 9, 10, 11, 12]
    assert updates[0].at == NOON + timedelta(minutes=1)
    assert names(plan_commands(updates).commands) == (
        "Open Assign Start PutBack HandOff Assign Wait Resume Wait Resume HandOff Assign Resolve "
        "Touch Reopen Assign Start Resolve Close Reopen HandOff Assign Resolve"
    )
    assert impossible_steps(log) == [
        (7, "state 'Unmatched': it is unknown; the incident stays resolved")
    ]
    figures = carry_out(log, bpi2013.NAMES)
    assert figures == definition.bpi2013(file)
    assert figures["waited_seconds"] == {"other": 120, "user": 180}
    assert (figures["hand_offs"], figures["reopened"]) == (3, 1)
    assert figures["final_states"] == {"Resolved": 1}
