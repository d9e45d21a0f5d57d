"""Duties over all cases of an order: persons with different ones, and the rows that keep them apart."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from application.audit.control import ControlFindings
from application.audit.database_state import DatabaseState
from application.audit.duty_acts import DutyAct, find_duty_acts, find_recorded_persons
from application.audit.log_scan import LogScan
from application.cases.history import case_of
from domain.adjustments.kinds import Duty
from domain.adjustments.ledger import AdjustmentEntered, ledger_of_order
from domain.cases.work_events import Opened
from domain.orders.events import ProblemDetected
from domain.orders.order import order_stream
from domain.orders.order_names import describe_order, order_name
from domain.recorded_event import RecordedEvent
from domain.struct_fields import fill

BATCH_SIZE = 200


class OrderDutyAct(Struct, frozen=True, kw_only=True):
    case: UUID
    duty: Duty
    person: str
    type: str
    version: int
    position: int
    at: datetime


class OrderConflict(Struct, frozen=True, kw_only=True):
    """One person has different duties in cases of one order, and no event records it."""

    order: str
    shop: str
    person: str
    acts: Sequence[OrderDutyAct]
    """The first act of each duty."""
    was_allowed: bool
    """Whether duties were counted for each case alone when the last of these acts was done. If they were
    counted over the order, this must not be possible."""


class CasesByHand:
    """Collects the cases that people opened, by order: orders do not list all of them."""

    def __init__(self) -> None:
        self.found: dict[str, list[UUID]] = {}

    def take(self, line: RecordedEvent) -> None:
        if isinstance(line.event, Opened):
            self.found.setdefault(line.order or "", []).append(line.stream)


class OrderTrails(Struct, frozen=True):
    """The trails of all cases of an order."""

    order: str
    cases: Mapping[UUID, Sequence[RecordedEvent]]
    counted_since: int | None
    """The position from which duties count over the order; None if they do not yet."""


def load_order_trails(
    scan: LogScan, orders: Collection[str], by_hand: CasesByHand
) -> Iterator[OrderTrails]:
    names = [*orders]
    for batch in (names[n : n + BATCH_SIZE] for n in range(0, len(names), BATCH_SIZE)):
        streams = {name: (order_stream(name), ledger_of_order(name)) for name in batch}
        trails = scan.trails([stream for both in streams.values() for stream in both])
        for name, both in streams.items():
            order, ledger = (trails.get(stream, []) for stream in both)
            cases = {x.event.case: None for x in order if isinstance(x.event, ProblemDetected)}
            cases |= {x.event.case: None for x in ledger if isinstance(x.event, AdjustmentEntered)}
            cases |= dict.fromkeys(by_hand.found.get(name, ()))
            since = min((x.position for x in ledger if _counts_over_order(x)), default=None)
            yield OrderTrails(name, scan.trails([*cases]), since)


def find_order_conflicts(trails: OrderTrails, canonical: dict[str, str]) -> Iterator[OrderConflict]:
    """The conflicts in an order. A conflict within one case is not repeated here."""
    acts: dict[str, dict[Duty, tuple[UUID, DutyAct]]] = {}
    known: set[str] = set()
    for case, lines in trails.cases.items():
        known |= find_recorded_persons(lines, canonical)
        for person, by_duty in find_duty_acts(lines, canonical).items():
            if len(by_duty) > 1:
                known.add(person)
            for duty, act in by_duty.items():
                earlier = acts.setdefault(person, {}).get(duty)
                if earlier is None or act.position < earlier[1].position:
                    acts[person][duty] = case, act
    since, name = trails.counted_since, order_name(trails.order)
    for person, found in sorted(acts.items()):
        if len(found) > 1 and person not in known:
            rows = sorted(found.values(), key=lambda row: row[1].position)
            yield OrderConflict(
                order=name.order,
                shop=name.shop,
                person=person,
                acts=[fill(OrderDutyAct, act, case=case) for case, act in rows],
                was_allowed=since is None or rows[-1][1].position < since,
            )


def check_order_rows(
    found: ControlFindings,
    trails: OrderTrails,
    database: DatabaseState,
    canonical: dict[str, str],
    upto: int,
) -> None:
    """Check the duty rows of an order against the trails of its cases. Other names of a person may have
    rows with the same duty, and a person who had several duties in the past has a row with one of them."""
    rows = database.duties(order_stream(trails.order), upto)
    wanted: dict[str, set[str]] = {}
    by_person: dict[str, set[str]] = {}
    for lines in trails.cases.values():
        for name, held in case_of(lines).duties.items():
            wanted.setdefault(name, set()).add(held.duty)
            by_person.setdefault(canonical.get(name, name), set()).add(held.duty)
    order = describe_order(trails.order)
    for name, duties in sorted(wanted.items() if trails.counted_since is not None else ()):
        if name not in rows:
            found.wrong(f"order {order}: no row for the duty of {name} to {min(duties)}")
        elif rows[name] not in duties:
            row = f"the row says {rows[name]}"
            found.wrong(f"order {order}: {name} has the duty to {min(duties)}, but {row}")
    for name, duty in sorted(rows.items()):
        if name not in wanted and duty not in by_person.get(canonical.get(name, name), ()):
            found.wrong(f"order {order}: a row gives {name} the duty to {duty}, but no act does")
    found.looked_at += len(rows)


def _counts_over_order(line: RecordedEvent) -> bool:
    return isinstance(line.event, AdjustmentEntered) and line.event.duties_over_order
