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
from infrastructure.sources.case_logs import updates as log

COLUMNS: Final = (
    *("SR Number", "Change Date+Time", "Status", "Sub Status"),
    *("Involved ST", "Resource"),
)
STATES: Final[dict[str, log.Meaning]] = {
    "Awaiting Assignment": (log.Condition.NEW, None),
    "In Progress": (log.Condition.ACTIVE, None),
    "Assigned": (log.Condition.ACTIVE, None),
    "Wait": (log.Condition.AWAITING, log.WaitingParty.OTHER),
    "Wait - User": (log.Condition.AWAITING, log.WaitingParty.USER),
    "Wait - Customer": (log.Condition.AWAITING, log.WaitingParty.CUSTOMER),
    "Wait - Vendor": (log.Condition.AWAITING, log.WaitingParty.VENDOR),
    "Wait - Implementation": (log.Condition.AWAITING, log.WaitingParty.IMPLEMENTATION),
    "Resolved": (log.Condition.RESOLVED, None),
    # Solved while the user was on the telephone, and rarely closed afterwards.
    "In Call": (log.Condition.RESOLVED, None),
    "Closed": (log.Condition.CLOSED, None),
    "Cancelled": (log.Condition.CLOSED, None),
}
"""By sub-status, which is finer than the status and never contradicts it."""
NAMES: Final = log.words_by_meaning(STATES)
"""The log's own word for a condition and its party: the first if it has several."""
_COMPLETION_RANK: Final = {log.Condition.RESOLVED: 1, log.Condition.CLOSED: 2}


def read_log(file: Path, progress: log.Progress = lambda line: None) -> log.CaseLog:
    """Read the whole log. Raises LogUnreadable for a file without these columns."""
    return log.read_updates(file, COLUMNS, _parse_update, _number_updates, progress)


def _parse_update(row: Row) -> log.Update:
    fields = row.fields
    state = intern(log.required_name(fields, "Sub Status"))
    condition, party = STATES.get(state, (log.Condition.UNKNOWN, None))
    group, person = log.optional_name(fields, "Involved ST"), log.optional_name(fields, "Resource")
    return log.Update(
        incident=intern(log.required_name(fields, "SR Number")),
        number=0,  # set to its place once all updates are read
        line=row.line,
        at=log.required_time(fields, "Change Date+Time", _parse_time),
        state=state,
        condition=condition,
        party=party,
        group=group and intern(group),
        # In a queue, the person is the one who put it there; nobody holds the case.
        person=intern(person) if person and condition is not log.Condition.NEW else None,
        reopenings=None,
    )


def _number_updates(updates: list[log.Update]) -> tuple[log.Update, ...]:
    """The updates by time, with their numbers and the reopenings so far. An unknown state changes
    neither."""
    numbered, done, reopenings = [], 0, 0
    # Sorting keeps the file's order among equals.
    for place, update in enumerate(sorted(updates, key=attrgetter("at")), start=1):
        if update.condition is not log.Condition.UNKNOWN:
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
