"""Sums that were split: proposals for one order, or one customer, each below a limit and together above
it; and whether the approval matrix counted them together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from application.audit.log_scan import Reading
from application.cases.history import case_of
from application.policy.reperformance import Period
from domain.adjustments.adjustment import COUNTED, Adjustment
from domain.adjustments.events import AdjustmentProposed
from domain.adjustments.ledger import AdjustmentEntered, ledger_of_customer, ledger_of_order
from domain.errors import Invalid
from domain.orders.events import SignalRecorded
from domain.orders.facts import facts_of
from domain.orders.order import order_stream
from domain.personal_data import ERASED, SEALED
from domain.policy.approvals import ApprovalMatrix
from domain.recorded import Recorded

Matrix = Callable[[str], ApprovalMatrix]
"""The approval matrix of the policy with a digest."""


class Of(StrEnum):
    ORDER = "order"
    CUSTOMER = "customer"


class Part(Struct, frozen=True, kw_only=True):
    """One of the proposals."""

    adjustment: UUID
    case: UUID
    order: str
    position: int
    at: datetime
    proposed_by: str | None
    approved_by: Sequence[str]
    state: str
    amount: str
    currency: str
    counts: str
    """In the currency of the matrix."""
    was_counted: str
    """What the matrix measured it by, with what else it knew of."""


class SplitSum(Struct, frozen=True, kw_only=True):
    of: Of
    ledger: UUID
    """Of the order, or of the customer: who that is stands in the orders alone."""
    limit: str
    """The largest that none of the parts reaches above and all together do."""
    limit_is: str
    currency: str
    together: str
    within: timedelta
    parts: Sequence[Part]
    is_counted_together: bool
    """The last of them was measured by as much as all together: nothing was gained."""


class Splits(Struct, frozen=True, kw_only=True):
    window: timedelta | None
    """As it was asked for; None: that of the policy in force then."""
    threshold: str | None
    splits: Sequence[SplitSum]
    came_to_nothing: int
    """More than were split, if what was withdrawn, rejected, lapsed or failed is counted."""
    without_rate: int
    """Proposals in a currency that the matrix of then has no rate for."""


class _Entry(Struct, frozen=True):
    line: Recorded
    event: AdjustmentProposed
    counts: Decimal
    window: timedelta
    limits: Mapping[Decimal, str]


class _Group:
    """Proposals that together pass a limit, from the one with which they did."""

    def __init__(self, key: UUID, of: Of, entries: Sequence[_Entry]) -> None:
        self.key = key
        self.of = of
        self.entries = [*entries]

    @property
    def adjustments(self) -> tuple[UUID, ...]:
        return tuple(one.event.adjustment for one in self.entries)


def splits(
    reading: Reading,
    matrix: Matrix,
    period: Period,
    threshold: Decimal | None = None,
    window: timedelta | None = None,
) -> Splits:
    """Those that passed a limit in the period. What is held is what was proposed within one window,
    and what is told."""
    finding = _Finding(matrix, threshold, window, period)
    # Of whomever: those who were erased are not one customer.
    nobodys = _ledger(reading, ERASED)
    waiting: list[Recorded] = []
    ledgers: dict[UUID, set[UUID]] = {}
    for batch in reading.batches():
        # An append may run over the end of a batch: what it says of a ledger comes with the next.
        now = waiting
        for line in batch:
            if isinstance(line.event, AdjustmentEntered) and line.stream != nobodys:
                ledgers.setdefault(line.event.adjustment, set()).add(line.stream)
        waiting = [line for line in batch if isinstance(line.event, AdjustmentProposed)]
        finding.add(now, ledgers, reading)
        known = {x.event.adjustment for x in waiting if isinstance(x.event, AdjustmentProposed)}
        ledgers = {one: streams for one, streams in ledgers.items() if one in known}
    finding.add(waiting, ledgers, reading)
    return finding.told(reading)


class _Finding:
    def __init__(
        self, matrix: Matrix, threshold: Decimal | None, window: timedelta | None, period: Period
    ) -> None:
        self._matrix = matrix
        self._threshold = threshold
        self._window = window
        self._period = period
        self._recent: dict[UUID, list[_Entry]] = {}
        self._open: dict[UUID, _Group] = {}
        self._found: list[_Group] = []
        self._without_rate = 0

    def add(
        self, proposed: Sequence[Recorded], ledgers: Mapping[UUID, set[UUID]], reading: Reading
    ) -> None:
        orders = reading.opened([*{order_stream(line.order or "") for line in proposed}])
        for line in proposed:
            entry = self._entry(line)
            if entry is None:
                self._without_rate += 1
                continue
            of_order = ledger_of_order(line.order or "")
            of_customer = sorted({*ledgers.get(entry.event.adjustment, ())} - {of_order})
            told = _customer(line, orders.get(order_stream(line.order or ""), ()))
            if told is not None:
                # Whatever it was entered in: whoever splits a sum may have chosen that.
                of_customer.append(_ledger(reading, told))
            self._enter(of_order, Of.ORDER, entry)
            for key in dict.fromkeys(of_customer):
                self._enter(key, Of.CUSTOMER, entry)
        if proposed:
            self._forget(proposed[-1].recorded_at)

    def _entry(self, line: Recorded) -> _Entry | None:
        event = line.event
        assert isinstance(event, AdjustmentProposed)
        matrix = self._matrix(event.requirement.policy_digest)
        try:
            counts = matrix.counted(event.amount)
        except Invalid:
            return None
        window = self._window or matrix.approvals.window
        limits = _limits(matrix) if self._threshold is None else {self._threshold: "as asked"}
        return _Entry(line, event, counts, window, limits)

    def _enter(self, key: UUID, of: Of, entry: _Entry) -> None:
        since = entry.line.recorded_at - entry.window
        recent = [one for one in self._recent.get(key, ()) if one.line.recorded_at >= since]
        recent.append(entry)
        self._recent[key] = recent
        if _passed(recent, entry.limits) is None:
            self._open.pop(key, None)
        elif (group := self._open.get(key)) is not None:
            group.entries.append(entry)
        else:
            group = self._open[key] = _Group(key, of, recent)
            if self._period.holds(entry.line.recorded_at):
                self._found.append(group)

    def _forget(self, now: datetime) -> None:
        """What no later proposal can be added to."""
        for key in [
            k for k, e in self._recent.items() if e[-1].line.recorded_at < now - e[-1].window
        ]:
            del self._recent[key]
            self._open.pop(key, None)

    def told(self, reading: Reading) -> Splits:
        # A customer's ledger may be named otherwise in the log than it would be now.
        found: dict[tuple[Of, tuple[UUID, ...]], _Group] = {}
        for group in self._found:
            found.setdefault((group.of, group.adjustments), group)
        rows = [row for group in found.values() if (row := _split(group, reading)) is not None]
        return Splits(
            window=self._window,
            threshold=_text(self._threshold) if self._threshold is not None else None,
            splits=rows,
            came_to_nothing=len(found) - len(rows),
            without_rate=self._without_rate,
        )


def _limits(matrix: ApprovalMatrix) -> dict[Decimal, str]:
    """Each amount from which on the matrix asks for more, and what it is."""
    found: dict[Decimal, str] = {}
    for role, limit in matrix.approvals.limits.items():
        found.setdefault(limit, f"limit of {role}")
    for band in matrix.approvals.bands:
        if band.up_to is not None:
            found.setdefault(band.up_to, f"band {band.rule}")
    return found


def _passed(entries: Sequence[_Entry], limits: Mapping[Decimal, str]) -> Decimal | None:
    """The largest limit that each of several stays within and all together pass."""
    if len(entries) < 2:
        return None
    together, most = sum(e.counts for e in entries), max(e.counts for e in entries)
    return max((limit for limit in limits if most <= limit < together), default=None)


def _split(group: _Group, reading: Reading) -> SplitSum | None:
    """Of what came, or may yet come, to something; None if that passes no limit."""
    known: dict[UUID, Adjustment] = {}
    for lines in reading.trails([*{one.line.stream for one in group.entries}]).values():
        known |= {one.id: one for one in case_of(lines).adjustments.items}
    entries = [e for e in group.entries if known[e.event.adjustment].state in COUNTED]
    limits = group.entries[-1].limits
    limit = _passed(entries, limits)
    if limit is None:
        return None
    together = sum((e.counts for e in entries), Decimal(0))
    last = entries[-1].event.requirement
    return SplitSum(
        of=group.of,
        ledger=group.key,
        limit=_text(limit),
        limit_is=limits[limit],
        currency=last.currency,
        together=_text(together),
        within=entries[-1].line.recorded_at - entries[0].line.recorded_at,
        parts=[*_parts(entries, known)],
        is_counted_together=Decimal(last.counted) >= together,
    )


def _parts(entries: Sequence[_Entry], known: Mapping[UUID, Adjustment]) -> Iterator[Part]:
    for entry in entries:
        one = known[entry.event.adjustment]
        yield Part(
            adjustment=one.id,
            case=entry.line.stream,
            order=entry.line.order or "",
            position=entry.line.position,
            at=entry.line.recorded_at,
            proposed_by=entry.line.actor.person,
            approved_by=sorted({p for a in one.approvals for p in a.persons}),
            state=one.state,
            amount=one.amount.amount,
            currency=one.amount.currency,
            counts=_text(entry.counts),
            was_counted=entry.event.requirement.counted,
        )


def _customer(line: Recorded, order: Sequence[Recorded]) -> str | None:
    """Whose order it was known to be when it was proposed; None also for one whose data was erased: then
    the ledger tells them apart."""
    customer = facts_of(
        one.event.signal
        for one in order
        if isinstance(one.event, SignalRecorded) and one.position < line.position
    ).customer.id
    return None if customer in (SEALED, ERASED) else customer


def _ledger(reading: Reading, customer: str) -> UUID:
    return ledger_of_customer(reading.log.subject_of(customer))


def _text(amount: Decimal) -> str:
    return f"{amount:f}"
