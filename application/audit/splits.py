"""Finds split sums: proposals for one order or customer that are each within a limit and together above it.

For each, it says whether the approval matrix counted the proposals together.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from application.audit.log_scan import LogScan
from application.cases.history import case_of, facts_before
from application.cases.trail import fill_from_line
from application.policy.reperformance import Period
from domain.adjustments.adjustment import COUNTED_STATES, Adjustment
from domain.adjustments.events import AdjustmentProposed
from domain.adjustments.ledger import AdjustmentEntered, ledger_of_customer, ledger_of_order
from domain.errors import Invalid
from domain.orders.order import order_stream
from domain.personal_data import ERASED, SEALED
from domain.policy.approvals import ApprovalMatrix
from domain.recorded_event import RecordedEvent

MatrixLookup = Callable[[str], ApprovalMatrix]
"""The approval matrix of a policy, by its digest."""


class SplitScope(StrEnum):
    ORDER = "order"
    CUSTOMER = "customer"


class SplitPart(Struct, frozen=True, kw_only=True):
    """One of the proposals of a split sum."""

    adjustment: UUID
    case: UUID
    order: str
    shop: str
    position: int
    at: datetime
    proposed_by: str | None
    approved_by: Sequence[str]
    state: str
    amount: str
    currency: str
    counts: str
    """The amount in the currency of the matrix."""
    was_counted: str
    """The amount that the matrix counted, with what else it knew of."""


class SplitSum(Struct, frozen=True, kw_only=True):
    of: SplitScope
    ledger: UUID
    """The ledger of the order, or of the customer; only the orders say who the customer is."""
    limit: str
    """The largest limit that each part is within and all together exceed."""
    limit_is: str
    currency: str
    together: str
    within: timedelta
    parts: Sequence[SplitPart]
    is_counted_together: bool
    """Whether the matrix counted the whole sum for the last part, so that the split had no effect."""


class Splits(Struct, frozen=True, kw_only=True):
    window: timedelta | None
    """The window of the question; None if each policy's own window was used."""
    threshold: str | None
    splits: Sequence[SplitSum]
    came_to_nothing: int
    """Groups that exceed a limit only with withdrawn, rejected, lapsed or failed proposals."""
    without_rate: int
    """Proposals in a currency without a rate in their matrix."""


class _ProposalEntry(Struct, frozen=True):
    line: RecordedEvent
    event: AdjustmentProposed
    counts: Decimal
    window: timedelta
    limits: Mapping[Decimal, str]


class _SplitGroup:
    """Proposals that together exceed a limit."""

    def __init__(self, key: UUID, of: SplitScope, entries: Sequence[_ProposalEntry]) -> None:
        self.key = key
        self.of = of
        self.entries = [*entries]

    @property
    def adjustments(self) -> tuple[UUID, ...]:
        return tuple(entry.event.adjustment for entry in self.entries)


def find_splits(
    scan: LogScan,
    matrix: MatrixLookup,
    period: Period,
    threshold: Decimal | None = None,
    window: timedelta | None = None,
) -> Splits:
    """Find the sums that exceeded a limit in the period. Memory holds the proposals of one window, and the
    findings."""
    finder = _SplitFinder(scan, matrix, threshold, window, period)
    # Erased customers share this ledger, but they are not one customer.
    erased = ledger_of_customer(scan.log.subject_of(ERASED))
    waiting: list[RecordedEvent] = []
    ledgers: dict[UUID, set[UUID]] = {}
    for batch in scan.batches():
        # An append may continue in the next batch, so proposals wait one batch for their ledger entries.
        complete = waiting
        for line in batch:
            if isinstance(line.event, AdjustmentEntered) and line.stream != erased:
                ledgers.setdefault(line.event.adjustment, set()).add(line.stream)
        waiting = [line for line in batch if isinstance(line.event, AdjustmentProposed)]
        finder.add(complete, ledgers)
        known = {x.event.adjustment for x in waiting if isinstance(x.event, AdjustmentProposed)}
        ledgers = {key: streams for key, streams in ledgers.items() if key in known}
    finder.add(waiting, ledgers)
    return finder.splits()


class _SplitFinder:
    def __init__(
        self,
        scan: LogScan,
        matrix: MatrixLookup,
        threshold: Decimal | None,
        window: timedelta | None,
        period: Period,
    ) -> None:
        self._scan = scan
        self._matrix = matrix
        self._threshold = threshold
        self._window = window
        self._period = period
        self._recent: dict[UUID, list[_ProposalEntry]] = {}
        self._open: dict[UUID, _SplitGroup] = {}
        self._found: list[_SplitGroup] = []
        self._without_rate = 0

    def add(self, proposed: Sequence[RecordedEvent], ledgers: Mapping[UUID, set[UUID]]) -> None:
        orders = self._scan.opened([*{order_stream(line.order or "") for line in proposed}])
        for line in proposed:
            entry = self._entry(line)
            if entry is None:
                self._without_rate += 1
                continue
            of_order = ledger_of_order(line.order or "")
            of_customer = sorted({*ledgers.get(entry.event.adjustment, ())} - {of_order})
            customer = _customer(line, orders.get(order_stream(line.order or ""), ()))
            if customer is not None:
                # Also with another ledger in the log: the person who split the sum may have chosen that.
                of_customer.append(ledger_of_customer(self._scan.log.subject_of(customer)))
            self._enter(of_order, SplitScope.ORDER, entry)
            for key in dict.fromkeys(of_customer):
                self._enter(key, SplitScope.CUSTOMER, entry)
        if proposed:
            self._forget(proposed[-1].recorded_at)

    def _entry(self, line: RecordedEvent) -> _ProposalEntry | None:
        event = line.event
        assert isinstance(event, AdjustmentProposed)
        matrix = self._matrix(event.requirement.policy_digest)
        try:
            counts = matrix.counted(event.amount)
        except Invalid:
            return None
        window = self._window or matrix.approvals.window
        limits = (
            _approval_limits(matrix) if self._threshold is None else {self._threshold: "as asked"}
        )
        return _ProposalEntry(line, event, counts, window, limits)

    def _enter(self, key: UUID, of: SplitScope, entry: _ProposalEntry) -> None:
        since = entry.line.recorded_at - entry.window
        recent = [x for x in self._recent.get(key, ()) if x.line.recorded_at >= since]
        recent.append(entry)
        self._recent[key] = recent
        if _passed_limit(recent, entry.limits) is None:
            self._open.pop(key, None)
        elif (group := self._open.get(key)) is not None:
            group.entries.append(entry)
        else:
            group = self._open[key] = _SplitGroup(key, of, recent)
            if self._period.holds(entry.line.recorded_at):
                self._found.append(group)

    def _forget(self, now: datetime) -> None:
        """Drop what is older than its window: no later proposal can be added to it."""
        for key in [
            k for k, e in self._recent.items() if e[-1].line.recorded_at < now - e[-1].window
        ]:
            del self._recent[key]
            self._open.pop(key, None)

    def splits(self) -> Splits:
        # A customer's ledger in the log may have another id than the one computed now.
        found: dict[tuple[SplitScope, tuple[UUID, ...]], _SplitGroup] = {}
        for group in self._found:
            found.setdefault((group.of, group.adjustments), group)
        rows = [
            row for group in found.values() if (row := _split_sum(group, self._scan)) is not None
        ]
        return Splits(
            window=self._window,
            threshold=f"{self._threshold:f}" if self._threshold is not None else None,
            splits=rows,
            came_to_nothing=len(found) - len(rows),
            without_rate=self._without_rate,
        )


def _approval_limits(matrix: ApprovalMatrix) -> dict[Decimal, str]:
    """The limits of the matrix, and a name for each."""
    found: dict[Decimal, str] = {}
    for role, limit in matrix.approvals.limits.items():
        found.setdefault(limit, f"limit of {role}")
    for band in matrix.approvals.bands:
        if band.up_to is not None:
            found.setdefault(band.up_to, f"band {band.rule}")
    return found


def _passed_limit(
    entries: Sequence[_ProposalEntry], limits: Mapping[Decimal, str]
) -> Decimal | None:
    """The largest limit that each of several entries is within and all together exceed."""
    if len(entries) < 2:
        return None
    together, most = sum(e.counts for e in entries), max(e.counts for e in entries)
    return max((limit for limit in limits if most <= limit < together), default=None)


def _split_sum(group: _SplitGroup, scan: LogScan) -> SplitSum | None:
    """The sum of the proposals that count; None if they exceed no limit."""
    known: dict[UUID, Adjustment] = {}
    for lines in scan.trails([*{entry.line.stream for entry in group.entries}]).values():
        known |= {x.id: x for x in case_of(lines).adjustments.items}
    entries = [e for e in group.entries if known[e.event.adjustment].state in COUNTED_STATES]
    limits = group.entries[-1].limits
    limit = _passed_limit(entries, limits)
    if limit is None:
        return None
    together = sum((e.counts for e in entries), Decimal(0))
    last = entries[-1].event.requirement
    return SplitSum(
        of=group.of,
        ledger=group.key,
        limit=f"{limit:f}",
        limit_is=limits[limit],
        currency=last.currency,
        together=f"{together:f}",
        within=entries[-1].line.recorded_at - entries[0].line.recorded_at,
        parts=[*_split_parts(entries, known)],
        is_counted_together=Decimal(last.counted) >= together,
    )


def _split_parts(
    entries: Sequence[_ProposalEntry], known: Mapping[UUID, Adjustment]
) -> Iterator[SplitPart]:
    for entry in entries:
        adjustment = known[entry.event.adjustment]
        yield fill_from_line(
            SplitPart,
            entry.line,
            adjustment.amount,
            adjustment=adjustment.id,
            at=entry.line.recorded_at,
            proposed_by=entry.line.actor.person,
            approved_by=sorted({p for a in adjustment.approvals for p in a.persons}),
            state=adjustment.state,
            counts=f"{entry.counts:f}",
            was_counted=entry.event.requirement.counted,
        )


def _customer(line: RecordedEvent, order: Sequence[RecordedEvent]) -> str | None:
    """The known customer of the order when it was proposed; None also after erasure, since then only the
    ledger identifies the customer."""
    customer = facts_before(order, line.position).customer.id
    return None if customer in (SEALED, ERASED) else customer
