"""Payments that were ordered are made: each once, whatever is killed in between.

The order to pay is an event. Whoever comes by asks the provider first what it knows of it, and pays
under the adjustment's own key only what the provider has never heard of; so a lost answer, a killed
worker or two of them lead to one payment. What is found out is recorded by nobody's decision.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from uuid import UUID

from application.event_log import EventLog, Write
from application.log_recorder import VersionTaken
from application.payments import Given, GivenStatus, PaymentProvider, Refund
from application.repository import Repository
from application.streams import CASE
from application.writes import timer_after
from domain.adjustments.adjustment import Adjustment, AdjustmentState
from domain.adjustments.events import (
    AdjustmentExecuted,
    ExecutionFailed,
    OutcomeInDoubt,
    PaymentTold,
)
from domain.adjustments.kinds import AdjustmentReason
from domain.cases.exception_case import ExceptionCase
from domain.errors import OutcomeUnknown, RefundKeyReused, RefundRefused
from domain.money import PositiveMoney
from domain.people import PAYER

AT_ONCE = 8
ATTEMPTS = 50
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
_logger = logging.getLogger("casetrail.payer")

Ordered = tuple[UUID, UUID]
"""A case, and its adjustment that is to be paid."""
_REASONS = {
    AdjustmentReason.DUPLICATE: "duplicate",
    AdjustmentReason.FRAUDULENT: "fraudulent",
}


class Payer:
    """`ordered` tells what is to be paid, and may be behind: each is looked up in its own case."""

    def __init__(
        self,
        log: EventLog,
        cases: Repository[ExceptionCase],
        provider: PaymentProvider,
        ordered: Callable[[], Sequence[Ordered]],
    ) -> None:
        self._log = log
        self._cases = cases
        self._provider = provider
        self._ordered = ordered
        self._pool = ThreadPoolExecutor(AT_ONCE, "payer")
        self._pauses: dict[UUID, tuple[float, float]] = {}
        """What is not to be asked about before a time, and how long it was left alone for."""

    def pay(self, now: Callable[[], datetime]) -> int:
        """Look after what is to be paid; return of how many something was found out."""
        due = [
            one
            for one in self._ordered()
            if self._pauses.get(one[1], (0.0, 0.0))[0] <= time.monotonic()
        ]
        return sum(self._pool.map(lambda one: self._pay(one, now), due))

    def close(self) -> None:
        self._pool.shutdown()

    def _pay(self, one: Ordered, now: Callable[[], datetime]) -> bool:
        case_id, adjustment_id = one
        adjustment = self._executing(case_id, adjustment_id)
        if adjustment is None:
            return False
        told: PaymentTold | None
        try:
            told = self._told(adjustment, self._given(adjustment, case_id))
        except OutcomeUnknown as unknown:
            told = OutcomeInDoubt(adjustment=adjustment.id, detail=unknown.detail)
            told = None if adjustment.in_doubt else told
            self._leave_alone(adjustment.id)
        except RefundRefused as refused:
            told = ExecutionFailed(
                adjustment=adjustment.id, provider=self._provider.name, detail=refused.detail
            )
        except RefundKeyReused:
            # A fault of ours, and nothing that another try would mend: people have to look.
            _logger.exception("adjustment %s of case %s", adjustment.id, case_id)
            self._leave_alone(adjustment.id)
            return False
        if told is None:
            self._leave_alone(adjustment.id)
            return False
        if not isinstance(told, OutcomeInDoubt):
            self._pauses.pop(adjustment.id, None)
        return self._record(case_id, told, now)

    def _given(self, adjustment: Adjustment, case_id: UUID) -> Given:
        assert adjustment.payment is not None
        refund = Refund(
            key=str(adjustment.id),
            payment=adjustment.payment,
            amount=adjustment.amount,
            order=self._cases.at_hand([case_id])[case_id].order,
            reason=_REASONS.get(adjustment.reason, "requested_by_customer"),  # type: ignore[arg-type]
        )
        return self._provider.find(refund) or self._provider.refund(refund)

    def _told(self, adjustment: Adjustment, given: Given) -> PaymentTold | None:
        """What the provider's word means; None while it has not made up its mind."""
        if given.status is GivenStatus.PENDING:
            return None
        if given.status is GivenStatus.FAILED:
            detail = given.failure or "the provider says that it failed"
            return ExecutionFailed(
                adjustment=adjustment.id, provider=self._provider.name, detail=detail
            )
        return AdjustmentExecuted(
            adjustment=adjustment.id,
            provider=self._provider.name,
            reference=given.reference,
            amount=PositiveMoney(given.amount.amount, given.amount.currency),
        )

    def _record(self, case_id: UUID, told: PaymentTold, now: Callable[[], datetime]) -> bool:
        """It is so, whatever else happens to the case meanwhile."""
        for _ in range(ATTEMPTS):
            case = self._cases.caught_up([case_id])[case_id]
            if case.adjustments.get(told.adjustment).state is not AdjustmentState.EXECUTING:
                return False  # somebody else found out, too
            at = now()
            after = case.after(told, case.order, at, PAYER)
            write = Write(
                stream=case_id,
                kind=CASE,
                expected=case.version,
                events=[(PAYER, told)],
                recorded_at=at,
                cause=f"payment:{told.adjustment}",
                order=case.order,
                next_due=timer_after(case, after),
            )
            try:
                self._log.append([write])
            except VersionTaken:
                continue
            self._cases.keep(case_id, after)
            return True
        return False

    def _executing(self, case_id: UUID, adjustment_id: UUID) -> Adjustment | None:
        case = self._cases.caught_up([case_id]).get(case_id)
        found = case.adjustments.get(adjustment_id) if case is not None else None
        return found if found and found.state is AdjustmentState.EXECUTING else None

    def _leave_alone(self, adjustment: UUID) -> None:
        """For a while, and longer each time."""
        before = self._pauses.get(adjustment, (0.0, FIRST_PAUSE_SECONDS / 2))[1]
        pause = min(before * 2, LONGEST_PAUSE_SECONDS)
        self._pauses[adjustment] = (time.monotonic() + pause, pause)
