"""Compares the approvals that two matrices would have required for past proposals."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from msgspec import Struct

from domain.adjustments.events import IdentitySum
from domain.adjustments.identity_kinds import Identity
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
    proposer: str | None = None
    identities: tuple[tuple[Identity, UUID], ...] = ()
    """What identifies the customer, as keyed digests."""


K = TypeVar("K")


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
    of_identity = _group_by((one, p) for p in past for one in p.identities)
    required = []
    for rulebook in (active, proposed):
        found = _Requirements(rulebook.approvals, of_order, of_customer, of_identity)
        counts = {id(p): found.approvers(p) for p in past}
        required.append([counts[id(p)] for p in period])
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


class _Requirements:
    """How many people would have had to approve each proposal, in the order of time."""

    def __init__(
        self,
        matrix: ApprovalMatrix | None,
        of_order: Mapping[str, Sequence[PastProposal]],
        of_customer: Mapping[str, Sequence[PastProposal]],
        of_identity: Mapping[tuple[Identity, UUID], Sequence[PastProposal]],
    ) -> None:
        self._matrix = matrix
        self._of_order = of_order
        self._of_customer = of_customer
        self._of_identity = of_identity
        self._by_policy: dict[str, list[PastProposal]] = {}
        """What this matrix would have approved by policy, by proposer."""

    def approvers(self, proposal: PastProposal) -> int | None:
        """None if it could not have been proposed."""
        matrix = self._matrix
        if matrix is None:
            return None
        try:
            sums = self._sums(proposal, matrix)
            adjustment = ProposedAdjustment(proposal.kind, proposal.reason, proposal.tier)
            found = matrix.requirement(adjustment, sums, proposal.facts)[0].approvers
        except Invalid:
            return None
        if not found and proposal.proposer is not None:
            self._by_policy.setdefault(proposal.proposer, []).append(proposal)
        return found

    def _sums(self, proposal: PastProposal, matrix: ApprovalMatrix) -> CumulativeAmounts:
        at, since = proposal.at, proposal.at - matrix.approvals.window

        def counting(others: Iterable[PastProposal]) -> list[PastProposal]:
            return [o for o in others if o.at <= at and (o.ended_at is None or o.ended_at > at)]

        def total(others: Iterable[PastProposal]) -> Decimal:
            return sum((matrix.counted(o.amount) for o in counting(others)), Decimal(0))

        def recent(others: Iterable[PastProposal]) -> list[PastProposal]:
            return [o for o in counting(others) if o.at >= since]

        identities: dict[Identity, IdentitySum] = {}
        for key in proposal.identities:
            others = recent(self._of_identity[key])
            orders = {other.order for other in others} - {proposal.order}
            found, known = total(others), identities.get(key[0])
            is_larger = known is None or found > Decimal(known.sum)
            if key[0] in matrix.approvals.sums_over and orders and is_larger:
                identities[key[0]] = IdentitySum(key[0], f"{found:f}", len(orders))
        customer = self._of_customer.get(proposal.customer or "")
        earlier = recent(self._by_policy.get(proposal.proposer or "", ()))
        is_limited = matrix.approvals.by_policy_per_proposer is not None
        return CumulativeAmounts(
            of_order=total(self._of_order[proposal.order]),
            of_customer=total(recent(customer)) if customer else None,
            identities=tuple(identities.values()),
            of_proposer=total([*earlier, proposal]) if is_limited else None,
        )


def _group_by(pairs: Iterable[tuple[K, PastProposal]]) -> dict[K, list[PastProposal]]:
    found: dict[K, list[PastProposal]] = {}
    for key, proposal in pairs:
        found.setdefault(key, []).append(proposal)
    return found
