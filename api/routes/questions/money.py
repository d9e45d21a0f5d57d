"""Questions about money: what was split, how long it took, and what was paid against what was approved."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated

from msgspec import Meta

from api.http.errors import MalformedParameter
from api.routes.questions.question import Question, Sources
from api.routes.questions.times import InPeriod
from application.audit.durations import Durations, durations
from application.audit.payments import Payments, payments
from application.audit.splits import Splits, splits

MOST_DAYS = 3_660


class AboutSplits(InPeriod, frozen=True, kw_only=True):
    threshold: Annotated[
        str | None,
        Meta(
            description="Below which each stays, in the currency of the approval matrix; left out: "
            "each limit of the policy of then."
        ),
    ] = None
    days: Annotated[
        int | None,
        Meta(description="Within how many days; left out: the window of the policy of then."),
    ] = None


def which_splits(sources: Sources, asked: AboutSplits) -> Splits:
    """Proposals for one order, or one customer, that each stay within a limit and together pass it; and
    whether the matrix counted them together."""
    window = None
    if asked.days is not None:
        if not 0 < asked.days <= MOST_DAYS:
            raise MalformedParameter(f"days={asked.days} must be from 1 to {MOST_DAYS}")
        window = timedelta(days=asked.days)
    threshold = _amount(asked.threshold) if asked.threshold is not None else None
    matrix = sources.desks.policy.matrix
    return splits(sources.reading, matrix, asked.period, threshold, window)


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount <= 0:
        raise MalformedParameter(f"threshold={text} is no amount above 0")
    return amount


def how_long(sources: Sources, asked: InPeriod) -> Durations:
    """For each adjustment that was proposed in the period, and as quantiles, in seconds; with the
    pauses and breaches of its case."""
    return durations(sources.reading, asked.period)


def what_was_paid(sources: Sources, asked: InPeriod) -> Payments:
    """Approved and not paid; ordered or paid and not approved as it must be, which must be empty; paid
    by a provider and not found on its list; and every list that was held against the log."""
    return payments(sources.reading, asked.period)


MONEY = (
    Question(
        number=16,
        answer=which_splits,
        holds=lambda told: all(one.is_counted_together for one in told.splits),
    ),
    Question(number=17, answer=how_long),
    Question(
        number=18,
        answer=what_was_paid,
        holds=lambda told: not told.paid_not_approved,
        routes=("GET /v1/adjustments", "GET /v1/reconciliations", "POST /v1/audit/statement"),
        commands=("casetrail audit statement", "casetrail adjustments reconcile"),
    ),
)
