"""Makes the ordered payments, each exactly once, even if processes are killed in between.

The order to pay is an event. A payer first asks the provider about the refund, and requests it only if the
provider does not know it, with the id of the adjustment as idempotency key. So a lost answer, a killed
worker or two workers lead to one payment. The outcome is recorded without any person's decision.

A payer asks only the provider that the payment was ordered at: another one does not know it, and would pay
again.
"""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime
from uuid import UUID

from application.log.caller import system_caller
from application.log.event_log import EventLog
from application.log.recorder import VersionTaken
from application.log.repository import Repository
from application.log.streams import CASE
from application.log.writes import timer_after
from application.money.own_statements import state_own_refund
from application.money.provider import PaymentProvider, RefundRequest, RefundResult
from application.orders.intake import Intake
from application.timekeeper import STORE_ERRORS
from domain.adjustments.adjustment import Adjustment, AdjustmentState
from domain.adjustments.errors import OutcomeUnknown, RefundKeyReused, RefundRefused
from domain.adjustments.events import (
    AdjustmentExecuted,
    AmountDiffers,
    ExecutionFailed,
    OutcomeInDoubt,
    PaymentOutcome,
)
from domain.adjustments.kinds import AdjustmentReason
from domain.adjustments.own_statement import own_statement
from domain.adjustments.provider_statement import RefundStatus
from domain.cases.exception_case import ExceptionCase
from domain.money import to_positive
from domain.orders.order_names import order_name
from domain.people import PAYER_ACTOR

MAX_CONCURRENT = 8
ATTEMPTS = 50
WAIT_SECONDS = 0.2
"""How long `pay` waits for answers; slower ones go on in the background."""
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
_logger = logging.getLogger("casetrail.payer")

OrderedPayment = tuple[UUID, UUID]
"""A case, and its adjustment to pay."""
FindOrderedPayments = Callable[[str, Collection[UUID]], Sequence[OrderedPayment]]
"""Payments ordered at a provider, without the given adjustments; the list may be behind the log."""
_REASONS = {AdjustmentReason.DUPLICATE: "duplicate", AdjustmentReason.FRAUDULENT: "fraudulent"}


class Payer:
    """Pays what `ordered` lists, after a look at each case in the log, since the list may be behind."""

    def __init__(
        self,
        log: EventLog,
        cases: Repository[ExceptionCase],
        provider: PaymentProvider,
        ordered: FindOrderedPayments,
        intake: Intake,
    ) -> None:
        self._log = log
        self._cases = cases
        self._provider = provider
        self._ordered = ordered
        self._intake = intake
        self._pool = ThreadPoolExecutor(MAX_CONCURRENT, "payer")
        self._running: dict[UUID, Future[bool]] = {}
        self._pauses: dict[UUID, tuple[float, float]] = {}
        """When each may be tried again (monotonic seconds), and the length of its last pause."""

    def pay(self, now: Callable[[], datetime]) -> int:
        """Start the ordered payments; return how many outcomes were recorded since the last call. A slow
        payment, or one whose provider is down, delays no other."""
        paused, due = self._paused_and_due()
        listed = self._ordered(self._provider.name, [*paused, *self._running])
        for case_id, adjustment in listed:
            self._running[adjustment] = self._pool.submit(self._pay, case_id, adjustment, now)
        for settled in set(due) - {adjustment for _, adjustment in listed}:
            self._pauses.pop(settled, None)
        wait(self._running.values(), WAIT_SECONDS)
        done = [adjustment for adjustment, future in self._running.items() if future.done()]
        return sum([future.result() for future in [self._running.pop(key) for key in done]])

    def close(self) -> None:
        self._pool.shutdown()

    def _paused_and_due(self) -> tuple[list[UUID], list[UUID]]:
        """The adjustments that are paused, and those whose pause is over."""
        now = time.monotonic()
        known = list(self._pauses.items())
        paused = [adjustment for adjustment, (until, _) in known if until > now]
        return paused, [adjustment for adjustment, (until, _) in known if until <= now]

    def _pay(self, case_id: UUID, adjustment_id: UUID, now: Callable[[], datetime]) -> bool:
        try:
            adjustment = self._find_executing(case_id, adjustment_id)
            outcome = self._ask_outcome(adjustment, case_id) if adjustment is not None else ()
            if not outcome or isinstance(outcome[0], OutcomeInDoubt):
                self._pause(adjustment_id)
            else:
                self._pauses.pop(adjustment_id, None)
            return bool(outcome) and self._record(case_id, outcome, now)
        except STORE_ERRORS:
            raise
        except Exception:
            # A failure of one payment must not end the work on the others.
            _logger.exception("cannot pay adjustment %s of case %s", adjustment_id, case_id)
            self._pause(adjustment_id)
            return False

    def _ask_outcome(self, adjustment: Adjustment, case_id: UUID) -> Sequence[PaymentOutcome]:
        """The outcome as events; none while the provider has the refund pending."""
        try:
            return self._outcome_of(adjustment, self._refund(adjustment, case_id))
        except OutcomeUnknown as unknown:
            return _doubt_events(adjustment, unknown.detail)
        except RefundRefused as refused:
            return [
                ExecutionFailed(
                    adjustment=adjustment.id, provider=self._provider.name, detail=refused.detail
                )
            ]
        except RefundKeyReused as reused:
            # An error of ours, which another attempt would not mend: a person has to look at it.
            _logger.error("adjustment %s of case %s: %s", adjustment.id, case_id, reused)
            return _doubt_events(adjustment, str(reused))

    def _refund(self, adjustment: Adjustment, case_id: UUID) -> RefundResult:
        assert adjustment.payment is not None
        name = order_name(self._cases.cached([case_id])[case_id].order)
        refund = RefundRequest(
            key=str(adjustment.id),
            payment=adjustment.payment,
            amount=adjustment.amount,
            order=name.order,
            shop=name.shop,
            reason=_REASONS.get(adjustment.reason, "requested_by_customer"),  # type: ignore[arg-type]
        )
        return self._provider.find(refund) or self._provider.refund(refund)

    def _outcome_of(self, adjustment: Adjustment, given: RefundResult) -> Sequence[PaymentOutcome]:
        provider = self._provider.name
        if given.status is RefundStatus.PENDING:
            return ()
        if given.status is RefundStatus.FAILED:
            detail = (
                given.failure or "the provider reports that the refund failed and gives no reason"
            )
            return [ExecutionFailed(adjustment=adjustment.id, provider=provider, detail=detail)]
        amount = to_positive(given.amount)
        executed = AdjustmentExecuted(
            adjustment=adjustment.id, provider=provider, reference=given.reference, amount=amount
        )
        if given.amount.is_same_as(adjustment.amount):
            return [executed]
        ordered = to_positive(adjustment.amount)
        _logger.error(
            "adjustment %s: %s paid %s, but %s was ordered",
            adjustment.id,
            provider,
            amount,
            ordered,
        )
        return [executed, AmountDiffers(adjustment=adjustment.id, ordered=ordered, given=amount)]

    def _record(
        self, case_id: UUID, outcome: Sequence[PaymentOutcome], now: Callable[[], datetime]
    ) -> bool:
        """Record the outcome at any version of the case, since it is a fact; False if it was recorded."""
        if isinstance(outcome[0], AdjustmentExecuted):
            # The order learns of it first: if we stop in between, the adjustment is still executing, and
            # both are done again.
            self._state_refund(case_id, outcome[0], now())
        for _ in range(ATTEMPTS):
            case = self._cases.refreshed([case_id])[case_id]
            adjustment = case.adjustments.get(outcome[0].adjustment)
            if adjustment.state is not AdjustmentState.EXECUTING:
                return False  # another payer recorded it
            if adjustment.in_doubt and isinstance(outcome[0], OutcomeInDoubt):
                return False  # doubt is recorded once
            at = now()
            after = case
            for event in outcome:
                after = after.after(event, case.order, at, PAYER_ACTOR)
            by = system_caller(PAYER_ACTOR, at, f"payment:{adjustment.id}")
            due = timer_after(case, after)
            try:
                self._log.append([by.write(case_id, CASE, case.version, outcome, case.order, due)])
            except VersionTaken:
                continue
            self._cases.keep(case_id, after)
            return True
        return False

    def _state_refund(self, case_id: UUID, executed: AdjustmentExecuted, at: datetime) -> None:
        case = self._cases.refreshed([case_id])[case_id]
        adjustment = case.adjustments.get(executed.adjustment)
        if adjustment.state is AdjustmentState.EXECUTING:
            statement = own_statement(case.order, adjustment, executed, at)
            state_own_refund(self._intake, statement, at)

    def _find_executing(self, case_id: UUID, adjustment_id: UUID) -> Adjustment | None:
        """The adjustment, if it is executing at this provider."""
        case = self._cases.refreshed([case_id]).get(case_id)
        found = case.adjustments.get(adjustment_id) if case is not None else None
        if found is None or found.provider != self._provider.name:
            return None
        return found if found.state is AdjustmentState.EXECUTING else None

    def _pause(self, adjustment: UUID) -> None:
        """Pause the adjustment, twice as long each time."""
        before = self._pauses.get(adjustment, (0.0, FIRST_PAUSE_SECONDS / 2))[1]
        pause = min(before * 2, LONGEST_PAUSE_SECONDS)
        self._pauses[adjustment] = (time.monotonic() + pause, pause)


def _doubt_events(adjustment: Adjustment, detail: str) -> Sequence[PaymentOutcome]:
    return () if adjustment.in_doubt else [OutcomeInDoubt(adjustment=adjustment.id, detail=detail)]
