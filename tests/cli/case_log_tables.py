"""Small incident logs: the steps of each incident, and the tables that record them."""

import csv
import gzip
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from infrastructure.sources.case_logs import bpi2013, servicenow

NOON = datetime(2016, 2, 29, 12, tzinfo=UTC)
Row = tuple[str, ...]

# The steps of an incident: (minute, state, group, person, reopenings).
Life = Sequence[tuple[int, str, str, str, int]]

SERVICENOW: dict[str, Life] = {
    "0000001": [
        (0, "New", "?", "?", 0),
        (1, "Active", "56", "10", 0),
        (3, "Awaiting User Info", "56", "10", 0),
        (10, "Awaiting Vendor", "56", "10", 0),
        (40, "Active", "70", "11", 0),
        (41, "Resolved", "70", "11", 0),
        (99, "Closed", "70", "11", 0),
    ],
    "held by three of one group, one of them while it waits": [
        (0, "Active", "56", "10", 0),
        (1, "Active", "56", "11", 0),
        (2, "Awaiting Evidence", "56", "11", 0),
        (3, "Awaiting Evidence", "56", "12", 0),
        (5, "Resolved", "56", "12", 0),
    ],
    "handed on while it waits, whose wait goes on": [
        (0, "Awaiting Problem", "56", "10", 0),
        (5, "Awaiting Problem", "70", "?", 0),
        (9, "Active", "70", "?", 0),
        (9, "Resolved", "70", "?", 0),
    ],
    "waits without end, after a wait that ended": [
        (0, "Awaiting Vendor", "56", "?", 0),
        (1, "Active", "56", "?", 0),
        (2, "Awaiting Vendor", "56", "?", 0),
        (3000, "Awaiting Vendor", "56", "?", 0),
    ],
    "the group is not known between two groups": [
        (0, "New", "56", "?", 0),
        (1, "New", "?", "?", 0),
        (2, "New", "70", "?", 0),
        (3, "New", "?", "?", 0),
        (4, "New", "70", "?", 0),
    ],
    "put back": [(0, "Active", "56", "10", 0), (1, "New", "56", "?", 0)],
    "taken and not touched again": [
        (0, "Active", "Team Ä", "10", 0),
        (1, "Active", "team  A!", "10", 0),
        (2, "Active", "TEAM, A", "10", 0),
    ],
    "reopened twice": [
        (0, "Resolved", "56", "10", 0),
        (1, "Active", "56", "11", 1),
        (2, "Resolved", "56", "11", 1),
        (2, "Closed", "56", "11", 1),
        (3, "Closed", "70", "11", 1),
        (4, "Awaiting User Info", "70", "11", 2),
        (5, "Resolved", "70", "?", 2),
        (6, "Resolved", "71", "?", 2),
    ],
}
VOLVO: dict[str, Life] = {
    "1-1": [
        (0, "Awaiting Assignment", "V5 3rd", "Anne Claire", 0),
        (1, "In Progress", "V5 3rd", "Anne Claire", 0),
        (2, "Wait - User", "V5 3rd", "anne claire", 0),
        (5, "Wait - Customer", "V5 3rd", "anne claire", 0),
        (9, "Wait", "G97", "anne claire", 0),
        (9, "Wait - Implementation", "G97", "Bo", 0),
        (15, "Assigned", "G97", "Bo", 0),
        (15, "Awaiting Assignment", "G97", "Bo", 0),
        (16, "In Call", "G97", "Bo", 0),
        (17, "Closed", "G97", "Bo", 0),
    ],
    "1-2": [
        (0, "Resolved", "G97", "Bo", 0),
        (1, "In Progress", "G96", "Bo", 0),
        (2, "Wait - Vendor", "G96", "Bo", 0),
    ],
    "1-3": [(0, "In Call", "G97", "Bo", 0)],
}


def write_servicenow(file: Path, lives: dict[str, Life], more: Sequence[Row] = ()) -> Path:
    rows = [
        (
            incident,
            state,
            str(place),
            f"{at.day}/{at.month}/{at.year} {at:%H:%M}",
            str(reopened),
            group,
            person,
        )
        for incident, life in lives.items()
        for place, (minute, state, group, person, reopened) in enumerate(life)
        for at in [NOON + timedelta(minutes=minute)]
    ]
    return write(file, servicenow.COLUMNS, [*rows, *more])


def write_volvo(file: Path, lives: dict[str, Life]) -> Path:
    rows = [
        (incident, (NOON + timedelta(minutes=minute)).isoformat(), "", state, group, person)
        for incident, life in lives.items()
        for minute, state, group, person, _ in life
    ]
    return write(file, bpi2013.COLUMNS, rows)


def write(file: Path, columns: Sequence[str], rows: Sequence[Row]) -> Path:
    opened = gzip.open if file.suffix == ".gz" else open
    with opened(file, "wt", encoding="utf-8", newline="") as text:
        csv.writer(text).writerows([columns, *rows])
    return file


def with_valid_names(lives: dict[str, Life]) -> dict[str, Life]:
    """The same incidents, with names that are valid ids: without blanks."""
    return {name.replace(" ", "-"): life for name, life in lives.items()}
