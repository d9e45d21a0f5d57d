"""Whether the controls operated all of the period: a row for each, with its evidence and exceptions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from application.audit.acts_after_leaving import Ends
from application.audit.builds import seen_builds
from application.audit.conflicts import untold_in
from application.audit.control import Control, Findings
from application.audit.database_state import Standing, duties_kept, log_witnessed, reports_kept
from application.audit.log_scan import Reading
from application.audit.overrides import Glasses, Judged
from application.audit.payments import not_approved
from application.audit.persons import everybody
from application.audit.policy_edits import PolicyEdits
from application.audit.timeliness import Lateness, Reconciled
from application.policy.reperformance import Period
from domain.recorded import Recorded

LONGEST_UNWITNESSED: Final = timedelta(minutes=1)
LATEST_TICK: Final = timedelta(minutes=1)


class ControlsOperated(Struct, frozen=True, kw_only=True):
    all_operated: bool
    controls: Sequence[Control]


def operated(
    reading: Reading,
    standing: Standing,
    period: Period,
    now: datetime,
    unwitnessed: timedelta = LONGEST_UNWITNESSED,
    late: timedelta = LATEST_TICK,
) -> ControlsOperated:
    """Of the period, but for what only stands as it stands now: reports, rows of duties, a halt."""
    human = everybody(reading).human()
    lateness, reconciled = Lateness(period, late), Reconciled(period)
    glasses, edits, ends = Glasses(period), PolicyEdits(), Ends(period)
    duties, kept_apart, approved = _findings()
    lines = 0
    for trail in reading.money_trails(lateness, reconciled, glasses, edits, ends):
        lines += 1
        duties_kept(duties, trail, standing, human, reading.upto)
        _kept_apart(kept_apart, trail, human, period)
        _approved(approved, trail, human, period)
    rows = standing.duty_rows(reading.upto)
    duties.evidence = {"cases": str(lines), "rows": str(rows)}
    if rows > duties.looked_at:
        duties.wrong(f"{rows - duties.looked_at} rows are of cases in which nothing was proposed")
    controls = [
        log_witnessed(reading, standing, period, unwitnessed, now),
        kept_apart.control(),
        duties.control(),
        approved.control(),
        reconciled.control(now),
        _policies(edits, period, human),
        _emergencies(glasses, human),
        _gone(ends),
        lateness.control(standing.overdue(now)),
        reports_kept(standing, reading.upto),
        _builds(reading, period),
    ]
    return ControlsOperated(
        all_operated=all(one.operated != "no" for one in controls), controls=controls
    )


def _findings() -> tuple[Findings, Findings, Findings]:
    return (
        Findings("duty_rows", "the database's rows of duties are those that follow from the log"),
        Findings("duties_apart", "nobody has two duties in a case, but what the log itself tells"),
        Findings("paid_as_approved", "nothing was ordered or paid that was not approved first"),
    )


def _kept_apart(
    found: Findings, trail: Sequence[Recorded], human: dict[str, str], period: Period
) -> None:
    found.looked_at += 1
    for one in untold_in(trail, human):
        last = max(one.acts, key=lambda act: act.position)
        if period.holds(last.at):
            did = ", ".join(f"{act.duty} (version {act.version})" for act in one.acts)
            found.wrong(f"{one.person} in case {one.case}: {did}", last.at, last.position)


def _approved(
    found: Findings, trail: Sequence[Recorded], human: dict[str, str], period: Period
) -> None:
    wanted = ("case.adjustment_execution_started", "case.adjustment_executed")
    found.looked_at += sum(x.type in wanted and period.holds(x.recorded_at) for x in trail)
    for one in not_approved(trail, human):
        if period.holds(one.recorded_at):
            told = f"adjustment {one.adjustment} of case {one.case}: {'; '.join(one.why)}"
            found.wrong(told, one.recorded_at, one.position)


def _policies(edits: PolicyEdits, period: Period, human: dict[str, str]) -> Control:
    found = Findings(
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


def _emergencies(glasses: Glasses, human: dict[str, str]) -> Control:
    found = Findings(
        "emergencies_reviewed", "each break-glass was opened by another, and reviewed by a third"
    )
    for one in glasses.told(human):
        if one.judged is Judged.NOT_OPENED:
            continue
        found.looked_at += 1
        if one.judged is Judged.NOT_REVIEWED:
            found.wrong(f"{one.break_glass} of {one.asked_by} is not reviewed", one.ended_at)
        if not one.by_others:
            found.wrong(f"{one.break_glass}: one human had two parts in it", one.opened_at)
    return found.control()


def _gone(ends: Ends) -> Control:
    found = Findings(
        "nobody_after_the_end", "nothing is done for whoever left, or by a key that ended"
    )
    found.looked_at = ends.left + ends.taken_back
    for one in ends.acts:
        told = f"{one.type} by {one.who}: {one.ended.what} {one.ended.how}"
        found.wrong(told, one.recorded_at, one.position)
    return found.control()


def _builds(reading: Reading, period: Period) -> Control:
    found = Findings("builds_known", "of every event it is known by which builds it may be written")
    seen = [x for x in seen_builds(reading) if period.until is None or x.since < period.until]
    found.looked_at = len(seen)
    found.evidence = {"builds": str(len(seen))}
    before = seen[0].position - 1 if seen else reading.upto
    if before and period.holds((last := reading.log.read(before - 1, 1)[0]).recorded_at):
        told = f"positions 1 to {before} are older than any build that is known"
        found.wrong(told, last.recorded_at, before)
    return found.control()
