"""The approval matrix of a policy: who must approve an adjustment, by its size, kind and reason, the
customer's tier, and all else that was given for the order and to the customer."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from decimal import Decimal

from msgspec import Struct

from domain.adjustments.events import ApprovalRequirement
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason
from domain.currencies import EXPONENTS
from domain.errors import Fault, Invalid
from domain.money import Money
from domain.orders.facts import OrderFacts
from domain.people import Role
from domain.policy.approval_parts import ApprovalBand, Approvals
from domain.policy.conditions import CompiledCondition, compile_order_condition
from domain.policy.decision import Decision, Verdict

MAX_DURATION = timedelta(days=366)


class CumulativeAmounts(Struct, frozen=True):
    """An adjustment with what else counts: for its order, and for its customer within the window."""

    of_order: Decimal
    of_customer: Decimal | None

    @property
    def largest(self) -> Decimal:
        return max(self.of_order, self.of_customer or self.of_order)


class ProposedAdjustment(Struct, frozen=True):
    """What is proposed, as the matrix looks at it."""

    kind: AdjustmentKind
    reason: AdjustmentReason
    tier: str | None


class ApprovalMatrix:
    """A compiled matrix; adds its faults to `faults`."""

    def __init__(
        self, approvals: Approvals, version: str, digest: str, faults: list[Fault]
    ) -> None:
        self.approvals = approvals
        self._version = version
        self._digest = digest
        self._bands: list[tuple[ApprovalBand, CompiledCondition | None]] = [
            (band, compile_order_condition(band.when, f"/approvals/bands/{n}/when", faults))
            for n, band in enumerate(approvals.bands)
        ]
        faults += _approval_faults(approvals)

    def counted(self, amount: Money, pointer: str = "/amount/currency") -> Decimal:
        """The amount in the matrix's currency. Raises Invalid for one that it has no rate for."""
        matrix = self.approvals
        if amount.currency == matrix.currency:
            return amount.value
        rate = matrix.rates.get(amount.currency)
        if rate is None:
            known = ", ".join(sorted({matrix.currency, *matrix.rates}))
            detail = f"the approval matrix has no rate for {amount.currency}; known are: {known}"
            raise Invalid([Fault(pointer, detail)], "the adjustment")
        return amount.value * rate

    def requirement(
        self, asked: ProposedAdjustment, sums: CumulativeAmounts, facts: OrderFacts
    ) -> tuple[ApprovalRequirement, Decision]:
        """Who must approve, and why: the first band that fits."""
        verdicts: list[Verdict] = []
        for band, condition in self._bands:
            if condition is not None:
                verdicts += condition.explain(facts)
            if band.up_to is not None:
                fits = sums.largest <= band.up_to
                test = f"at_most {band.up_to}"
                verdicts.append(
                    Verdict("adjustment.counted", test, _format_amount(sums.largest), fits)
                )
            if _fits(band, asked, sums) and (condition is None or condition.holds(facts)):
                decision = Decision(policy=self._version, rule=band.rule, verdicts=tuple(verdicts))
                return self._required(band, sums), decision
        raise AssertionError("a checked matrix ends with a band that fits everything")

    def limit_of(
        self, roles: Iterable[Role], allowed: Collection[Role]
    ) -> tuple[Role, Decimal] | None:
        """The role that may approve most, and how much; of those that are allowed, if any are named."""
        limits = [
            (self.approvals.limits[role], role)
            for role in roles
            if role in self.approvals.limits and (not allowed or role in allowed)
        ]
        if not limits:
            return None
        limit, role = max(limits)
        return role, limit

    def _required(self, band: ApprovalBand, sums: CumulativeAmounts) -> ApprovalRequirement:
        return ApprovalRequirement(
            policy=self._version,
            policy_digest=self._digest,
            rule=band.rule,
            approvers=0 if band.by_policy else band.approvers,
            counted=_format_amount(sums.largest),
            currency=self.approvals.currency,
            of_order=_format_amount(sums.of_order),
            of_customer=_format_amount(sums.of_customer) if sums.of_customer is not None else None,
            roles=band.roles,
        )


def _fits(band: ApprovalBand, asked: ProposedAdjustment, sums: CumulativeAmounts) -> bool:
    return (
        (not band.kinds or asked.kind in band.kinds)
        and (not band.reasons or asked.reason in band.reasons)
        and (not band.tiers or asked.tier in band.tiers)
        and (band.up_to is None or sums.largest <= band.up_to)
    )


def _format_amount(amount: Decimal) -> str:
    return f"{amount:f}"


def _approval_faults(approvals: Approvals) -> Iterable[Fault]:
    for currency in (approvals.currency, *approvals.rates):
        if currency not in EXPONENTS:
            yield Fault("/approvals/currency", f"{currency} is not a currency of ISO 4217")
    for currency, rate in approvals.rates.items():
        if rate <= 0 or not rate.is_finite():
            yield Fault(f"/approvals/rates/{currency}", "must be above 0")
    for role, limit in approvals.limits.items():
        if limit < 0 or not limit.is_finite():
            yield Fault(f"/approvals/limits/{role}", "must not be negative")
    for name in ("window", "lapses_after"):
        if not timedelta() < getattr(approvals, name) <= MAX_DURATION:
            detail = f"must be more than nothing, and at most {MAX_DURATION.days} days"
            yield Fault(f"/approvals/{name}", detail)
    for n, band in enumerate(approvals.bands):
        place = f"/approvals/bands/{n}"
        if band.by_policy and band.up_to is None:
            yield Fault(
                f"{place}/up_to", "what policy approves by itself has a limit: say up to what"
            )
        if band.by_policy and band.roles:
            yield Fault(f"{place}/roles", "policy approves this by itself: no role does")
        if band.up_to is not None and not band.up_to.is_finite():
            yield Fault(f"{place}/up_to", "must be an amount")
    last = approvals.bands[-1]
    if last.by_policy or last.kinds or last.reasons or last.tiers or last.when or last.up_to:
        detail = "the last band must fit everything, and people must approve it: only `approvers`, `roles`"
        yield Fault(f"/approvals/bands/{len(approvals.bands) - 1}", detail)
