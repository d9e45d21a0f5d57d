"""Compares the approvals that two matrices would have required for past proposals."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason
from domain.errors import Invalid
from domain.money import PositiveMoney
from domain.orders.facts import OrderFacts
from domain.policy.approvals import ApprovalMatrix, CumulativeAmounts, ProposedAdjustment
from domain.policy.rulebook import Rulebook
from domain.policy.simulation_figures import CountPair


class PastProposal(Struct, frozen=True, kw_only=True):
    """A past proposal of an adjustment, with the facts of the order at that time."""

    order: str
    customer: str | None
    tier: str | None
    kind: AdjustmentKind
    reason: AdjustmentReason
    amount: PositiveMoney
    at: datetime
    ended_at: datetime | None
    """When it was rejected, withdrawn or lapsed: from then on it does not count."""
    facts: OrderFacts


class AmountPair(Struct, frozen=True, kw_only=True):
    """A sum under each of the two matrices, in the matrix's currency: text such as "12.30 EUR"."""

    active: str
    proposed: str


class MoneyFigures(Struct, frozen=True, kw_only=True):
    """Figures of the adjustments proposed in a period."""

    proposals: int
    concerned: AmountPair
    """The sum of their amounts."""
    impossible: CountPair
    """Proposals that could not have been made: no matrix, or no rate for the currency."""
    by_policy: CountPair
    """Proposals that the policy would have approved."""
    given_by_policy: AmountPair
    approvals: CountPair
    """The number of approvals by people that would have been required."""
    fewer: int
    """Proposals for which the proposed policy requires fewer approvers than the active one."""
    more: int


def compute_money_figures(
    proposals: Iterable[PastProposal], active: Rulebook, proposed: Rulebook, since: datetime
) -> MoneyFigures | None:
    """The figures of the proposals since `since`; None without any.

    `proposals` are all up to the end of the period: earlier ones count towards the sums.
    """
    past = sorted(proposals, key=lambda p: p.at)
    period = [p for p in past if p.at >= since]
    if not period:
        return None
    of_order = _group_by((p.order, p) for p in past)
    of_customer = _group_by((p.customer, p) for p in past if p.customer is not None)
    required = [
        [_required_approvers(rulebook.approvals, p, of_order, of_customer) for p in period]
        for rulebook in (active, proposed)
    ]
    pairs = [(a, b) for a, b in zip(*required, strict=True) if a is not None and b is not None]

    def sums(only_by_policy: bool) -> AmountPair:
        texts = []
        for rulebook, counts in zip((active, proposed), required, strict=True):
            matrix = rulebook.approvals
            counted = sum(
                (
                    matrix.counted(proposal.amount)
                    for proposal, count in zip(period, counts, strict=True)
                    if matrix is not None
                    and count is not None
                    and (count == 0 or not only_by_policy)
                ),
                Decimal(0),
            )
            texts.append(f"{counted:f} {matrix.approvals.currency}" if matrix is not None else "")
        return AmountPair(active=texts[0], proposed=texts[1])

    def pair(counts: Sequence[int]) -> CountPair:
        return CountPair(active=counts[0], proposed=counts[1])

    return MoneyFigures(
        proposals=len(period),
        concerned=sums(False),
        impossible=pair([counts.count(None) for counts in required]),
        by_policy=pair([counts.count(0) for counts in required]),
        given_by_policy=sums(True),
        approvals=pair([sum(count or 0 for count in counts) for counts in required]),
        fewer=sum(b < a for a, b in pairs),
        more=sum(b > a for a, b in pairs),
    )


def _required_approvers(
    matrix: ApprovalMatrix | None,
    proposal: PastProposal,
    of_order: Mapping[str, Sequence[PastProposal]],
    of_customer: Mapping[str, Sequence[PastProposal]],
) -> int | None:
    """How many people would have had to approve; None if it could not have been proposed."""
    if matrix is None:
        return None
    at = proposal.at
    since = at - matrix.approvals.window

    def total(others: Iterable[PastProposal]) -> Decimal:
        amounts = (
            matrix.counted(other.amount)
            for other in others
            if other.at <= at and (other.ended_at is None or other.ended_at > at)
        )
        return sum(amounts, Decimal(0))

    try:
        customer = of_customer.get(proposal.customer or "")
        sums = CumulativeAmounts(
            of_order=total(of_order[proposal.order]),
            of_customer=total(o for o in customer if o.at >= since) if customer else None,
        )
        adjustment = ProposedAdjustment(proposal.kind, proposal.reason, proposal.tier)
        return matrix.requirement(adjustment, sums, proposal.facts)[0].approvers
    except Invalid:
        return None


def _group_by(pairs: Iterable[tuple[str, PastProposal]]) -> dict[str, list[PastProposal]]:
    found: dict[str, list[PastProposal]] = {}
    for key, proposal in pairs:
        found.setdefault(key, []).append(proposal)
    return found
