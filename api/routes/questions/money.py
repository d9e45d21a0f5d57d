"""Questions about money: split proposals, durations, and payments compared with approvals."""

from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated

from msgspec import Meta

from api.http.errors import MalformedParameter
from api.routes.questions.question import AnswerSources, Question
from api.routes.questions.times import PeriodParameters
from application.audit.durations import Durations, measure_durations
from application.audit.given_back import GivenBack, check_given_back
from application.audit.payments import PaymentCheck, check_payments
from application.audit.split_sums import FoundSplits
from application.audit.splits import find_splits

MOST_DAYS = 3_660


class SplitsParameters(PeriodParameters, frozen=True, kw_only=True):
    threshold: Annotated[
        str | None,
        Meta(
            description="The limit that each stays below, in the currency of the approval matrix "
            "[each limit of the policy at that time]."
        ),
    ] = None
    days: Annotated[
        int | None, Meta(description="Within so many days [the window of the policy at that time].")
    ] = None


def which_splits(sources: AnswerSources, given: SplitsParameters) -> FoundSplits:
    """Proposals for one order or one customer that each stay within a limit and together exceed it; and
    whether the matrix counted them together."""
    window = None
    if given.days is not None:
        if not 0 < given.days <= MOST_DAYS:
            raise MalformedParameter(f"days={given.days} must be from 1 to {MOST_DAYS}")
        window = timedelta(days=given.days)
    threshold = _parse_amount(given.threshold) if given.threshold is not None else None
    matrix = sources.desks.policy.matrix
    return find_splits(sources.reading, matrix, given.period, threshold, window)


def _parse_amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount <= 0:
        raise MalformedParameter(f"threshold={text} is not an amount above 0")
    return amount


def how_long(sources: AnswerSources, given: PeriodParameters) -> Durations:
    """For each adjustment proposed in the period, and as quantiles, in seconds; with the pauses and
    breaches of its case."""
    return measure_durations(sources.reading, given.period)


def what_was_paid(sources: AnswerSources, given: PeriodParameters) -> PaymentCheck:
    """Adjustments that were approved and not paid; paid or ordered without the needed approvals (must be
    empty); paid and missing in the provider's statement; and every reconciliation."""
    return check_payments(sources.reading, given.period)


def what_was_given_back(sources: AnswerSources, given: PeriodParameters) -> GivenBack:
    """The payments, lines and charges of which any system gave back more than was taken (must be empty),
    among the orders about which a refund, a dispute or a return was stated in the period; with the case
    about each."""
    return check_given_back(sources.reading, given.period)


MONEY_QUESTIONS = (
    Question(
        number=16,
        answer=which_splits,
        holds=lambda found: all(split.is_counted_together for split in found.splits),
    ),
    Question(number=17, answer=how_long),
    Question(
        number=18,
        answer=what_was_paid,
        holds=lambda found: not found.paid_not_approved,
        routes=("GET /v1/adjustments", "GET /v1/reconciliations", "POST /v1/audit/statement"),
        commands=("casetrail audit statement", "casetrail adjustments reconcile"),
    ),
    Question(number=26, answer=what_was_given_back, holds=lambda found: not found.too_much),
)
