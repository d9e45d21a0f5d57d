"""Conflicts of duties: those that grants would allow, refused attempts, those found later, unrecorded ones,
those over several cases of an order, and people who approve each other's proposals."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from application.audit.duty_acts import DutyAct, find_duty_acts, find_recorded_persons
from application.audit.log_scan import LogScan
from application.audit.mutual_approvals import MutualApproval, MutualApprovals
from application.audit.order_conflicts import (
    CasesByHand,
    OrderConflict,
    find_order_conflicts,
    load_order_trails,
)
from application.audit.persons import load_persons
from application.audit.potential_conflicts import (
    Delegations,
    PotentialConflict,
    find_potential_conflicts,
)
from application.cases.trail import fill_from_line
from application.policy.reperformance import Period
from domain.adjustments.events import DutiesConflicted
from domain.adjustments.kinds import Duty
from domain.adjustments.refusals import AttemptRefused
from domain.orders.order_names import order_name
from domain.recorded_event import RecordedEvent

SEPARATION_RULES: Final = frozenset(
    {"one-duty-per-person", "approvers-are-different-people", "agents-hold-no-duty"}
)
"""The rules that separate duties; other rules limit amounts."""


class RefusedDuty(Struct, frozen=True, kw_only=True):
    """A refused attempt to take a second duty."""

    position: int
    recorded_at: datetime
    case: UUID
    order: str | None
    shop: str | None
    who: str
    persons: Sequence[str]
    principal: str
    attempt: str
    rule: str
    detail: str
    earlier: int | None
    """The version of the case's trail with the earlier duty."""
    adjustment: UUID | None


class ConflictFoundLater(Struct, frozen=True, kw_only=True):
    """Two names with different duties in a case turned out to be one person."""

    position: int
    recorded_at: datetime
    case: UUID
    order: str | None
    shop: str | None
    duties: Mapping[str, Duty]


class UnrecordedConflict(Struct, frozen=True, kw_only=True):
    """One person took two duties in a case, and the log does not record it; this must not be possible."""

    case: UUID
    order: str | None
    shop: str | None
    person: str
    acts: Sequence[DutyAct]
    """The first of each duty."""


class Conflicts(Struct, frozen=True, kw_only=True):
    as_of: datetime
    could: Sequence[PotentialConflict]
    refused: Sequence[RefusedDuty]
    other_refusals: Mapping[str, int]
    """The number of refusals by each other rule."""
    turned_out: Sequence[ConflictFoundLater]
    untold: Sequence[UnrecordedConflict]
    over_orders: Sequence[OrderConflict]
    approved_each_other: Sequence[MutualApproval]


def find_conflicts(scan: LogScan, as_of: datetime, period: Period) -> Conflicts:
    """Find what grants would allow as of a date, and the attempts and conflicts of the period."""
    recorded, delegations = _RecordedConflicts(period), Delegations(as_of)
    canonical = load_persons(scan).canonical()
    approvals, by_hand = MutualApprovals(period, canonical), CasesByHand()
    orders: dict[str, None] = {}
    unrecorded: list[UnrecordedConflict] = []
    for lines in scan.money_trails(recorded, delegations, by_hand):
        found = find_unrecorded_conflicts(lines, canonical)
        unrecorded += [x for x in found if period.holds(max(act.at for act in x.acts))]
        approvals.add(lines)
        orders[lines[0].order or ""] = None
    return Conflicts(
        as_of=as_of,
        could=[
            *find_potential_conflicts(
                load_persons(scan, as_of), delegations.active_by_delegate(), as_of
            )
        ],
        refused=recorded.refused,
        other_refusals=dict(sorted(recorded.others.items())),
        turned_out=recorded.turned_out,
        untold=sorted(unrecorded, key=lambda x: max(act.position for act in x.acts)),
        over_orders=[
            found
            for trails in load_order_trails(scan, orders, by_hand)
            for found in find_order_conflicts(trails, canonical)
            if period.holds(max(act.at for act in found.acts))
        ],
        approved_each_other=approvals.found(),
    )


class _RecordedConflicts:
    """Collects the recorded conflicts and refusals of the period."""

    def __init__(self, period: Period) -> None:
        self._period = period
        self.refused: list[RefusedDuty] = []
        self.others: dict[str, int] = {}
        self.turned_out: list[ConflictFoundLater] = []

    def take(self, line: RecordedEvent) -> None:
        if not self._period.holds(line.recorded_at):
            return
        match line.event:
            case AttemptRefused(rule=rule) if rule not in SEPARATION_RULES:
                self.others[rule] = self.others.get(rule, 0) + 1
            case AttemptRefused() as event:
                self.refused.append(fill_from_line(RefusedDuty, line, event, case=event.case))
            case DutiesConflicted() as event:
                self.turned_out.append(fill_from_line(ConflictFoundLater, line, event))


def find_unrecorded_conflicts(
    lines: Sequence[RecordedEvent], canonical: dict[str, str]
) -> Iterator[UnrecordedConflict]:
    """Find conflicts by the acts in the trail, not by the duties that the case computed from them."""
    recorded = find_recorded_persons(lines, canonical)
    for person, by_duty in sorted(find_duty_acts(lines, canonical).items()):
        if len(by_duty) > 1 and person not in recorded:
            first = lines[0]
            name = order_name(first.order or "")
            yield UnrecordedConflict(
                case=first.stream,
                order=name.order,
                shop=name.shop,
                person=person,
                acts=[*by_duty.values()],
            )
