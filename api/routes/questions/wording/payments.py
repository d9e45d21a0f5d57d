"""Question 18 in words: payments compared with approvals, and with statements of a provider."""

from collections.abc import Sequence

from api.routes.questions.question import AnswerSources, QuestionParameters
from api.routes.questions.times import PeriodParameters
from api.routes.questions.wording.context import case_name, in_period
from api.routes.questions.words import (
    Item,
    Words,
    at,
    given_to_customer,
    ids,
    if_any,
    many,
    money,
    names,
    order_of,
    plain,
    readable,
    short,
    sums,
)
from application.audit.payments import PaymentCheck, StatementReconciliation, UnpaidApproval
from application.audit.provider_statement import StatementComparison
from domain.adjustments.reconciliation import Discrepancy, DiscrepancyKind


def what_was_paid(sources: AnswerSources, given: PeriodParameters, found: PaymentCheck) -> Words:
    unpaid = found.approved_not_paid
    waiting = [one for one in unpaid if one.is_waiting]
    differing = [one for one in found.by_providers if one.counts]
    total = sums((one.amount, one.currency) for one in unpaid)
    statements = (
        f"{many(len(found.by_providers), 'statement')} of a provider "
        f"{'was' if len(found.by_providers) == 1 else 'were'} compared with the log; "
        f"{len(differing)} differed."
        if found.by_providers
        else "No statement of a provider was compared with the log, so whether they "
        "differ is NOT known."
    )
    unreconciled = sums((one.amount, one.currency) for one in found.not_reconciled)
    return Words(
        says=[
            "Executed but not approved, by the log: "
            f"{many(len(found.paid_not_approved), 'payment')}"
            + (", which must not be." if found.paid_not_approved else f" of {found.paid:,}.")
            + _paid_by_statements_only(found.by_providers),
            f"Approved but not executed: {len(unpaid)} of {many(found.approved, 'adjustment')}"
            + (
                f", {total}; {len(waiting)} of them may still be paid{_in_doubt(unpaid)}."
                if unpaid
                else "."
            ),
            statements,
            f"Paid, and on no statement yet: {many(len(found.not_reconciled), 'payment')}"
            + (f", {unreconciled}." if found.not_reconciled else "."),
            *(
                [
                    f"{many(len(found.on_unknown_evidence), 'adjustment')} cited "
                    "evidence that named nothing known then."
                ]
                if found.on_unknown_evidence
                else []
            ),
        ],
        searched="the trail of every case with an adjustment, and all reconciliations. "
        + in_period(sources, given),
        next_steps=[
            "`casetrail audit statement FILE` compares a statement of the provider's "
            "now, and reconciles nothing."
        ],
        sections=[
            *if_any(
                "Executed but not approved: this must be empty",
                [
                    Item(
                        f"{at(one.recorded_at)}  {one.type} by {one.who}, "
                        f"{order_of(one.order, one.shop)}",
                        [*one.why, f"position {one.position:,}, {ids(one.case, one.adjustment)}"],
                    )
                    for one in found.paid_not_approved
                ],
            ),
            *if_any("Approved but not executed", [*map(_unpaid, unpaid)]),
            *if_any(
                "Paid, and on no statement yet",
                [
                    Item(
                        f"{at(one.paid_at)}  {money(one.amount, one.currency)} by "
                        f"{one.provider}, {order_of(one.order, one.shop)}",
                        [f"reference {one.reference}", ids(one.case, one.adjustment)],
                    )
                    for one in found.not_reconciled
                ],
            ),
            *if_any(
                "On unknown evidence",
                [
                    Item(
                        f"{at(one.recorded_at)}  proposed by {one.who}, "
                        f"{order_of(one.order, one.shop)}, now {plain(one.state)}",
                        [
                            f"not found: {names(one.not_found)}",
                            f"position {one.position:,}, {ids(one.case, one.adjustment)}",
                        ],
                    )
                    for one in found.on_unknown_evidence
                ],
            ),
            *if_any(
                "Statements that were compared",
                [_reconciliation(sources, one) for one in found.by_providers],
            ),
        ],
    )


def _in_doubt(unpaid: Sequence[UnpaidApproval]) -> str:
    lost = sum(one.in_doubt for one in unpaid)
    return f" or, for {lost} whose answer was lost, may have been paid already" if lost else ""


def _paid_by_statements_only(compared: Sequence[StatementReconciliation]) -> str:
    """What the statements say was paid and the log does not bear out."""
    found = [
        one
        for statement in compared
        for one in statement.discrepancies
        if one.kind in (DiscrepancyKind.UNKNOWN_HERE, DiscrepancyKind.NOT_EXECUTED_HERE)
    ]
    if not found:
        return ""
    told = sums((x.there.amount, x.there.currency) for x in found if x.there is not None)
    return (
        f" But the statements of providers have {many(len(found), 'payment')} that the log does not "
        f"bear out: {told} (listed below)."
    )


def _unpaid(one: UnpaidApproval) -> Item:
    return Item(
        f"{given_to_customer(one.kind, one.amount, one.currency)}, {order_of(one.order, one.shop)}",
        [
            f"approved by {names(one.approved_by, 'policy')} at {at(one.approved_at)}",
            f"{plain(one.state)}: {_why_unpaid(one.why)}",
            *(
                ["the provider's answer was lost: the payment may have been made"]
                if one.in_doubt
                else []
            ),
            ids(one.case, one.adjustment),
        ],
    )


def _why_unpaid(why: str) -> str:
    causes = {
        "lapsed: policy": "another policy took effect before it was paid",
        "lapsed: time": "it was not paid in the time that policy gives",
        "lapsed: facts": "the facts on which it was approved changed",
    }
    return causes.get(why, readable(why))


def _reconciliation(sources: AnswerSources, one: StatementReconciliation) -> Item:
    return Item(
        f"{at(one.recorded_at)}  {one.provider}, from {at(one.since)} to "
        f"{at(one.until)}, compared by {one.who}",
        [
            f"{one.matched} of {many(one.lines, 'line')} found in the log"
            + (", from a file" if one.from_file else ""),
            *(f"{plain(kind)}: {count}" for kind, count in one.counts.items()),
            *(_discrepancy(sources, x) for x in one.discrepancies),
            f"statement {short(one.statement)}, position {one.position:,}",
        ],
    )


def _discrepancy(sources: AnswerSources, one: Discrepancy) -> str:
    amounts = [
        *(
            [f"in the log {money(one.here.amount, one.here.currency)}"]
            if one.here is not None
            else []
        ),
        *(
            [f"on the statement {money(one.there.amount, one.there.currency)}"]
            if one.there is not None
            else []
        ),
    ]
    where = f"; {case_name(sources, one.case)}" if one.case is not None else ""
    return (
        f"{plain(one.kind)}: "
        f"{readable(one.detail)}{f'; {names(amounts)}' if amounts else ''}{where}"
    )


def statement_compared(
    sources: AnswerSources, _: QuestionParameters, found: StatementComparison
) -> Words:
    differ = len(found.discrepancies)
    return Words(
        says=[
            f"{'Nothing differs' if not differ else many(differ, 'difference')}: "
            f"{found.matched} of {many(found.lines, 'line')} of the statement "
            f"{'is' if found.matched == 1 else 'are'} in the log."
        ],
        searched="every line of the statement, and every payment by the provider in its "
        "period in the log, in both directions. Nothing was reconciled.",
        next_steps=["`casetrail adjustments reconcile` records a comparison."],
        sections=if_any(
            "Differences", [Item(_discrepancy(sources, one)) for one in found.discrepancies]
        ),
    )
