"""The compiled approval matrix of a policy: who must approve an adjustment.

It depends on the kind, the reason, the customer's tier, and the amount together with earlier
adjustments of the order and of the customer.
"""

from collections.abc import Collection, Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Final

from msgspec import Struct, structs

from domain.adjustments.events import ApprovalRequirement, IdentitySum
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason
from domain.currencies import EXPONENTS
from domain.errors import Fault, Invalid
from domain.money import Money
from domain.orders.facts import OrderFacts
from domain.people import Role
from domain.policy.amounts import Rates, is_amount
from domain.policy.approval_parts import ApprovalBand, Approvals, Goodwill
from domain.policy.checks import duration_faults, unknown_name
from domain.policy.conditions import CompiledCondition, compile_order_condition
from domain.policy.decision import Decision, Verdict

MAX_DURATION = timedelta(days=366)


class CumulativeAmounts(Struct, frozen=True):
    """The amount of an adjustment with earlier ones: of its order, and of its customer in the window."""

    of_order: Decimal
    of_customer: Decimal | None
    beyond_value: Decimal = Decimal(0)
    """By how much all that is given for the order exceeds its value, in the order's currency."""
    identities: tuple[IdentitySum, ...] = ()
    of_proposer: Decimal | None = None
    """With all that policy approved for the proposer in the window; None if policy does not limit it."""

    @property
    def largest(self) -> Decimal:
        sums = (Decimal(one.sum) for one in self.identities)
        return max(self.of_order, self.of_customer or self.of_order, *sums)


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

    def goodwill(self, value: Decimal, currency: str) -> Decimal:
        """What may be given beyond an order of this value, in the order's currency. Raises Invalid for a
        currency without a rate."""
        goodwill = self.approvals.goodwill
        if goodwill is None:
            return Decimal(0)
        limits = []
        if goodwill.percent is not None:
            limits.append(value * goodwill.percent / 100)
        if goodwill.up_to is not None:
            limits.append(goodwill.up_to / self.converted(Decimal(1), currency))
        return min(limits)

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
            is_within = self._is_within_proposers_limit(band, sums, verdicts)
            if (
                _fits(band, adjustment, sums)
                and is_within
                and (condition is None or condition.holds(facts))
            ):
                if sums.beyond_value:
                    verdicts.append(
                        Verdict(
                            "adjustment.beyond_value", "above 0", f"{sums.beyond_value:f}", True
                        )
                    )
                decision = Decision(policy=self._version, rule=band.rule, verdicts=tuple(verdicts))
                return self._required(band, sums), decision
        raise AssertionError("a valid matrix ends with a band that fits everything")

    def _is_within_proposers_limit(
        self, band: ApprovalBand, sums: CumulativeAmounts, verdicts: list[Verdict]
    ) -> bool:
        """Whether policy may still approve for this proposer; only bands with `by_policy` ask."""
        limit = self.approvals.by_policy_per_proposer
        if not band.by_policy or limit is None or sums.of_proposer is None:
            return True
        is_within, name = sums.of_proposer <= limit, "adjustment.of_proposer"
        verdicts.append(Verdict(name, f"at_most {limit}", f"{sums.of_proposer:f}", is_within))
        return is_within

    def role_for(
        self, roles: Collection[Role], required: ApprovalRequirement
    ) -> tuple[Role, Decimal] | None:
        """Of these roles the one that approves, and its limit; None if they do not have all that is required."""
        if required.beyond_roles and not set(required.beyond_roles).intersection(roles):
            return None
        return self.limit_of(roles, required.roles)

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
        goodwill = self.approvals.goodwill if sums.beyond_value else None
        beyond_roles = goodwill.roles if goodwill is not None and band.roles else ()
        if goodwill is not None:
            band = structs.replace(
                band,
                rule=goodwill.rule,
                approvers=max(band.approvers, goodwill.approvers),
                roles=band.roles or goodwill.roles,
            )
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
            sums=sums.identities,
            of_proposer=f"{sums.of_proposer:f}" if sums.of_proposer is not None else None,
            beyond_value=f"{sums.beyond_value:f}" if sums.beyond_value else None,
            beyond_roles=beyond_roles,
        )


def _fits(band: ApprovalBand, adjustment: ProposedAdjustment, sums: CumulativeAmounts) -> bool:
    return (
        (not band.kinds or adjustment.kind in band.kinds)
        and (not band.reasons or adjustment.reason in band.reasons)
        and (not band.tiers or adjustment.tier in band.tiers)
        and (band.up_to is None or sums.largest <= band.up_to)
        and not (band.by_policy and sums.beyond_value)
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
    most = approvals.by_policy_per_proposer
    if most is not None and (not is_amount(most) or most < 0):
        must_be = "must be 0 or more" if is_amount(most) else _MUST_BE
        yield Fault("/approvals/by_policy_per_proposer", f"{must_be}, not {most}")
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
    if (goodwill := approvals.goodwill) is not None:
        yield from _goodwill_faults(goodwill)
    last = approvals.bands[-1]
    if last.by_policy or last.kinds or last.reasons or last.tiers or last.when or last.up_to:
        detail = (
            "the last band must fit everything and need a person: give only `approvers` and `roles`"
        )
        yield Fault(f"/approvals/bands/{len(approvals.bands) - 1}", detail)


def _goodwill_faults(goodwill: Goodwill) -> Iterable[Fault]:
    place = "/approvals/goodwill"
    if goodwill.up_to is None and goodwill.percent is None:
        yield Fault(
            place,
            "give `up_to` or `percent`: it says how much may be given beyond an order's value",
        )
    for name in ("up_to", "percent"):
        limit = getattr(goodwill, name)
        if limit is not None and (not is_amount(limit) or limit < 0):
            must_be = "must be 0 or more" if is_amount(limit) else _MUST_BE
            yield Fault(f"{place}/{name}", f"{must_be}, not {limit}")
