"""Reads Volvo IT's incidents (BPI Challenge 2013): a row for every change of an incident's status.

Changes are ordered by time, and at equal times by the file. No column counts reopenings: an incident is
reopened when its status is no longer closed or no longer completed.
"""

from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from sys import intern
from typing import Final

from msgspec import structs

from infrastructure.csv_rows import Row
from infrastructure.sources.case_logs.updates import (
    CaseLog,
    Condition,
    Meaning,
    Progress,
    Update,
    WaitingParty,
    optional_name,
    read_updates,
    required_name,
    required_time,
    words_by_meaning,
)

COLUMNS: Final = (
    *("SR Number", "Change Date+Time", "Status", "Sub Status"),
    *("Involved ST", "Resource"),
)
STATES: Final[dict[str, Meaning]] = {
    "Awaiting Assignment": (Condition.NEW, None),
    "In Progress": (Condition.ACTIVE, None),
    "Assigned": (Condition.ACTIVE, None),
    "Wait": (Condition.AWAITING, WaitingParty.OTHER),
    "Wait - User": (Condition.AWAITING, WaitingParty.USER),
    "Wait - Customer": (Condition.AWAITING, WaitingParty.CUSTOMER),
    "Wait - Vendor": (Condition.AWAITING, WaitingParty.VENDOR),
    "Wait - Implementation": (Condition.AWAITING, WaitingParty.IMPLEMENTATION),
    "Resolved": (Condition.RESOLVED, None),
    # Solved while the user was on the telephone, and rarely closed afterwards.
    "In Call": (Condition.RESOLVED, None),
    "Closed": (Condition.CLOSED, None),
    "Cancelled": (Condition.CLOSED, None),
}
"""By sub-status, which is finer than the status and never contradicts it."""
NAMES: Final = words_by_meaning(STATES)
"""The log's own word for a condition and its party: the first if it has several."""
_COMPLETION_RANK: Final = {Condition.RESOLVED: 1, Condition.CLOSED: 2}


def read_log(file: Path, progress: Progress = lambda line: None) -> CaseLog:
    """Read the whole log. Raises LogUnreadable for a file without these columns."""
    return read_updates(file, COLUMNS, _parse_update, _number_updates, progress)


def _parse_update(row: Row) -> Update:
    fields = row.fields
    state = intern(required_name(fields, "Sub Status"))
    condition, party = STATES.get(state, (Condition.UNKNOWN, None))
    group, person = optional_name(fields, "Involved ST"), optional_name(fields, "Resource")
    return Update(
        incident=intern(required_name(fields, "SR Number")),
        number=0,  # set to its place once all updates are read
        line=row.line,
        at=required_time(fields, "Change Date+Time", _parse_time),
        state=state,
        condition=condition,
        party=party,
        group=group and intern(group),
        # In a queue, the person is the one who put it there; nobody holds the case.
        person=intern(person) if person and condition is not Condition.NEW else None,
        reopenings=None,
    )


def _number_updates(updates: list[Update]) -> tuple[Update, ...]:
    """The updates by time, with their numbers and the reopenings so far. An unknown state changes
    neither."""
    numbered, done, reopenings = [], 0, 0
    # Sorting keeps the file's order among equals.
    for place, update in enumerate(sorted(updates, key=attrgetter("at")), start=1):
        if update.condition is not Condition.UNKNOWN:
            before, done = done, _COMPLETION_RANK.get(update.condition, 0)
            reopenings += done < before
        numbered.append(structs.replace(update, number=place, reopenings=reopenings))
    return tuple(numbered)


@lru_cache(maxsize=65_536)
def _parse_time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("it has no offset from UTC")
    return at
