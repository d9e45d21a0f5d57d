"""Checks whether each control operated in the whole period, with evidence and exceptions."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from application.audit.access_review_control import check_access_reviews
from application.audit.acts_after_leaving import AuthorityEndScan
from application.audit.builds import list_seen_builds
from application.audit.conflicts import find_unrecorded_conflicts
from application.audit.control import Control, ControlFindings, ControlOutcome
from application.audit.database_state import (
    DatabaseState,
    check_duty_rows,
    check_log_witnessed,
    check_quorum_cosigned,
    check_reports,
)
from application.audit.grants_by_two import check_grants_by_two
from application.audit.log_scan import LogScan
from application.audit.losses import check_nothing_lost
from application.audit.order_conflicts import (
    CasesByHand,
    OrderTrails,
    check_order_rows,
    find_order_conflicts,
    load_order_trails,
)
from application.audit.overrides import BreakGlassUses, EmergencyReviewStatus
from application.audit.payments import find_unapproved_payments
from application.audit.persons import load_persons
from application.audit.policy_edits import PolicyEdits
from application.audit.timeliness import DailyReconciliation, TimerLateness
from application.policy.reperformance import Period
from domain.adjustments.events import DutiesConflicted
from domain.orders.order_names import order_name
from domain.recorded_event import RecordedEvent

MAX_UNWITNESSED: Final = timedelta(minutes=1)
MAX_TICK_DELAY: Final = timedelta(minutes=1)
STATE_NOW: Final = frozenset(("duty_rows", "reports_kept"))
"""Controls that are checked as they are now, not as they were in the period."""


class ControlsOperated(Struct, frozen=True, kw_only=True):
    all_operated: bool
    """No control failed, and at least one had something to do in the period."""
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
    persons = load_persons(scan)
    canonical = persons.canonical()
    lateness, reconciled = TimerLateness(period, late), DailyReconciliation(period)
    glasses, edits, ends = BreakGlassUses(period), PolicyEdits(), AuthorityEndScan(period)
    duties = ControlFindings(
        "duty_rows", "the duty rows in the database are those that follow from the log"
    )
    kept_apart = ControlFindings(
        "duties_apart",
        "nobody has two duties in a case or its order, except for conflicts that the log records",
    )
    approved = ControlFindings(
        "paid_as_approved", "every payment was approved before it was ordered or made"
    )
    cases, by_hand = 0, CasesByHand()
    found_later: list[str] = []
    orders: dict[str, None] = {}
    for trail in scan.money_trails(lateness, reconciled, glasses, edits, ends, by_hand):
        cases += 1
        orders[trail[0].order or ""] = None
        check_duty_rows(duties, trail, database, canonical, scan.upto)
        _check_separation_of_duties(kept_apart, trail, canonical, period)
        found_later += _conflicts_found_later(trail, period)
        _check_approvals(approved, trail, canonical, period)
    for trails in load_order_trails(scan, orders, by_hand):
        _check_order(kept_apart, trails, canonical, period)
        check_order_rows(duties, trails, database, canonical, scan.upto)
    if found_later:
        kept_apart.evidence = {
            "conflicts_found_later": f"{len(found_later)} ({'; '.join(found_later)})"
        }
    rows = database.duty_rows(scan.upto)
    duties.evidence = {"cases": str(cases), "rows": str(rows)}
    if rows > duties.looked_at:
        duties.wrong(f"{rows - duties.looked_at} duty rows are of cases without a proposal")
    controls = [
        check_log_witnessed(scan, database, period, unwitnessed, now),
        check_quorum_cosigned(scan, database, period, unwitnessed, now),
        check_nothing_lost(scan, period),
        kept_apart.control(),
        duties.control(),
        approved.control(),
        reconciled.control(now),
        _check_policy_edits(edits, period, canonical),
        check_grants_by_two(persons, period),
        check_access_reviews(scan, persons, period, now),
        _check_emergencies(glasses, canonical),
        _check_departures(ends),
        lateness.control(database.overdue(now)),
        check_reports(database, scan.upto),
        _check_builds(scan, period),
    ]
    return ControlsOperated(all_operated=_is_shown_to_operate(controls), controls=controls)


def _is_shown_to_operate(controls: Sequence[Control]) -> bool:
    """A period without anything to control shows nothing, also if all is well now."""
    found = {one.operated for one in controls}
    in_period = {one.operated for one in controls if one.name not in STATE_NOW}
    return ControlOutcome.NO not in found and ControlOutcome.YES in in_period


def _check_separation_of_duties(
    found: ControlFindings,
    trail: Sequence[RecordedEvent],
    canonical: dict[str, str],
    period: Period,
) -> None:
    found.looked_at += any(period.holds(line.recorded_at) for line in trail)
    for conflict in find_unrecorded_conflicts(trail, canonical):
        last = max(conflict.acts, key=lambda act: act.position)
        if period.holds(last.at):
            duties = ", ".join(f"{act.duty} (version {act.version})" for act in conflict.acts)
            detail = f"{conflict.person} in case {conflict.case}: {duties}"
            found.wrong(detail, last.at, last.position)


def _conflicts_found_later(trail: Sequence[RecordedEvent], period: Period) -> list[str]:
    """Names with different duties that turned out to be one person's."""
    return [
        f"{' and '.join(line.event.duties)} are one person and had the duties to "
        f"{' and '.join(line.event.duties.values())} in the case of order {order_name(trail[0].order or '').order}"
        for line in trail
        if isinstance(line.event, DutiesConflicted) and period.holds(line.recorded_at)
    ]


def _check_order(
    found: ControlFindings, trails: OrderTrails, canonical: dict[str, str], period: Period
) -> None:
    """Conflicts over several cases count from when the database refuses them."""
    for conflict in find_order_conflicts(trails, canonical):
        last = conflict.acts[-1]
        if period.holds(last.at) and not conflict.was_allowed:
            duties = ", ".join(f"{act.duty} (case {act.case})" for act in conflict.acts)
            detail = f"{conflict.person} in order {conflict.order}: {duties}"
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
        "every policy that took effect, except the first, was approved by a person who is not one of its "
        "authors; an emergency policy may be in force for a limited time without that, and then expires",
    )
    decided = [edit for edit in edits.edits(period, canonical) if edit.decided]
    first = sum(edit.by_others is None for edit in decided)
    if first:
        found.evidence = {"first_policies_not_looked_at": str(first)}
    alone = sum(edit.by_emergency and edit.by_others is False for edit in decided)
    if alone:
        found.evidence["emergency_policies_in_force_for_a_time_without_a_second_person"] = str(
            alone
        )
    for edit in decided:
        if edit.by_others is None:
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
    still_open = 0
    for emergency in glasses.emergencies(canonical):
        if emergency.judged is EmergencyReviewStatus.NOT_OPENED:
            continue
        found.looked_at += 1
        still_open += emergency.judged is EmergencyReviewStatus.OPEN
        if emergency.judged is EmergencyReviewStatus.NOT_REVIEWED:
            detail = f"break-glass {emergency.break_glass} of {emergency.asked_by} is not reviewed"
            found.wrong(detail, emergency.ended_at)
        if not emergency.by_others:
            detail = f"break-glass {emergency.break_glass}: one person had two roles in it"
            found.wrong(detail, emergency.opened_at)
    if still_open:
        found.evidence = {"still_open_and_not_reviewed_yet": str(still_open)}
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
