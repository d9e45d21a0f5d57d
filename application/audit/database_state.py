"""What stands in the database beside the log, held against the log: checkpoints, rows of duties,
reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from msgspec import Struct

from application.audit.control import Control, Findings
from application.audit.log_scan import Reading
from application.cases.history import case_of
from application.policy.reperformance import Period
from domain.recorded import Recorded

FAR_BEHIND: Final = 10_000


class Checkpointed(Struct, frozen=True):
    size: int
    made_at: datetime


class ReportStanding(Struct, frozen=True):
    name: str
    position: int
    held_streams: int
    """Streams whose events it could not fold."""


class Standing(Protocol):
    def checkpoints(self) -> Iterable[Checkpointed]:
        """By size."""

    def is_halted(self) -> bool:
        """Whether the database refuses every append."""

    def duties(self, case: UUID, upto: int) -> Mapping[str, str]:
        """The rows of a case up to a position: each person's duty."""

    def duty_rows(self, upto: int) -> int:
        """How many there are in all."""

    def reports(self) -> Sequence[ReportStanding]: ...

    def overdue(self, now: datetime) -> tuple[int, datetime | None]:
        """How many streams are due for too long, and since when the first of them."""


def log_witnessed(
    reading: Reading, standing: Standing, period: Period, most: timedelta, now: datetime
) -> Control:
    found = Findings(
        "log_witnessed",
        f"while the log grew, it was signed within {most.total_seconds():g} seconds, and is not halted",
    )
    many, longest, before = 0, timedelta(), Checkpointed(0, datetime.min.replace(tzinfo=UTC))
    for one in standing.checkpoints():
        if before.size >= reading.upto:
            break
        if one.made_at - before.made_at > most:
            # Shorter than that, nothing can have waited for longer.
            waited = _waited(found, reading, period, before.size, one.made_at, most)
            longest = max(longest, waited)
        before = one
        many += period.holds(one.made_at)
    first = reading.log.read(before.size, 1)
    if before.size < reading.upto and now - first[0].recorded_at > most:
        found.looked_at += 1
        if period.holds(first[0].recorded_at):
            told = f"position {before.size + 1} is not witnessed yet"
            found.wrong(told, first[0].recorded_at, before.size + 1)
    if standing.is_halted():
        found.wrong("the log is halted: it was found not to be the one that was witnessed", now)
    found.looked_at += many
    found.evidence = {"checkpoints": str(many), "longest_wait_seconds": _seconds(longest)}
    return found.control()


def _waited(
    found: Findings, reading: Reading, period: Period, size: int, until: datetime, most: timedelta
) -> timedelta:
    """How long the first event after that size was not witnessed."""
    first = reading.log.read(size, 1)
    if not first or first[0].position > reading.upto or not period.holds(first[0].recorded_at):
        return timedelta()
    waited = until - first[0].recorded_at
    if waited > most:
        told = f"position {size + 1} was witnessed after {_seconds(waited)} seconds"
        found.wrong(told, first[0].recorded_at, size + 1)
    return waited


def duties_kept(
    found: Findings,
    trail: Sequence[Recorded],
    standing: Standing,
    human: dict[str, str],
    upto: int,
) -> None:
    """The rows of a case are those that follow from its trail: its own names', and with the same duty
    those of other names of the same humans."""
    case = case_of(trail)
    if not case.adjustments:
        return
    rows = standing.duties(case.id, upto)
    wanted = {name: held.duty.value for name, held in case.duties.items()}
    by_human: dict[str, set[str]] = {}
    for name, duty in wanted.items():
        by_human.setdefault(human.get(name, name), set()).add(duty)
    for name, duty in sorted(wanted.items()):
        held = case.duties[name]
        if name not in rows:
            told = f"case {case.id}: no row says that {name} has the duty to {duty} ({held.act})"
            found.wrong(told, held.at, trail[held.version - 1].position)
        elif rows[name] != duty:
            told = f"case {case.id}: {name} has the duty to {duty}; the row says {rows[name]}"
            found.wrong(told, held.at, trail[held.version - 1].position)
    for name, duty in sorted(rows.items()):
        if name not in wanted and duty not in by_human.get(human.get(name, name), ()):
            found.wrong(f"case {case.id}: a row gives {name} the duty to {duty}; no act does")
    found.looked_at += len(rows)


def reports_kept(standing: Standing, upto: int) -> Control:
    found = Findings(
        "reports_kept", "every report folds every stream, and is near the head of the log"
    )
    for one in standing.reports():
        found.looked_at += 1
        behind = max(upto - one.position, 0)
        if one.held_streams:
            found.wrong(f"report {one.name} holds back {one.held_streams} streams")
        if behind > FAR_BEHIND:
            found.wrong(f"report {one.name} is {behind} events behind", position=one.position)
    return found.control()


def _seconds(waited: timedelta) -> str:
    return f"{waited.total_seconds():g}"
