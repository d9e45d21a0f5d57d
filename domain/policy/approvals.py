"""The compiled approval matrix of a policy: who must approve an adjustment.

It depends on the kind, the reason, the customer's tier, and the amount together with earlier
adjustments of the order and of the customer.
"""

from collections.abc import Collection, Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Final

from msgspec import Struct

from domain.adjustments.events import ApprovalRequirement
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason
from domain.currencies import EXPONENTS
from domain.errors import Fault, Invalid
from domain.money import Money
from domain.orders.facts import OrderFacts
from domain.people import Role
from domain.policy.amounts import Rates, is_amount
from domain.policy.approval_parts import ApprovalBand, Approvals
from domain.policy.checks import duration_faults, unknown_name
from domain.policy.conditions import CompiledCondition, compile_order_condition
from domain.policy.decision import Decision, Verdict

MAX_DURATION = timedelta(days=366)


class CumulativeAmounts(Struct, frozen=True):
    """The amount of an adjustment with earlier ones: of its order, and of its customer in the window."""

    of_order: Decimal
    of_customer: Decimal | None

    @property
    def largest(self) -> Decimal:
        return max(self.of_order, self.of_customer or self.of_order)


class ProposedAdjustment(Struct, frozen=True):
    """The properties of an adjustment that the matrix reads."""

    kind: AdjustmentKind
    reason: AdjustmentReason
    tier: str | None


class ApprovalMatrix:
    """A compiled matrix. It adds its faults to `faults`."""

    def __init__(
        self, approvals: Approvals, version: str, digest: str, faults: list[Fault]
    ) -> None:
        self.approvals = approvals
        self._version = version
        self._digest = digest
        rates = Rates(approvals.currency, approvals.rates)
        self._bands: list[tuple[ApprovalBand, CompiledCondition | None]] = [
            (
                band,
                compile_order_condition(
                    band.when, f"/approvals/bands/{n}/when", faults, rates=rates
                ),
            )
            for n, band in enumerate(approvals.bands)
        ]
        self.facts: frozenset[str] = frozenset().union(
            *(condition.facts for _, condition in self._bands if condition is not None)
        )
        """The names of the facts that the bands read."""
        faults += _approval_faults(approvals)

    def counted(self, amount: Money, pointer: str = "/amount/currency") -> Decimal:
        """The amount in the matrix's currency. Raises Invalid for a currency without a rate."""
        return self.converted(amount.value, amount.currency, pointer)

    def has_rate(self, currency: str) -> bool:
        return currency == self.approvals.currency or currency in self.approvals.rates

    def converted(
        self, value: Decimal, currency: str, pointer: str = "/amount/currency"
    ) -> Decimal:
        """A value in the matrix's currency. Raises Invalid for a currency without a rate."""
        matrix = self.approvals
        if currency == matrix.currency:
            return value
        rate = matrix.rates.get(currency)
        if rate is None:
            what, known = "rate in the approval matrix for", {matrix.currency, *matrix.rates}
            raise Invalid([unknown_name(pointer, what, currency, known)], "the adjustment")
        return value * rate

    def requirement(
        self, adjustment: ProposedAdjustment, sums: CumulativeAmounts, facts: OrderFacts
    ) -> tuple[ApprovalRequirement, Decision]:
        """Who must approve, and why, by the first band that fits."""
        verdicts: list[Verdict] = []
        for band, condition in self._bands:
            if condition is not None:
                verdicts += condition.explain(facts)
            if band.up_to is not None:
                fits = sums.largest <= band.up_to
                test = f"at_most {band.up_to}"
                verdicts.append(Verdict("adjustment.counted", test, f"{sums.largest:f}", fits))
            if _fits(band, adjustment, sums) and (condition is None or condition.holds(facts)):
                decision = Decision(policy=self._version, rule=band.rule, verdicts=tuple(verdicts))
                return self._required(band, sums), decision
        raise AssertionError("a valid matrix ends with a band that fits everything")

    def limit_of(
        self, roles: Iterable[Role], allowed: Collection[Role]
    ) -> tuple[Role, Decimal] | None:
        """The role with the highest limit, and the limit; only `allowed` roles count, if any are given."""
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
            counted=f"{sums.largest:f}",
            currency=self.approvals.currency,
            of_order=f"{sums.of_order:f}",
            of_customer=f"{sums.of_customer:f}" if sums.of_customer is not None else None,
            roles=band.roles,
        )


def _fits(band: ApprovalBand, adjustment: ProposedAdjustment, sums: CumulativeAmounts) -> bool:
    return (
        (not band.kinds or adjustment.kind in band.kinds)
        and (not band.reasons or adjustment.reason in band.reasons)
        and (not band.tiers or adjustment.tier in band.tiers)
        and (band.up_to is None or sums.largest <= band.up_to)
    )


_MUST_BE: Final = "must be a number with at most 18 digits before the point"


def _approval_faults(approvals: Approvals) -> Iterable[Fault]:
    places = {"/approvals/currency": approvals.currency}
    places |= {f"/approvals/rates/{currency}": currency for currency in approvals.rates}
    for pointer, currency in places.items():
        if currency not in EXPONENTS:
            yield Fault(pointer, f"{currency} is not a currency code of ISO 4217")
    for currency, rate in approvals.rates.items():
        if not is_amount(rate) or rate <= 0:
            must_be = "must be above 0" if is_amount(rate) else _MUST_BE
            yield Fault(f"/approvals/rates/{currency}", f"{must_be}, not {rate}")
    for role, limit in approvals.limits.items():
        if not is_amount(limit) or limit < 0:
            must_be = "must be 0 or more" if is_amount(limit) else _MUST_BE
            yield Fault(f"/approvals/limits/{role}", f"{must_be}, not {limit}")
    for name in ("window", "lapses_after"):
        yield from duration_faults(f"/approvals/{name}", getattr(approvals, name), MAX_DURATION)
    for n, band in enumerate(approvals.bands):
        place = f"/approvals/bands/{n}"
        if band.by_policy and band.up_to is None:
            yield Fault(f"{place}/up_to", "a band with `by_policy` needs a limit: give `up_to`")
        if band.by_policy and band.roles:
            yield Fault(
                f"{place}/roles", "a band with `by_policy` has no approvers: remove `roles`"
            )
        if band.up_to is not None and not is_amount(band.up_to):
            yield Fault(f"{place}/up_to", f"{_MUST_BE}, not {band.up_to}")
    last = approvals.bands[-1]
    if last.by_policy or last.kinds or last.reasons or last.tiers or last.when or last.up_to:
        detail = (
            "the last band must fit everything and need a person: give only `approvers` and `roles`"
        )
        yield Fault(f"/approvals/bands/{len(approvals.bands) - 1}", detail)
