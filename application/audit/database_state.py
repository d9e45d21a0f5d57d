"""Compares the database's checkpoints, duty rows and reports with the log."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from msgspec import Struct

from application.audit.control import Control, ControlFindings
from application.audit.log_scan import LogScan
from application.cases.history import case_of
from application.policy.reperformance import Period
from domain.cases.event_descriptions import format_duration
from domain.recorded_event import RecordedEvent

MAX_REPORT_LAG: Final = 10_000


class CheckpointRecord(Struct, frozen=True):
    size: int
    made_at: datetime


class ReportState(Struct, frozen=True):
    name: str
    position: int
    held_streams: int
    """Streams whose events it could not fold."""


class DatabaseState(Protocol):
    def checkpoints(self) -> Iterable[CheckpointRecord]:
        """The checkpoints, by size."""

    def quorum(self) -> str | None:
        """The quorum of witnesses that policy names, in words; None if it requires no witness."""

    def cosigned(self) -> Iterable[CheckpointRecord]:
        """The checkpoints that the quorum has cosigned, by size, and when it was reached."""

    def is_halted(self) -> bool:
        """Whether the database refuses every append."""

    def duties(self, case: UUID, upto: int) -> Mapping[str, str]:
        """The duty rows of a case up to a position: each person's duty."""

    def duty_rows(self, upto: int) -> int:
        """How many duty rows there are in all."""

    def reports(self) -> Sequence[ReportState]: ...

    def overdue(self, now: datetime) -> tuple[int, datetime | None]:
        """How many streams have been due for too long, and since when the first of them."""


def check_log_witnessed(
    scan: LogScan, database: DatabaseState, period: Period, most: timedelta, now: datetime
) -> Control:
    found = ControlFindings(
        "log_witnessed",
        f"every event was signed within {format_duration(most)}, and the log is not halted",
    )
    _check_covered(found, database.checkpoints(), "signed", scan, period, most, now)
    if database.is_halted():
        found.wrong("the log is halted: it differs from the log that was signed", now)
    return found.control()


def check_quorum_cosigned(
    scan: LogScan, database: DatabaseState, period: Period, most: timedelta, now: datetime
) -> Control:
    """Check that the quorum of witnesses has cosigned every event in time; without one there is nothing to do."""
    found = ControlFindings(
        "quorum_cosigned",
        f"every event was cosigned by the quorum of witnesses that policy names within {format_duration(most)}",
    )
    if (quorum := database.quorum()) is not None:
        found.evidence["quorum"] = quorum
        _check_covered(found, database.cosigned(), "cosigned", scan, period, most, now)
    return found.control()


def _check_covered(
    found: ControlFindings,
    checkpoints: Iterable[CheckpointRecord],
    done: str,
    scan: LogScan,
    period: Period,
    most: timedelta,
    now: datetime,
) -> None:
    """Find events that waited for longer than `most` to be in a checkpoint that was signed or cosigned (`done`)."""
    many, longest, before = 0, timedelta(), CheckpointRecord(0, datetime.min.replace(tzinfo=UTC))
    for checkpoint in checkpoints:
        if before.size >= scan.upto:
            break
        if checkpoint.made_at - before.made_at > most:  # else nothing can have waited too long
            waited = _waiting_time(found, scan, period, before.size, checkpoint, most, done)
            longest = max(longest, waited)
        before = checkpoint
        many += period.holds(checkpoint.made_at)
    first = scan.log.read(before.size, 1)
    if before.size < scan.upto and now - first[0].recorded_at > most:
        found.looked_at += 1
        if period.holds(first[0].recorded_at):
            detail = f"position {before.size + 1} is not {done} yet"
            if scan.upto - before.size > 1:
                detail = f"position {before.size + 1} and all after it are not {done} yet"
            found.wrong(detail, first[0].recorded_at, before.size + 1)
    found.looked_at += many
    found.evidence["checkpoints"] = str(many)
    found.evidence["longest_wait_seconds"] = f"{longest.total_seconds():g}"


def _waiting_time(
    found: ControlFindings,
    scan: LogScan,
    period: Period,
    size: int,
    checkpoint: CheckpointRecord,
    most: timedelta,
    done: str,
) -> timedelta:
    """How long the first event after this size waited for the next checkpoint."""
    first = scan.log.read(size, 1)
    if not first or first[0].position > scan.upto or not period.holds(first[0].recorded_at):
        return timedelta()
    waited = checkpoint.made_at - first[0].recorded_at
    if waited > most:
        detail = f"position {size + 1} was {done} after {format_duration(waited)}"
        if (rest := min(checkpoint.size, scan.upto) - size) > 1:
            detail = f"positions {size + 1} to {size + rest} were {done} after up to {format_duration(waited)}"
        found.wrong(detail, first[0].recorded_at, size + 1)
    return waited


def check_duty_rows(
    found: ControlFindings,
    trail: Sequence[RecordedEvent],
    database: DatabaseState,
    canonical: dict[str, str],
    upto: int,
) -> None:
    """Check the duty rows of a case against its trail. Other names of a person in the trail may have rows
    with the same duty."""
    case = case_of(trail)
    if not case.adjustments:
        return
    rows = database.duties(case.id, upto)
    wanted = {name: held.duty.value for name, held in case.duties.items()}
    by_person: dict[str, set[str]] = {}
    for name, duty in wanted.items():
        by_person.setdefault(canonical.get(name, name), set()).add(duty)
    for name, duty in sorted(wanted.items()):
        held = case.duties[name]
        if name not in rows:
            detail = f"case {case.id}: no row for the duty of {name} to {duty} ({held.act})"
            found.wrong(detail, held.at, trail[held.version - 1].position)
        elif rows[name] != duty:
            detail = f"case {case.id}: {name} has the duty to {duty}, but the row says {rows[name]}"
            found.wrong(detail, held.at, trail[held.version - 1].position)
    for name, duty in sorted(rows.items()):
        if name not in wanted and duty not in by_person.get(canonical.get(name, name), ()):
            found.wrong(f"case {case.id}: a row gives {name} the duty to {duty}, but no act does")
    found.looked_at += len(rows)


def check_reports(database: DatabaseState, upto: int) -> Control:
    found = ControlFindings(
        "reports_kept", "every report includes every stream, and is close to the head of the log"
    )
    for report in database.reports():
        found.looked_at += 1
        behind = max(upto - report.position, 0)
        if report.held_streams:
            found.wrong(f"report {report.name} holds back {report.held_streams} streams")
        if behind > MAX_REPORT_LAG:
            found.wrong(f"report {report.name} is {behind} events behind", position=report.position)
    return found.control()
