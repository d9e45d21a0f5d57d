"""Reconciliation: compares the provider's statement with the log, and reconciles the payments that agree."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from msgspec import Struct, structs

from application.log.caller import Caller
from application.log.event_log import EventLog
from application.log.streams import RECONCILIATION
from application.money.money_desk import MoneyDesk
from application.money.provider import PaymentProvider
from domain.access_errors import NotInScope
from domain.adjustments import reconciliation
from domain.adjustments.adjustment import PAID_STATES, AdjustmentState
from domain.adjustments.errors import NoPaymentProvider, Refusal
from domain.adjustments.provider_statement import (
    StatementEntry,
    entries_within,
    statement_digest,
    statement_period,
)
from domain.cases.errors import CaseChanged
from domain.permissions import Permission

ATTEMPTS = 20
CLOCK_SKEW = timedelta(minutes=5)
"""How much the provider's clock may differ from ours."""

FindExecuted = Callable[[str, datetime, datetime], Mapping[UUID, tuple[UUID, datetime]]]
"""What a provider paid in a period by the log: each adjustment, with its case and when it was ordered."""
FindCases = Callable[[Collection[UUID]], Mapping[UUID, UUID]]
"""The case of each of these adjustments."""


class Statement(Struct, frozen=True):
    """A provider's statement. Its lines may begin before the period, so that no refund seems missing."""

    provider: str
    since: datetime
    until: datetime
    lines: Sequence[StatementEntry]
    digest: str
    from_file: bool


class ReconciliationResult(Struct, frozen=True):
    """The recorded reconciliation, its stream, and the log's position."""

    id: UUID
    recorded: reconciliation.ReconciliationRecorded
    by: str
    at: datetime
    position: int


class ReconciliationDesk:
    def __init__(
        self,
        log: EventLog,
        money: MoneyDesk,
        provider: PaymentProvider | None,
        executed: FindExecuted,
        cases_of: FindCases,
    ) -> None:
        self._log = log
        self._money = money
        self._provider = provider
        self._executed = executed
        self._cases_of = cases_of

    def fetch_statement(self, since: datetime, until: datetime) -> Statement:
        """The provider's statement of a period, with lines from the time when its first payment was
        ordered. Raises NoPaymentProvider, OutcomeUnknown."""
        provider = self._connected()
        ordered = [at for _, at in self._executed(provider.name, since, until).values()]
        lines = [*provider.statement(min([since, *ordered]) - CLOCK_SKEW)]
        digest = statement_digest(entries_within(lines, since, until))
        return Statement(provider.name, since, until, lines, digest, False)

    def from_file(self, lines: Sequence[StatementEntry], digest: str) -> Statement:
        """The statement in a file, for the period from its first to its last line. Raises
        NoPaymentProvider, StatementNotWhole."""
        since, until = statement_period(lines)
        return Statement(self._connected().name, since, until, lines, digest, True)

    def reconcile(self, statement: Statement, by: Caller) -> ReconciliationResult:
        """Reconcile the payments that agree and are not reconciled yet, and record the reconciliation.

        A payment that a rule forbids to the caller becomes a discrepancy. Raises NotInScope if the caller
        may not reconcile everywhere, since a statement is compared as a whole.
        """
        if Permission.RECONCILE_ADJUSTMENTS not in by.authority.everywhere:
            raise NotInScope(
                "a statement is compared with all cases, but your grants have a scope; ask somebody without one",
                permission=Permission.RECONCILE_ADJUSTMENTS,
            )
        position = self._log.head()
        compared = self._compare(statement)
        reconciled, against = 0, []
        for match in compared.matched:
            if match.adjustment.state is AdjustmentState.RECONCILED:
                continue
            try:
                reconciled += self._reconcile(
                    match, statement.digest, structs.replace(by, row=None)
                )
            except (Refusal, NotInScope) as refused:
                against.append(reconciliation.duty_discrepancy(match, refused.detail[:500]))
        found = (*compared.discrepancies, *against)
        return self._record(statement, compared, reconciled, found, position, by)

    def _compare(self, statement: Statement) -> reconciliation.Comparison:
        since, until = statement.since, statement.until
        executed = self._executed(statement.provider, since, until)
        # A payment that was ordered before the file begins may be in an older file.
        expected = {
            adjustment
            for adjustment, (_, ordered_at) in executed.items()
            if not statement.from_file or ordered_at >= since
        }
        named = {key for line in statement.lines if (key := _adjustment_id(line)) is not None}
        cases_of = self._cases_of({*named, *expected})
        cases = self._money.cases([*dict.fromkeys(cases_of.values())]) if cases_of else {}
        ours = {
            str(adjustment): reconciliation.CaseAdjustment(
                case, cases[case].adjustments.get(adjustment)
            )
            for adjustment, case in cases_of.items()
        }
        paid = {key for key in map(str, expected) if ours[key].adjustment.state in PAID_STATES}
        return reconciliation.compare_statement(
            statement.provider, statement.lines, ours, paid, since, until
        )

    def _reconcile(self, match: reconciliation.CaseAdjustment, digest: str, by: Caller) -> bool:
        """Whether it was reconciled by this call. Raises a Refusal, NotInScope."""
        for _ in range(ATTEMPTS):
            case = self._money.cases([match.case])[match.case]
            if case.adjustments.get(match.adjustment.id).state is not AdjustmentState.EXECUTED:
                return False  # another caller was faster
            try:
                self._money.reconcile(case.id, case.version, match.adjustment.id, digest, by)
            except CaseChanged:
                continue
            return True
        return False

    def _record(
        self,
        statement: Statement,
        compared: reconciliation.Comparison,
        reconciled: int,
        found: Sequence[reconciliation.Discrepancy],
        position: int,
        by: Caller,
    ) -> ReconciliationResult:
        event = reconciliation.ReconciliationRecorded(
            provider=statement.provider,
            since=statement.since,
            until=statement.until,
            statement=statement.digest,
            from_file=statement.from_file,
            position=position,
            lines=compared.lines,
            matched=len(compared.matched),
            reconciled=reconciled,
            counts=dict(sorted(Counter(discrepancy.kind.value for discrepancy in found).items())),
            sums=compared.sums,
            discrepancies=tuple(found[: reconciliation.MAX_LISTED_DISCREPANCIES]),
        )
        stream = uuid4()
        result = ReconciliationResult(stream, event, by.person, by.now, 0)
        write = by.write(stream, RECONCILIATION, 0, [event])
        appended = self._log.append([write], by.row_of(result))
        return structs.replace(result, position=appended.position)

    def _connected(self) -> PaymentProvider:
        if self._provider is None:
            raise NoPaymentProvider("there is no statement to compare with")
        return self._provider


def _adjustment_id(line: StatementEntry) -> UUID | None:
    try:
        return UUID(line.key or "")
    except ValueError:
        return None
