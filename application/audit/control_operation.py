"""Whether the controls operated all of the period: a row for each, with its evidence and exceptions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from application.audit.acts_after_leaving import AuthorityEndScan
from application.audit.builds import list_seen_builds
from application.audit.conflicts import find_unrecorded_conflicts
from application.audit.control import Control, ControlFindings
from application.audit.database_state import (
    DatabaseState,
    check_duty_rows,
    check_log_witnessed,
    check_reports,
)
from application.audit.log_scan import LogScan
from application.audit.overrides import BreakGlassUses, EmergencyReviewStatus
from application.audit.payments import find_unapproved_payments
from application.audit.persons import load_persons
from application.audit.policy_edits import PolicyEdits
from application.audit.timeliness import DailyReconciliation, TimerLateness
from application.policy.reperformance import Period
from domain.recorded_event import RecordedEvent

MAX_UNWITNESSED: Final = timedelta(minutes=1)
MAX_TICK_DELAY: Final = timedelta(minutes=1)


class ControlsOperated(Struct, frozen=True, kw_only=True):
    all_operated: bool
    controls: Sequence[Control]


def check_controls(
    reading: LogScan,
    standing: DatabaseState,
    period: Period,
    now: datetime,
    unwitnessed: timedelta = MAX_UNWITNESSED,
    late: timedelta = MAX_TICK_DELAY,
) -> ControlsOperated:
    """Of the period, but for what only stands as it stands now: reports, rows of duties, a halt."""
    human = load_persons(reading).human()
    lateness, reconciled = TimerLateness(period, late), DailyReconciliation(period)
    glasses, edits, ends = BreakGlassUses(period), PolicyEdits(), AuthorityEndScan(period)
    duties, kept_apart, approved = _new_findings()
    lines = 0
    for trail in reading.money_trails(lateness, reconciled, glasses, edits, ends):
        lines += 1
        check_duty_rows(duties, trail, standing, human, reading.upto)
        _check_separation_of_duties(kept_apart, trail, human, period)
        _check_approvals(approved, trail, human, period)
    rows = standing.duty_rows(reading.upto)
    duties.evidence = {"cases": str(lines), "rows": str(rows)}
    if rows > duties.looked_at:
        duties.wrong(f"{rows - duties.looked_at} rows are of cases in which nothing was proposed")
    controls = [
        check_log_witnessed(reading, standing, period, unwitnessed, now),
        kept_apart.control(),
        duties.control(),
        approved.control(),
        reconciled.control(now),
        _check_policy_edits(edits, period, human),
        _check_emergencies(glasses, human),
        _check_departures(ends),
        lateness.control(standing.overdue(now)),
        check_reports(standing, reading.upto),
        _check_builds(reading, period),
    ]
    return ControlsOperated(
        all_operated=all(one.operated != "no" for one in controls), controls=controls
    )


def _new_findings() -> tuple[ControlFindings, ControlFindings, ControlFindings]:
    return (
        ControlFindings(
            "duty_rows", "the database's rows of duties are those that follow from the log"
        ),
        ControlFindings(
            "duties_apart", "nobody has two duties in a case, but what the log itself tells"
        ),
        ControlFindings(
            "paid_as_approved", "nothing was ordered or paid that was not approved first"
        ),
    )


def _check_separation_of_duties(
    found: ControlFindings, trail: Sequence[RecordedEvent], human: dict[str, str], period: Period
) -> None:
    found.looked_at += 1
    for one in find_unrecorded_conflicts(trail, human):
        last = max(one.acts, key=lambda act: act.position)
        if period.holds(last.at):
            did = ", ".join(f"{act.duty} (version {act.version})" for act in one.acts)
            found.wrong(f"{one.person} in case {one.case}: {did}", last.at, last.position)


def _check_approvals(
    found: ControlFindings, trail: Sequence[RecordedEvent], human: dict[str, str], period: Period
) -> None:
    wanted = ("case.adjustment_execution_started", "case.adjustment_executed")
    found.looked_at += sum(x.type in wanted and period.holds(x.recorded_at) for x in trail)
    for one in find_unapproved_payments(trail, human):
        if period.holds(one.recorded_at):
            told = f"adjustment {one.adjustment} of case {one.case}: {'; '.join(one.why)}"
            found.wrong(told, one.recorded_at, one.position)


def _check_policy_edits(edits: PolicyEdits, period: Period, human: dict[str, str]) -> Control:
    found = ControlFindings(
        "policies_by_two", "whatever decides was approved by another human than those who wrote it"
    )
    for edit in edits.told(period, human):
        if not edit.decided or edit.by_others is None:
            continue
        found.looked_at += 1
        expired = any(act.what == "policy.emergency_expired" for act in edit.acts)
        if not edit.by_others and not expired:
            last = next(act for act in reversed(edit.acts) if act.what.startswith("policy."))
            told = f"version {edit.version} of {', '.join(edit.authors)}: nobody else approved it"
            found.wrong(told, last.at)
    return found.control()


def _check_emergencies(glasses: BreakGlassUses, human: dict[str, str]) -> Control:
    found = ControlFindings(
        "emergencies_reviewed", "each break-glass was opened by another, and reviewed by a third"
    )
    for one in glasses.told(human):
        if one.judged is EmergencyReviewStatus.NOT_OPENED:
            continue
        found.looked_at += 1
        if one.judged is EmergencyReviewStatus.NOT_REVIEWED:
            found.wrong(f"{one.break_glass} of {one.asked_by} is not reviewed", one.ended_at)
        if not one.by_others:
            found.wrong(f"{one.break_glass}: one human had two parts in it", one.opened_at)
    return found.control()


def _check_departures(ends: AuthorityEndScan) -> Control:
    found = ControlFindings(
        "nobody_after_the_end", "nothing is done for whoever left, or by a key that ended"
    )
    found.looked_at = ends.left + ends.taken_back
    for one in ends.acts:
        told = f"{one.type} by {one.who}: {one.ended.what} {one.ended.how}"
        found.wrong(told, one.recorded_at, one.position)
    return found.control()


def _check_builds(reading: LogScan, period: Period) -> Control:
    found = ControlFindings(
        "builds_known", "of every event it is known by which builds it may be written"
    )
    seen = [x for x in list_seen_builds(reading) if period.until is None or x.since < period.until]
    found.looked_at = len(seen)
    found.evidence = {"builds": str(len(seen))}
    before = seen[0].position - 1 if seen else reading.upto
    if before and period.holds((last := reading.log.read(before - 1, 1)[0]).recorded_at):
        told = f"positions 1 to {before} are older than any build that is known"
        found.wrong(told, last.recorded_at, before)
    return found.control()
