"""Reads ServiceNow's incident event log: a row for every update of an incident, with all its fields.

Times have no zone and are read as UTC, day first. `sys_mod_count` orders the updates of an incident; at
equal counts the file does, because some first rows have a wrong count.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from sys import intern
from typing import Final

from infrastructure.csv_rows import Row, RowRefused
from infrastructure.sources.case_logs import updates as log

COLUMNS: Final = (
    *("number", "incident_state", "sys_mod_count", "sys_updated_at"),
    *("reopen_count", "assignment_group", "assigned_to"),
)
STATES: Final[dict[str, log.Meaning]] = {
    "New": (log.Condition.NEW, None),
    "Active": (log.Condition.ACTIVE, None),
    "Awaiting User Info": (log.Condition.AWAITING, log.WaitingParty.USER),
    "Awaiting Vendor": (log.Condition.AWAITING, log.WaitingParty.VENDOR),
    "Awaiting Problem": (log.Condition.AWAITING, log.WaitingParty.PROBLEM),
    "Awaiting Evidence": (log.Condition.AWAITING, log.WaitingParty.EVIDENCE),
    "Resolved": (log.Condition.RESOLVED, None),
    "Closed": (log.Condition.CLOSED, None),
}
NAMES: Final = log.words_by_meaning(STATES)
"""The log's own word for a condition and its party."""
_TIME = re.compile(r"(\d\d?)/(\d\d?)/(\d{4}) (\d\d?):(\d\d)(?::(\d\d))?", re.ASCII)


def read_log(file: Path, progress: log.Progress = lambda line: None) -> log.CaseLog:
    """Read the whole log. Raises LogUnreadable for a file without these columns."""
    return log.read_updates(file, COLUMNS, _parse_update, _sort_updates, progress)


def _parse_update(row: Row) -> log.Update:
    fields = row.fields
    count = log.optional_number(fields, "sys_mod_count")
    if count is None:
        raise RowRefused("sys_mod_count", "missing")
    state = _parse_state(fields)
    condition, party = STATES.get(state, (log.Condition.UNKNOWN, None))
    group, person = (
        log.optional_name(fields, "assignment_group"),
        log.optional_name(fields, "assigned_to"),
    )
    return log.Update(
        incident=intern(log.required_name(fields, "number")),
        number=count,
        line=row.line,
        at=log.required_time(fields, "sys_updated_at", _parse_time),
        state=state,
        condition=condition,
        party=party,
        group=group and intern(group),
        person=person and intern(person),
        reopenings=log.optional_number(fields, "reopen_count"),
    )


def _parse_state(fields: Mapping[str, str]) -> str:
    """The state's word, known or not. Here a question mark is a state of its own."""
    if not fields["incident_state"].strip():
        raise RowRefused("incident_state", "missing")
    return intern(log.optional_name(fields, "incident_state") or "?")


@lru_cache(maxsize=65_536)
def _parse_time(text: str) -> datetime:
    found = _TIME.fullmatch(text)
    if not found:
        raise ValueError("it must be day/month/year hour:minute")
    day, month, year, hour, minute, second = (int(part or 0) for part in found.groups())
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def _sort_updates(updates: list[log.Update]) -> tuple[log.Update, ...]:
    # Sorting keeps the file's order among equals.
    return tuple(sorted(updates, key=attrgetter("number")))
