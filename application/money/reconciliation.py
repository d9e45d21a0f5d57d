"""Reconciliation: the provider's own list is held against the log, and what agrees is reconciled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from msgspec import Struct, structs

from application.log.caller import Caller
from application.log.event_log import EventLog, Write
from application.log.streams import RECONCILIATION
from application.money.money_desk import MoneyDesk
from application.money.provider import PaymentProvider
from domain.access_errors import NotInScope
from domain.adjustments import reconciliation
from domain.adjustments.adjustment import PAID, AdjustmentState
from domain.adjustments.errors import NoPaymentProvider, Refusal, StatementNotWhole
from domain.adjustments.reconciliation import (
    MOST_TOLD,
    Comparison,
    Discrepancy,
    Ours,
    ReconciliationRecorded,
)
from domain.adjustments.statement import StatementLine, statement_digest
from domain.cases.errors import CaseChanged
from domain.permissions import Permission

ATTEMPTS = 20
SKEW = timedelta(minutes=5)
"""By how much the provider's clock may be behind ours, or before it."""

Executed = Callable[[str, datetime, datetime], Mapping[UUID, tuple[UUID, datetime]]]
"""What a provider paid in a period, as the log knows: the adjustment, its case, and when it was ordered."""
CasesOf = Callable[[Collection[UUID]], Mapping[UUID, UUID]]
"""The cases of adjustments."""


class Statement(Struct, frozen=True):
    """A provider's list. `lines` may begin before the period, so that nothing seems to be missing."""

    provider: str
    since: datetime
    until: datetime
    lines: Sequence[StatementLine]
    digest: str
    from_file: bool


class Reconciled(Struct, frozen=True):
    """What was recorded, in which stream, and the log's position."""

    id: UUID
    recorded: ReconciliationRecorded
    by: str
    at: datetime
    position: int


class ReconciliationDesk:
    def __init__(
        self,
        log: EventLog,
        money: MoneyDesk,
        provider: PaymentProvider | None,
        executed: Executed,
        cases_of: CasesOf,
    ) -> None:
        self._log = log
        self._money = money
        self._provider = provider
        self._executed = executed
        self._cases_of = cases_of

    def ask_provider(self, since: datetime, until: datetime) -> Statement:
        """Its list of the period, from when the first that was paid then had been ordered. Raises
        NoPaymentProvider, OutcomeUnknown."""
        provider = self._connected()
        ordered = [at for _, at in self._executed(provider.name, since, until).values()]
        lines = [*provider.statement(min([since, *ordered]) - SKEW)]
        told = [line for line in lines if since <= line.created_at <= until]
        return Statement(provider.name, since, until, lines, statement_digest(told), False)

    def from_file(self, lines: Sequence[StatementLine], digest: str) -> Statement:
        """Of the period that the file covers. Raises NoPaymentProvider, StatementNotWhole."""
        if not lines:
            raise StatementNotWhole("it has no lines, and so no period")
        times = [line.created_at for line in lines]
        return Statement(self._connected().name, min(times), max(times), lines, digest, True)

    def reconcile(self, statement: Statement, by: Caller) -> Reconciled:
        """Reconcile what agrees and is not reconciled yet, as far as the caller may, and record the
        whole. Raises NotInScope for somebody who may not everywhere: a list is compared as a whole.
        """
        if Permission.RECONCILE_ADJUSTMENTS not in by.authority.everywhere:
            raise NotInScope(
                "a statement is held against all cases, and your grants have a scope",
                permission=Permission.RECONCILE_ADJUSTMENTS,
            )
        position = self._log.head()
        compared = self._compared(statement)
        reconciled, against = 0, []
        for one in compared.matched:
            if one.adjustment.state is AdjustmentState.RECONCILED:
                continue
            try:
                reconciled += self._one(one, statement.digest, structs.replace(by, row=None))
            except (Refusal, NotInScope) as refused:
                against.append(reconciliation.not_yours(one, refused.detail[:500]))
        found = (*compared.discrepancies, *against)
        return self._record(statement, compared, reconciled, found, position, by)

    def _compared(self, statement: Statement) -> Comparison:
        since, until = statement.since, statement.until
        executed = self._executed(statement.provider, since, until)
        # A file has nothing of before it begins: what had been ordered by then may be in an older one.
        expected = {
            adjustment
            for adjustment, (_, ordered_at) in executed.items()
            if not statement.from_file or ordered_at >= since
        }
        named = {key for line in statement.lines if (key := _adjustment(line)) is not None}
        cases_of = self._cases_of({*named, *expected})
        cases = self._money.cases([*dict.fromkeys(cases_of.values())]) if cases_of else {}
        ours = {
            str(one): Ours(case, cases[case].adjustments.get(one)) for one, case in cases_of.items()
        }
        paid = {str(one) for one in expected if ours[str(one)].adjustment.state in PAID}
        return reconciliation.compare(statement.provider, statement.lines, ours, paid, since, until)

    def _one(self, one: Ours, digest: str, by: Caller) -> bool:
        """Whether it was reconciled just now. Raises a Refusal, NotInScope."""
        for _ in range(ATTEMPTS):
            case = self._money.cases([one.case])[one.case]
            if case.adjustments.get(one.adjustment.id).state is not AdjustmentState.EXECUTED:
                return False  # somebody else was quicker
            try:
                self._money.reconcile(case.id, case.version, one.adjustment.id, digest, by)
            except CaseChanged:
                continue
            return True
        return False

    def _record(
        self,
        statement: Statement,
        compared: Comparison,
        reconciled: int,
        found: Sequence[Discrepancy],
        position: int,
        by: Caller,
    ) -> Reconciled:
        event = ReconciliationRecorded(
            provider=statement.provider,
            since=statement.since,
            until=statement.until,
            statement=statement.digest,
            from_file=statement.from_file,
            position=position,
            lines=compared.lines,
            matched=len(compared.matched),
            reconciled=reconciled,
            counts=dict(sorted(Counter(one.kind.value for one in found).items())),
            sums=compared.sums,
            discrepancies=tuple(found[:MOST_TOLD]),
        )
        stream = uuid4()
        write = Write(
            stream=stream,
            kind=RECONCILIATION,
            expected=0,
            events=[(by.actor, event)],
            recorded_at=by.now,
            cause=by.cause,
        )
        done = Reconciled(stream, event, by.person, by.now, 0)
        appended = self._log.append([write], by.row(done) if by.row is not None else None)
        return structs.replace(done, position=appended.position)

    def _connected(self) -> PaymentProvider:
        if self._provider is None:
            raise NoPaymentProvider("there is no list to compare with")
        return self._provider


def _adjustment(line: StatementLine) -> UUID | None:
    try:
        return UUID(line.key or "")
    except ValueError:
        return None
