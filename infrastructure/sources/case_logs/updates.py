"""What an update of an incident says, whatever the system, and how a log is read row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from msgspec import Struct

from domain.errors import CasetrailError
from domain.orders.signals import check_moment
from infrastructure.csv_rows import (
    MOST_REFUSALS_KEPT,
    RejectedRow,
    Row,
    RowRefused,
    UnreadableTable,
    read_rows,
)

MAX_NAME_LENGTH: Final = 120
UNKNOWN_VALUES: Final = frozenset(["", "?"])
"""How the logs write a value that is not known."""


class LogUnreadable(CasetrailError):
    """The case log cannot be read."""

    explanation = "Name a CSV file (or .csv.gz) whose header has every column of this kind of log."


class Condition(StrEnum):
    """What is the matter with an incident after an update."""

    NEW = "new"
    """In its queue: nobody has begun."""
    ACTIVE = "active"
    AWAITING = "awaiting"
    """Work stands still until some party has done its part."""
    RESOLVED = "resolved"
    CLOSED = "closed"
    UNKNOWN = "unknown"
    """A state that the log's makers never told of."""


class WaitingParty(StrEnum):
    """For whom, or for what, an incident waits."""

    USER = "user"
    CUSTOMER = "customer"
    VENDOR = "vendor"
    PROBLEM = "problem"
    EVIDENCE = "evidence"
    IMPLEMENTATION = "implementation"
    OTHER = "other"
    """The log says only that it waits."""


Meaning = tuple[Condition, WaitingParty | None]


class Update(Struct, frozen=True, kw_only=True, gc=False):
    """One row of the log: the incident as it was after somebody touched it."""

    incident: str
    number: int
    """The log's own number of the update, else its place among the incident's updates, from 1."""
    line: int
    at: datetime
    state: str
    """The log's own word, of which `condition` and `party` are the meaning."""
    condition: Condition
    party: WaitingParty | None
    group: str | None
    person: str | None
    reopenings: int | None
    """How often the incident had been reopened by then."""


class ImpossibleStep(Struct, frozen=True):
    """A step that the log tells and no case can take."""

    incident: str
    update: int
    why: str


class CaseLog(Struct, frozen=True):
    """A whole log: the updates of each incident in their order, and what was left out."""

    incidents: Mapping[str, tuple[Update, ...]]
    updates: int
    refused: int
    refusals: tuple[RejectedRow, ...]
    """The first rows that were left out; `refused` counts them all."""


Progress = Callable[[int], None]


def read_updates(
    file: Path,
    columns: Sequence[str],
    take: Callable[[Row], Update],
    progress: Progress = lambda line: None,
) -> tuple[dict[str, list[Update]], int, tuple[RejectedRow, ...]]:
    """The updates of each incident in the file's order, the number of rows left out, the first.

    `progress` hears the line so far. Raises LogUnreadable for a file that is no such table.
    """
    incidents: dict[str, list[Update]] = {}
    refused, refusals = 0, []
    try:
        for row in read_rows(file, columns):
            try:
                if row.fault:
                    raise RowRefused("", row.fault)
                update = take(row)
                incidents.setdefault(update.incident, []).append(update)
            except RowRefused as error:
                refused += 1
                if refused <= MOST_REFUSALS_KEPT:
                    refusals.append(RejectedRow(file.name, row.line, error.column, error.detail))
            if row.line % 5_000 == 0:
                progress(row.line)
    except UnreadableTable as error:
        raise LogUnreadable(str(error)) from None
    return incidents, refused, tuple(refusals)


def optional_name(fields: Mapping[str, str], column: str) -> str | None:
    """A name on one line, as it stands; None where it is not known."""
    text = fields[column].strip()
    if len(text) > MAX_NAME_LENGTH:
        raise RowRefused(column, f"longer than {MAX_NAME_LENGTH} characters")
    if any(letter < " " or letter == "\x7f" for letter in text):
        raise RowRefused(column, f"has control characters: {text!r}")
    return None if text in UNKNOWN_VALUES else text


def required_name(fields: Mapping[str, str], column: str) -> str:
    """A name without which the row says nothing."""
    if (text := optional_name(fields, column)) is None:
        raise RowRefused(column, "missing")
    return text


def optional_number(fields: Mapping[str, str], column: str) -> int | None:
    """A count; None where it is not known."""
    text = fields[column].strip()
    if text in UNKNOWN_VALUES:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise RowRefused(column, f"not a number: {text!r}")
    return int(text)


def required_time(
    fields: Mapping[str, str], column: str, parse: Callable[[str], datetime]
) -> datetime:
    """A time in UTC. `parse` raises ValueError for what is none, and for one without a zone."""
    text = required_name(fields, column)
    try:
        at = parse(text).astimezone(UTC)
        check_moment(at)
    except (ValueError, OverflowError) as error:
        raise RowRefused(column, f"not a time: {text!r} ({error})") from None
    return at


def words_by_meaning(states: Mapping[str, Meaning]) -> dict[Meaning, str]:
    """The log's word for each meaning: the first where it has several."""
    return {meaning: word for word, meaning in reversed(list(states.items()))}
