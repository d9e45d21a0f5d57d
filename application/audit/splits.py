"""Finds split sums: proposals for one order, customer or identity, or by one proposer, that are each within a
limit and together above it.

For each, it says whether the approval matrix counted the proposals together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from msgspec import Struct, structs

from application.audit.log_scan import LogScan
from application.audit.split_sums import FoundSplits, SplitPart, SplitScope, SplitSum
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


_ALONE = (SplitScope.ORDER, SplitScope.PROPOSER)


class _ProposalEntry(Struct, frozen=True):
    line: RecordedEvent
    event: AdjustmentProposed
    counts: Decimal
    window: timedelta
    limits: Mapping[Decimal, str]
    proposer_limit: Decimal | None

    def for_proposer(self, threshold: Decimal | None) -> _ProposalEntry:
        """The same with the limit of what policy approves for one person; without limits if there is none."""
        limits = self.limits if threshold is not None else {}
        if threshold is None and self.proposer_limit is not None:
            limits = {self.proposer_limit: "by_policy_per_proposer"}
        return structs.replace(self, limits=limits)


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
) -> FoundSplits:
    """Find the sums that exceeded a limit in the period. Memory holds the proposals of one window, and the
    findings."""
    finder = _SplitFinder(scan, matrix, threshold, window, period)
    # Erased customers share this ledger, but they are not one customer.
    erased = ledger_of_customer(scan.log.subject_of(ERASED))
    waiting: list[RecordedEvent] = []
    ledgers: dict[UUID, dict[UUID, SplitScope]] = {}
    for batch in scan.batches():
        late: list[tuple[UUID, UUID, SplitScope]] = []
        # An append may continue in the next batch, so proposals wait one batch for their ledger entries.
        complete = waiting
        for line in batch:
            if isinstance(line.event, AdjustmentEntered) and line.stream != erased:
                of = SplitScope(line.event.of or SplitScope.CUSTOMER)
                of = SplitScope.PROPOSER if line.event.by_policy_for is not None else of
                ledgers.setdefault(line.event.adjustment, {})[line.stream] = of
                if line.event.proposed_at is not None:
                    late.append((line.event.adjustment, line.stream, of))
        waiting = [line for line in batch if isinstance(line.event, AdjustmentProposed)]
        finder.add(complete, ledgers)
        for entered in late:
            finder.enter_late(*entered)
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
        self._by_adjustment: dict[UUID, _ProposalEntry] = {}
        self._open: dict[UUID, _SplitGroup] = {}
        self._found: list[_SplitGroup] = []
        self._logged: set[UUID] = set()
        self._without_rate = 0
        self._proposals = 0

    def add(
        self, proposed: Sequence[RecordedEvent], ledgers: Mapping[UUID, Mapping[UUID, SplitScope]]
    ) -> None:
        orders = self._scan.opened([*{order_stream(line.order or "") for line in proposed}])
        for line in proposed:
            entry = self._entry(line)
            if entry is None:
                self._without_rate += 1
                continue
            self._proposals += self._period.holds(line.recorded_at)
            of_order = ledger_of_order(line.order or "")
            entered = dict(ledgers.get(entry.event.adjustment, {}))
            entered.pop(of_order, None)
            self._logged.update(entered)
            customer = _customer(line, orders.get(order_stream(line.order or ""), ()))
            if customer is not None:
                # Also with another ledger in the log: the person who split the sum may have chosen that.
                key = ledger_of_customer(self._scan.log.subject_of(customer))
                entered.setdefault(key, SplitScope.CUSTOMER)
            self._by_adjustment[entry.event.adjustment] = entry
            self._enter(of_order, SplitScope.ORDER, entry)
            for key, of in sorted(entered.items()):
                if of is not SplitScope.PROPOSER:
                    self._enter(key, of, entry)
                elif (limited := entry.for_proposer(self._threshold)).limits:
                    self._enter(key, of, limited)
        if proposed:
            self._forget(proposed[-1].recorded_at)

    def enter_late(self, adjustment: UUID, key: UUID, of: SplitScope) -> None:
        """A proposal of a customer or identity that its order got afterwards; one that still waits for its
        entries has it among them."""
        entry = self._by_adjustment.get(adjustment)
        if entry is not None and entry not in self._recent.get(key, ()):
            self._enter(key, of, entry)

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
        most = matrix.approvals.by_policy_per_proposer
        return _ProposalEntry(line, event, counts, window, limits, most)

    def _enter(self, key: UUID, of: SplitScope, entry: _ProposalEntry) -> None:
        since = entry.line.recorded_at - entry.window
        recent = [x for x in self._recent.get(key, ()) if x.line.recorded_at >= since]
        recent = sorted([*recent, entry], key=lambda x: x.line.position)
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
        kept = self._by_adjustment.items()
        self._by_adjustment = {
            id: one for id, one in kept if one.line.recorded_at >= now - one.window
        }

    def splits(self) -> FoundSplits:
        # The same proposals may have several identities in common, and a customer's ledger in the log may
        # have another id than the one computed now: that is one finding, named by the log's.
        found: dict[tuple[SplitScope, tuple[UUID, ...]], list[_SplitGroup]] = {}
        for group in self._found:
            of = group.of if group.of in _ALONE else SplitScope.CUSTOMER
            found.setdefault((of, group.adjustments), []).append(group)
        rows = []
        for groups in found.values():
            groups.sort(key=lambda group: group.key not in self._logged)
            if (row := _split_sum(groups, self._scan)) is not None:
                rows.append(row)
        return FoundSplits(
            window=self._window,
            threshold=f"{self._threshold:f}" if self._threshold is not None else None,
            proposals=self._proposals,
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


def _split_sum(groups: Sequence[_SplitGroup], scan: LogScan) -> SplitSum | None:
    """The sum of the proposals that count, which are those of each group; None if they exceed no limit."""
    group = min(groups, key=lambda one: [*SplitScope].index(one.of))
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
    is_of_proposer = group.of is SplitScope.PROPOSER
    counted = Decimal((last.of_proposer if is_of_proposer else None) or last.counted)
    return SplitSum(
        of=group.of,
        same=_same(groups),
        ledger=group.key,
        limit=f"{limit:f}",
        limit_is=limits[limit],
        currency=last.currency,
        together=f"{together:f}",
        within=entries[-1].line.recorded_at - entries[0].line.recorded_at,
        parts=[*_split_parts(entries, known)],
        is_counted_together=counted >= together,
    )


def _same(groups: Sequence[_SplitGroup]) -> str:
    first = groups[0]
    if first.of is SplitScope.PROPOSER:
        return f"proposed by {first.entries[-1].line.actor.person}, approved by policy"
    kinds = sorted({group.of for group in groups}, key=[*SplitScope].index)
    return f"the same {', '.join(kinds)} ({str(first.key)[:8]})"


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
