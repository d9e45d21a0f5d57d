"""Updates of incidents in common terms, and the row-by-row reader that all case logs share."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from msgspec import Struct

from domain.errors import CasetrailError
from domain.orders.signal_times import check_moment
from infrastructure import csv_rows

MAX_NAME_LENGTH: Final = 120
UNKNOWN_VALUES: Final = frozenset(["", "?"])
"""The logs' values for "not known"."""


class LogUnreadable(CasetrailError):
    """The case log cannot be read."""

    explanation = "Name a CSV file, plain or packed by gzip, whose header has every column of this kind of log."


class Condition(StrEnum):
    """The condition of an incident after an update."""

    NEW = "new"
    """In its queue: nobody has started work."""
    ACTIVE = "active"
    AWAITING = "awaiting"
    """Work waits for a party."""
    RESOLVED = "resolved"
    CLOSED = "closed"
    UNKNOWN = "unknown"
    """A state that the log's documentation does not list."""


class WaitingParty(StrEnum):
    """Whom or what an incident waits for."""

    USER = "user"
    CUSTOMER = "customer"
    VENDOR = "vendor"
    PROBLEM = "problem"
    EVIDENCE = "evidence"
    IMPLEMENTATION = "implementation"
    OTHER = "other"
    """The log does not say what it waits for."""


Meaning = tuple[Condition, WaitingParty | None]


class Update(Struct, frozen=True, kw_only=True, gc=False):
    """One row of the log: the state of an incident after an update."""

    incident: str
    number: int
    """The log's number of the update, else its place among the incident's updates, from 1."""
    line: int
    at: datetime
    state: str
    """The log's own word; `condition` and `party` are its meaning."""
    condition: Condition
    party: WaitingParty | None
    group: str | None
    person: str | None
    reopenings: int | None
    """How often the incident had been reopened by this update."""


class ImpossibleStep(Struct, frozen=True):
    """A step in the log that a case cannot take."""

    incident: str
    update: int
    why: str


class CaseLog(Struct, frozen=True):
    """A whole log: the updates of each incident in order, and the rejected rows."""

    incidents: Mapping[str, tuple[Update, ...]]
    updates: int
    refused: int
    refusals: tuple[csv_rows.RejectedRow, ...]
    """The first rejected rows; `refused` counts all."""


Progress = Callable[[int], None]


def read_updates(
    file: Path,
    columns: Sequence[str],
    parse: Callable[[csv_rows.Row], Update],
    order: Callable[[list[Update]], tuple[Update, ...]],
    progress: Progress,
) -> CaseLog:
    """Read the whole log. `order` gets an incident's updates in the file's order, `progress` the line
    number. Raises LogUnreadable for a file without these columns."""
    incidents: dict[str, list[Update]] = {}
    refused, refusals = 0, []
    try:
        for row in csv_rows.read_rows(file, columns):
            try:
                if row.fault:
                    raise csv_rows.RowRefused("", row.fault)
                update = parse(row)
                incidents.setdefault(update.incident, []).append(update)
            except csv_rows.RowRefused as error:
                refused += 1
                if refused <= csv_rows.MOST_REFUSALS_KEPT:
                    refusals.append(
                        csv_rows.RejectedRow(file.name, row.line, error.column, error.detail)
                    )
            if row.line % 5_000 == 0:
                progress(row.line)
    except csv_rows.UnreadableTable as error:
        raise LogUnreadable(str(error)) from None
    ordered = {incident: order(found) for incident, found in incidents.items()}
    return CaseLog(ordered, sum(map(len, ordered.values())), refused, tuple(refusals))


def optional_name(fields: Mapping[str, str], column: str) -> str | None:
    """A name on one line, unchanged; None if it is not known. Raises RowRefused."""
    text = fields[column].strip()
    if len(text) > MAX_NAME_LENGTH:
        raise csv_rows.RowRefused(column, f"longer than {MAX_NAME_LENGTH} characters")
    if any(letter < " " or letter == "\x7f" for letter in text):
        raise csv_rows.RowRefused(column, f"has control characters: {text!r}")
    return None if text in UNKNOWN_VALUES else text


def required_name(fields: Mapping[str, str], column: str) -> str:
    """A name that the row must have. Raises RowRefused."""
    if (text := optional_name(fields, column)) is None:
        raise csv_rows.RowRefused(column, "missing")
    return text


def optional_number(fields: Mapping[str, str], column: str) -> int | None:
    """A count; None if it is not known. Raises RowRefused."""
    text = fields[column].strip()
    if text in UNKNOWN_VALUES:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise csv_rows.RowRefused(column, f"not a number: {text!r}")
    return int(text)


def required_time(
    fields: Mapping[str, str], column: str, parse: Callable[[str], datetime]
) -> datetime:
    """A time in UTC. `parse` raises ValueError for an invalid time or one without a zone. Raises
    RowRefused."""
    text = required_name(fields, column)
    try:
        at = parse(text).astimezone(UTC)
        check_moment(at)
    except (ValueError, OverflowError) as error:
        raise csv_rows.RowRefused(column, f"not a time: {text!r} ({error})") from None
    return at


def words_by_meaning(states: Mapping[str, Meaning]) -> dict[Meaning, str]:
    """The log's word for each meaning: the first if it has several."""
    return {meaning: word for word, meaning in reversed(list(states.items()))}
