"""Payments that were ordered are made: each once, whatever is killed in between.

The order to pay is an event. Whoever comes by asks the provider first what it knows of it, and pays
under the adjustment's own key only what the provider has never heard of; so a lost answer, a killed
worker or two of them lead to one payment. What is found out is recorded by nobody's decision.

Only the provider that the order was given to is asked: another knows nothing of it, and would pay.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime
from uuid import UUID

from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.repository import Repository
from application.log.streams import CASE
from application.log.writes import timer_after
from application.money.provider import Given, PaymentProvider, Refund
from application.timekeeper import STORE_FAULTS
from domain.adjustments.adjustment import Adjustment, AdjustmentState
from domain.adjustments.errors import OutcomeUnknown, RefundKeyReused, RefundRefused
from domain.adjustments.events import (
    AdjustmentExecuted,
    AmountDiffers,
    ExecutionFailed,
    OutcomeInDoubt,
    PaymentTold,
)
from domain.adjustments.kinds import AdjustmentReason
from domain.adjustments.statement import GivenStatus
from domain.cases.exception_case import ExceptionCase
from domain.money import PositiveMoney
from domain.people import PAYER

AT_ONCE = 8
ATTEMPTS = 50
LOOK_SECONDS = 0.2
"""How long those that answer soon are waited for; the others go on meanwhile."""
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
_logger = logging.getLogger("casetrail.payer")

Ordered = tuple[UUID, UUID]
"""A case, and its adjustment that is to be paid."""
FindOrdered = Callable[[str, Collection[UUID]], Sequence[Ordered]]
"""What was ordered at a provider, but for some adjustments; it may be behind."""
_REASONS = {
    AdjustmentReason.DUPLICATE: "duplicate",
    AdjustmentReason.FRAUDULENT: "fraudulent",
}


class Payer:
    """What `ordered` tells is looked up in its own case before anything is done."""

    def __init__(
        self,
        log: EventLog,
        cases: Repository[ExceptionCase],
        provider: PaymentProvider,
        ordered: FindOrdered,
    ) -> None:
        self._log = log
        self._cases = cases
        self._provider = provider
        self._ordered = ordered
        self._pool = ThreadPoolExecutor(AT_ONCE, "payer")
        self._under_way: dict[UUID, Future[bool]] = {}
        self._pauses: dict[UUID, tuple[float, float]] = {}
        """What is not to be asked about before a time, and how long it was left alone for."""

    def pay(self, now: Callable[[], datetime]) -> int:
        """Look after what is to be paid; return of how many something was found out since the last
        look. One that takes long, or for which the provider is down, holds up no other."""
        resting, rested = self._resting()
        listed = self._ordered(self._provider.name, [*resting, *self._under_way])
        for one in listed:
            self._under_way[one[1]] = self._pool.submit(self._pay, one, now)
        for settled in set(rested) - {adjustment for _, adjustment in listed}:
            self._pauses.pop(settled, None)
        wait(self._under_way.values(), LOOK_SECONDS)
        done = [one for one, asked in self._under_way.items() if asked.done()]
        return sum([asked.result() for asked in [self._under_way.pop(one) for one in done]])

    def close(self) -> None:
        self._pool.shutdown()

    def _resting(self) -> tuple[list[UUID], list[UUID]]:
        """What is left alone for now, and what has been for long enough."""
        now = time.monotonic()
        known = list(self._pauses.items())
        resting = [one for one, (until, _) in known if until > now]
        return resting, [one for one, (until, _) in known if until <= now]

    def _pay(self, one: Ordered, now: Callable[[], datetime]) -> bool:
        case_id, adjustment_id = one
        try:
            adjustment = self._executing(case_id, adjustment_id)
            told = self._found_out(adjustment, case_id) if adjustment is not None else ()
            if not told or isinstance(told[0], OutcomeInDoubt):
                self._leave_alone(adjustment_id)
            else:
                self._pauses.pop(adjustment_id, None)
            return bool(told) and self._record(case_id, told, now)
        except STORE_FAULTS:
            raise
        except Exception:
            # One that cannot be looked after must not end the work on the others.
            _logger.exception("adjustment %s of case %s", adjustment_id, case_id)
            self._leave_alone(adjustment_id)
            return False

    def _found_out(self, adjustment: Adjustment, case_id: UUID) -> Sequence[PaymentTold]:
        """What the provider's word means; nothing while it has not made up its mind."""
        try:
            return self._told(adjustment, self._given(adjustment, case_id))
        except OutcomeUnknown as unknown:
            return _in_doubt(adjustment, unknown.detail)
        except RefundRefused as refused:
            return [
                ExecutionFailed(
                    adjustment=adjustment.id, provider=self._provider.name, detail=refused.detail
                )
            ]
        except RefundKeyReused as reused:
            # A fault of ours, and nothing that another try would mend: people have to look.
            _logger.error("adjustment %s of case %s: %s", adjustment.id, case_id, reused)
            return _in_doubt(adjustment, str(reused))

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

    def _told(self, adjustment: Adjustment, given: Given) -> Sequence[PaymentTold]:
        provider = self._provider.name
        if given.status is GivenStatus.PENDING:
            return ()
        if given.status is GivenStatus.FAILED:
            detail = given.failure or "the provider says that it failed"
            return [ExecutionFailed(adjustment=adjustment.id, provider=provider, detail=detail)]
        amount = PositiveMoney(given.amount.amount, given.amount.currency)
        executed = AdjustmentExecuted(
            adjustment=adjustment.id, provider=provider, reference=given.reference, amount=amount
        )
        if given.amount.is_same_as(adjustment.amount):
            return [executed]
        ordered = PositiveMoney(adjustment.amount.amount, adjustment.amount.currency)
        _logger.error(
            "adjustment %s: %s gave %s, ordered was %s", adjustment.id, provider, amount, ordered
        )
        return [executed, AmountDiffers(adjustment=adjustment.id, ordered=ordered, given=amount)]

    def _record(
        self, case_id: UUID, told: Sequence[PaymentTold], now: Callable[[], datetime]
    ) -> bool:
        """It is so, whatever else happens to the case meanwhile."""
        for _ in range(ATTEMPTS):
            case = self._cases.caught_up([case_id])[case_id]
            adjustment = case.adjustments.get(told[0].adjustment)
            if adjustment.state is not AdjustmentState.EXECUTING:
                return False  # somebody else found out, too
            if adjustment.in_doubt and isinstance(told[0], OutcomeInDoubt):
                return False  # it is said once
            at = now()
            after = case
            for event in told:
                after = after.after(event, case.order, at, PAYER)
            write = Write(
                stream=case_id,
                kind=CASE,
                expected=case.version,
                events=[(PAYER, event) for event in told],
                recorded_at=at,
                cause=f"payment:{adjustment.id}",
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
        """None as well if it was ordered at another provider."""
        case = self._cases.caught_up([case_id]).get(case_id)
        found = case.adjustments.get(adjustment_id) if case is not None else None
        if found is None or found.provider != self._provider.name:
            return None
        return found if found.state is AdjustmentState.EXECUTING else None

    def _leave_alone(self, adjustment: UUID) -> None:
        """For a while, and longer each time."""
        before = self._pauses.get(adjustment, (0.0, FIRST_PAUSE_SECONDS / 2))[1]
        pause = min(before * 2, LONGEST_PAUSE_SECONDS)
        self._pauses[adjustment] = (time.monotonic() + pause, pause)


def _in_doubt(adjustment: Adjustment, detail: str) -> Sequence[PaymentTold]:
    return () if adjustment.in_doubt else [OutcomeInDoubt(adjustment=adjustment.id, detail=detail)]
