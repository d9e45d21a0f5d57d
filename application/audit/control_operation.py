"""Checks whether each control operated in the whole period, with evidence and exceptions."""

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
    scan: LogScan,
    database: DatabaseState,
    period: Period,
    now: datetime,
    unwitnessed: timedelta = MAX_UNWITNESSED,
    late: timedelta = MAX_TICK_DELAY,
) -> ControlsOperated:
    """Check all controls for the period. Reports, duty rows and a halt are checked as they are now."""
    canonical = load_persons(scan).canonical()
    lateness, reconciled = TimerLateness(period, late), DailyReconciliation(period)
    glasses, edits, ends = BreakGlassUses(period), PolicyEdits(), AuthorityEndScan(period)
    duties = ControlFindings(
        "duty_rows", "the duty rows in the database are those that follow from the log"
    )
    kept_apart = ControlFindings(
        "duties_apart", "nobody has two duties in a case, except for conflicts that the log records"
    )
    approved = ControlFindings(
        "paid_as_approved", "every payment was approved before it was ordered or made"
    )
    cases = 0
    for trail in scan.money_trails(lateness, reconciled, glasses, edits, ends):
        cases += 1
        check_duty_rows(duties, trail, database, canonical, scan.upto)
        _check_separation_of_duties(kept_apart, trail, canonical, period)
        _check_approvals(approved, trail, canonical, period)
    rows = database.duty_rows(scan.upto)
    duties.evidence = {"cases": str(cases), "rows": str(rows)}
    if rows > duties.looked_at:
        duties.wrong(f"{rows - duties.looked_at} duty rows are of cases without a proposal")
    controls = [
        check_log_witnessed(scan, database, period, unwitnessed, now),
        kept_apart.control(),
        duties.control(),
        approved.control(),
        reconciled.control(now),
        _check_policy_edits(edits, period, canonical),
        _check_emergencies(glasses, canonical),
        _check_departures(ends),
        lateness.control(database.overdue(now)),
        check_reports(database, scan.upto),
        _check_builds(scan, period),
    ]
    return ControlsOperated(
        all_operated=all(control.operated != "no" for control in controls), controls=controls
    )


def _check_separation_of_duties(
    found: ControlFindings,
    trail: Sequence[RecordedEvent],
    canonical: dict[str, str],
    period: Period,
) -> None:
    found.looked_at += 1
    for conflict in find_unrecorded_conflicts(trail, canonical):
        last = max(conflict.acts, key=lambda act: act.position)
        if period.holds(last.at):
            duties = ", ".join(f"{act.duty} (version {act.version})" for act in conflict.acts)
            detail = f"{conflict.person} in case {conflict.case}: {duties}"
            found.wrong(detail, last.at, last.position)


def _check_approvals(
    found: ControlFindings,
    trail: Sequence[RecordedEvent],
    canonical: dict[str, str],
    period: Period,
) -> None:
    wanted = ("case.adjustment_execution_started", "case.adjustment_executed")
    found.looked_at += sum(x.type in wanted and period.holds(x.recorded_at) for x in trail)
    for paid in find_unapproved_payments(trail, canonical):
        if period.holds(paid.recorded_at):
            detail = f"adjustment {paid.adjustment} of case {paid.case}: {'; '.join(paid.why)}"
            found.wrong(detail, paid.recorded_at, paid.position)


def _check_policy_edits(edits: PolicyEdits, period: Period, canonical: dict[str, str]) -> Control:
    found = ControlFindings(
        "policies_by_two",
        "every policy in force was approved by a person who is not one of its authors",
    )
    for edit in edits.edits(period, canonical):
        if not edit.decided or edit.by_others is None:
            continue
        found.looked_at += 1
        expired = any(act.what == "policy.emergency_expired" for act in edit.acts)
        if not edit.by_others and not expired:
            last = next(act for act in reversed(edit.acts) if act.what.startswith("policy."))
            authors = ", ".join(edit.authors)
            found.wrong(f"version {edit.version} of {authors}: nobody else approved it", last.at)
    return found.control()


def _check_emergencies(glasses: BreakGlassUses, canonical: dict[str, str]) -> Control:
    found = ControlFindings(
        "emergencies_reviewed",
        "every break-glass was opened by a second person and reviewed by a third",
    )
    for emergency in glasses.emergencies(canonical):
        if emergency.judged is EmergencyReviewStatus.NOT_OPENED:
            continue
        found.looked_at += 1
        if emergency.judged is EmergencyReviewStatus.NOT_REVIEWED:
            detail = f"break-glass {emergency.break_glass} of {emergency.asked_by} is not reviewed"
            found.wrong(detail, emergency.ended_at)
        if not emergency.by_others:
            detail = f"break-glass {emergency.break_glass}: one person had two roles in it"
            found.wrong(detail, emergency.opened_at)
    return found.control()


def _check_departures(ends: AuthorityEndScan) -> Control:
    found = ControlFindings(
        "nobody_after_the_end", "nobody acts after leaving, and nothing acts with an ended key"
    )
    found.looked_at = ends.left + ends.taken_back
    for act in ends.acts:
        detail = f"{act.type} by {act.who}: {act.ended.what} {act.ended.how}"
        found.wrong(detail, act.recorded_at, act.position)
    return found.control()


def _check_builds(scan: LogScan, period: Period) -> Control:
    found = ControlFindings("builds_known", "the builds that may have written each event are known")
    seen = [x for x in list_seen_builds(scan) if period.until is None or x.since < period.until]
    found.looked_at = len(seen)
    found.evidence = {"builds": str(len(seen))}
    before = seen[0].position - 1 if seen else scan.upto
    if before and period.holds((last := scan.log.read(before - 1, 1)[0]).recorded_at):
        detail = f"positions 1 to {before} are older than the first recorded build"
        found.wrong(detail, last.recorded_at, before)
    return found.control()
