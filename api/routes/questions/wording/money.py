"""Questions 16, 17 and 26 in words: split sums, durations, and what was given back."""

from collections.abc import Sequence
from datetime import timedelta

from api.routes.questions.money import SplitsParameters
from api.routes.questions.question import AnswerSources
from api.routes.questions.times import PeriodParameters
from api.routes.questions.wording.context import in_period
from api.routes.questions.words import (
    Item,
    Words,
    at,
    given_to_customer,
    ids,
    if_any,
    length,
    many,
    money,
    names,
    order_of,
    plain,
    sums,
    table_if_any,
)
from application.audit.durations import Duration, Durations
from application.audit.given_back import GivenBack, GivenTooMuch
from application.audit.split_sums import FoundSplits, SplitSum


def which_splits(sources: AnswerSources, given: SplitsParameters, found: FoundSplits) -> Words:
    uncounted = [one for one in found.splits if not one.is_counted_together]
    if not found.proposals:
        said = "Nothing was proposed in the period, so there was nothing to split."
    elif not found.splits:
        said = (
            f"No: of {many(found.proposals, 'proposal')}, none that were each within a limit "
            "exceeded it together."
        )
    elif uncounted:
        said = (
            f"YES: {many(len(found.splits), 'split sum')}, of which {len(uncounted)} "
            f"{'was' if len(uncounted) == 1 else 'were'} not counted together when it was "
            "proposed."
        )
    else:
        said = (
            f"{many(len(found.splits), 'split sum')}, and each was counted together by "
            "the approval matrix: splitting gained nothing."
        )
    limit = (
        f"the limit {found.threshold} (in the currency of the approval matrix)"
        if found.threshold is not None
        else "each limit of a role or band of the policy in force then"
    )
    window = (
        f"within {_days(found.window)}"
        if found.window is not None
        else "within the window of the policy in force then"
    )
    says = [said]
    if found.came_to_nothing:
        says.append(
            f"{many(found.came_to_nothing, 'more group')} exceeded a limit only with "
            "proposals that were withdrawn, rejected, lapsed or failed."
        )
    if found.without_rate:
        says.append(
            f"{many(found.without_rate, 'proposal')} could not be compared: the "
            "approval matrix has no rate for the currency."
        )
    return Words(
        says=says,
        searched=f"proposals for one order, for one customer or with the same identity (email, phone, address, means "
        f"of payment), and those of one person that policy approved, {window}, compared with {limit}. "
        + in_period(sources, given),
        next_steps=[
            "Question 4 says for one adjustment what was counted, and who had to approve it."
        ],
        sections=if_any("Split sums", [*map(_split, found.splits)]),
    )


def _days(window: timedelta) -> str:
    return length(window.total_seconds())


def _split(one: SplitSum) -> Item:
    orders = names(dict.fromkeys(order_of(x.order, x.shop) for x in one.parts))
    counted = (
        "counted together when the last was proposed"
        if one.is_counted_together
        else "NOT counted together when the last was proposed"
    )
    return Item(
        f"{one.same}: {money(one.together, one.currency)} within "
        f"{_days(one.within)}, above {money(one.limit, one.currency)} "
        f"({one.limit_is}); {counted}",
        [
            f"for {orders}",
            *(
                f"{at(x.at)}  {money(x.amount, x.currency)} for "
                f"{order_of(x.order, x.shop)}, proposed by "
                f"{x.proposed_by or 'policy'}, "
                f"approved by {names(x.approved_by)}, {plain(x.state)}; counted then: "
                f"{money(x.was_counted, one.currency)} ({ids(x.case, x.adjustment)})"
                for x in one.parts
            ),
        ],
    )


def how_long(sources: AnswerSources, given: PeriodParameters, found: Durations) -> Words:
    paid = [one for one in found.adjustments if one.executed_at is not None]
    whole = next((q for q in found.quantiles if q.step == "report_to_payment"), None)
    if not found.adjustments:
        said = "No adjustment was proposed in the period, so nothing was measured."
    elif whole is None:
        said = f"{many(len(found.adjustments), 'adjustment')} proposed, and none paid."
    else:
        said = (
            f"The one payment came {length(whole.longest)} after its report "
            f"({len(paid)} of {many(len(found.adjustments), 'adjustment')} paid)."
            if whole.many == 1
            else f"From report to payment: half within {length(whole.p50)}, the longest "
            f"{length(whole.longest)} "
            f"({len(paid)} of {many(len(found.adjustments), 'adjustment')} paid)."
        )
    return Words(
        says=[
            said,
            "The clocks of their cases were paused for "
            f"{length(found.paused_seconds)} in all, and "
            f"{many(found.breaches, 'deadline')} of theirs "
            f"{'was' if found.breaches == 1 else 'were'} breached.",
            "All lengths are calendar time, from the recorded times of the events; "
            "review begins when a person first works on the case.",
        ],
        searched="adjustments by the time of their proposal. " + in_period(sources, given),
        next_steps=[
            "--json has the time of each step of each adjustment, and each pause "
            "with the party waited for."
        ],
        sections=[
            *table_if_any(
                "Steps (calendar time)",
                ("step", "measured", "half within", "90 % within", "longest"),
                [
                    (plain(q.step), str(q.many), length(q.p50), length(q.p90), length(q.longest))
                    for q in found.quantiles
                ],
            ),
            *if_any("Adjustments", [*map(_duration, found.adjustments)]),
        ],
    )


def _duration(one: Duration) -> Item:
    whole = one.seconds.get("report_to_payment")
    lines = [
        f"{plain(one.state)}; reported {at(one.reported_at)}, proposed {at(one.proposed_at)}, "
        + (
            f"paid {at(one.executed_at)}, {length(whole or 0)} after the report"
            if one.executed_at
            else "not paid"
        ),
        *(
            f"paused: {length(p.seconds) if p.seconds is not None else 'still'}, "
            f"waiting for {plain(p.dependency)} {p.party} since {at(p.since)}"
            for p in one.pauses
        ),
        *(f"breached: {plain(b.measure)}, due {at(b.due_at)}" for b in one.breaches),
        ids(one.case, one.adjustment),
    ]
    return Item(
        f"{given_to_customer(one.kind, one.amount, one.currency)}, {order_of(one.order, one.shop)}",
        lines,
    )


def what_was_given_back(sources: AnswerSources, given: PeriodParameters, found: GivenBack) -> Words:
    over = found.too_much
    orders = {(one.order, one.shop) for one in over}
    if not found.orders:
        said = (
            "NOT ANSWERED: this service paid refunds, but no statement about their orders says so."
            if found.paid_and_not_stated
            else "There was nothing to look at: no refund, dispute or return was stated in the period."
        )
    elif over:
        said = f"YES, on {len(orders)} of {many(found.orders, 'order')}."
    else:
        said = (
            f"No: on none of {many(found.orders, 'order')} with a refund, dispute or "
            "return was more given back than taken."
        )
    says = [said]
    if found.paid_and_not_stated:
        unstated = found.paid_and_not_stated
        says.append(
            f"{many(unstated, 'refund')} that this service paid in the period "
            f"{'is' if unstated == 1 else 'are'} on no statement about the order, so not part of "
            "the comparison: question 18 has the payments."
        )
    payments = [one for one in over if one.part.startswith("payment:")]
    parts = [one for one in over if not one.part.startswith("payment:")]
    if payments:
        says.append(
            f"Payments: {_over(payments)} more than was captured, on "
            f"{many(len(payments), 'payment')}."
        )
    if parts:
        says.append(
            f"Lines and charges: {_over(parts)} more than they cost, on "
            f"{many(len(parts), 'line or charge', 'lines and charges')}. "
            "The same money can be too much for a payment and for a line: do not add the two."
        )
    if over:
        says.append(
            f"{many(found.without_case, 'finding')} of {len(over)} "
            f"{'has' if found.without_case == 1 else 'have'} no case."
        )
    return Words(
        says=says,
        searched="orders about which a refund, a dispute or a return was stated, each with "
        "all that the log says of it. " + in_period(sources, given),
        next_steps=["`casetrail case trail CASE` shows what was done about a finding."]
        if over
        else [],
        sections=if_any("More given back than taken: this must be empty", [*map(_too_much, over)]),
    )


def _over(findings: Sequence[GivenTooMuch]) -> str:
    return sums((one.too_much, one.currency) for one in findings)


def _too_much(one: GivenTooMuch) -> Item:
    kind, _, id = one.part.partition(":")
    taken = "captured" if kind == "payment" else "price"
    return Item(
        f"{order_of(one.order, one.shop)}, {kind} {id}: "
        f"{money(one.too_much, one.currency)} too much",
        [
            f"{taken} {money(one.taken, one.currency)}, given back "
            f"{money(one.given_back, one.currency)}: {one.why}",
            f"last stated at {at(one.stated_at)}, position {one.position:,}",
            ids(one.case) if one.case is not None else "there is NO case about it",
        ],
    )
