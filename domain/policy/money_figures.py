"""What two approval matrices would have asked of what was recorded as proposed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason
from domain.errors import Invalid
from domain.money import PositiveMoney
from domain.orders.facts import OrderFacts
from domain.policy.approvals import ApprovalMatrix, Asked, Sums
from domain.policy.rulebook import Rulebook
from domain.policy.simulation_figures import Pair


class Proposal(Struct, frozen=True, kw_only=True):
    """An adjustment as it was proposed, on what was known of the order then."""

    order: str
    customer: str | None
    tier: str | None
    kind: AdjustmentKind
    reason: AdjustmentReason
    amount: PositiveMoney
    at: datetime
    ended_at: datetime | None
    """When it came to nothing, if it did: from then on it counts no more."""
    facts: OrderFacts


class Sum(Struct, frozen=True, kw_only=True):
    """The same sum twice, in each matrix's own currency: an amount as text, e.g. "12.30 EUR"."""

    active: str
    proposed: str


class MoneyFigures(Struct, frozen=True, kw_only=True):
    """Of the adjustments proposed in the period."""

    proposals: int
    concerned: Sum
    """Their amounts."""
    impossible: Pair
    """Policy has no matrix, or no rate for the currency: they could not have been proposed."""
    by_policy: Pair
    """Approved with nobody asked."""
    given_by_policy: Sum
    approvals: Pair
    """How many times somebody would have had to approve."""
    fewer: int
    """Of how many the proposed policy asks fewer people than the active one."""
    more: int


def money_figures(
    proposals: Iterable[Proposal], active: Rulebook, proposed: Rulebook, since: datetime
) -> MoneyFigures | None:
    """`proposals` are all up to the period's end; those since its begin are counted. None if there
    are none of these."""
    known = sorted(proposals, key=lambda one: one.at)
    period = [one for one in known if one.at >= since]
    if not period:
        return None
    of_order = _grouped((one.order, one) for one in known)
    of_customer = _grouped((one.customer, one) for one in known if one.customer is not None)
    asked = [
        [_asked(rulebook.approvals, one, of_order, of_customer) for one in period]
        for rulebook in (active, proposed)
    ]
    pairs = [(a, b) for a, b in zip(*asked, strict=True) if a is not None and b is not None]

    def sums(only_by_policy: bool) -> Sum:
        told = []
        for rulebook, answers in zip((active, proposed), asked, strict=True):
            matrix = rulebook.approvals
            counted = sum(
                (
                    matrix.counted(one.amount)
                    for one, answer in zip(period, answers, strict=True)
                    if matrix is not None
                    and answer is not None
                    and (answer == 0 or not only_by_policy)
                ),
                Decimal(0),
            )
            told.append(f"{counted:f} {matrix.approvals.currency}" if matrix is not None else "")
        return Sum(active=told[0], proposed=told[1])

    def pair(counts: Sequence[int]) -> Pair:
        return Pair(active=counts[0], proposed=counts[1])

    return MoneyFigures(
        proposals=len(period),
        concerned=sums(False),
        impossible=pair([answers.count(None) for answers in asked]),
        by_policy=pair([answers.count(0) for answers in asked]),
        given_by_policy=sums(True),
        approvals=pair([sum(answer or 0 for answer in answers) for answers in asked]),
        fewer=sum(b < a for a, b in pairs),
        more=sum(b > a for a, b in pairs),
    )


def _asked(
    matrix: ApprovalMatrix | None,
    one: Proposal,
    of_order: Mapping[str, Sequence[Proposal]],
    of_customer: Mapping[str, Sequence[Proposal]],
) -> int | None:
    """How many people would have had to approve it; None if it could not have been proposed."""
    if matrix is None:
        return None
    since = one.at - matrix.approvals.window

    def total(others: Iterable[Proposal]) -> Decimal:
        counting = [
            o for o in others if o.at <= one.at and (o.ended_at is None or o.ended_at > one.at)
        ]
        return sum((matrix.counted(other.amount) for other in counting), Decimal(0))

    try:
        customer = of_customer.get(one.customer or "")
        counted = Sums(
            of_order=total(of_order[one.order]),
            of_customer=total(o for o in customer if o.at >= since) if customer else None,
        )
        asked = Asked(one.kind, one.reason, one.tier)
        return matrix.requirement(asked, counted, one.facts)[0].approvers
    except Invalid:
        return None


def _grouped(pairs: Iterable[tuple[str, Proposal]]) -> dict[str, list[Proposal]]:
    found: dict[str, list[Proposal]] = {}
    for key, one in pairs:
        found.setdefault(key, []).append(one)
    return found
