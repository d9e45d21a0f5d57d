"""Proposed adjustments under two approval matrices: the active one gives the recorded
requirements, another gives its own."""

from __future__ import annotations

from decimal import Decimal

from msgspec import structs

from application.money.proposal_history import load_proposal_history
from application.policy.order_pasts import SimulationScope
from domain.adjustments.kinds import AdjustmentReason
from domain.policy.document import PolicyDocument
from domain.policy.money_figures import AmountPair, MoneyFigures, compute_money_figures
from domain.policy.rulebook import Rulebook
from domain.policy.simulation_figures import CountPair
from tests.application.in_memory_service import UNTIMED_RULEBOOK
from tests.application.money_service import MoneyService
from tests.domain.signals import after

APPROVALS = UNTIMED_RULEBOOK.document.approvals
assert APPROVALS is not None


def with_matrix(**changes: object) -> Rulebook:
    """The shipped policy with another approval matrix."""
    document: PolicyDocument = structs.replace(
        UNTIMED_RULEBOOK.document, version="other", **changes
    )
    return Rulebook(document)


def figures(
    service: MoneyService, proposed: Rulebook, since: float = 0, until: float = 99
) -> MoneyFigures:
    scope = SimulationScope(
        active=service.rulebook,
        proposed=proposed,
        since=after(since),
        until=after(until),
        position=service.log.head(),
    )
    cases = [case.id for case in service.found()]
    past = load_proposal_history(service.log, cases, scope)
    found = compute_money_figures(past, scope.active, scope.proposed, scope.since)
    assert found is not None
    return found


def with_money() -> MoneyService:
    """A purchase error approved by policy, a small amount, and one that exceeds a limit together
    with it."""
    service = MoneyService()
    service.propose("15.00", reason=AdjustmentReason.PURCHASE_ERROR, at=5)
    service.withdraw(service.propose("900.00", at=6), "ana", 7)
    service.buy("o-2", "9000.00")
    service.propose("100.00", order="o-2", at=8)
    service.propose("1100.00", order="o-2", at=9)
    return service


def test_the_active_policy_reproduces_the_approvals_it_required() -> None:
    service = with_money()
    found = figures(service, with_matrix())
    approvers = [one.requirement.approvers for c in service.found() for one in c.adjustments.items]
    assert (found.proposals, found.approvals.active) == (4, sum(approvers))
    assert found.by_policy == CountPair(active=approvers.count(0), proposed=approvers.count(0))
    assert (found.fewer, found.more, found.impossible) == (0, 0, CountPair())
    assert found.concerned == AmountPair(active="2115.00 EUR", proposed="2115.00 EUR")
    assert found.given_by_policy.active == "15.00 EUR"


def test_another_matrix_requires_other_approvals() -> None:
    assert APPROVALS is not None
    lenient = structs.replace(
        APPROVALS.bands[0], kinds=(), reasons=(), when=None, up_to=Decimal(150)
    )
    approvals = structs.replace(APPROVALS, bands=(lenient, *APPROVALS.bands[1:]))
    found = figures(with_money(), with_matrix(approvals=approvals))
    # The 100.00 count as 115.00 with the customer's earlier adjustments: still by policy. The
    # 900.00 do not.
    assert found.by_policy == CountPair(active=1, proposed=2)
    assert found.given_by_policy == AmountPair(active="15.00 EUR", proposed="115.00 EUR")
    assert (found.fewer, found.more) == (1, 0)


def test_proposals_are_impossible_without_a_matrix_or_an_exchange_rate() -> None:
    assert APPROVALS is not None
    assert figures(with_money(), with_matrix(approvals=None)).impossible == CountPair(
        active=0, proposed=4
    )
    elsewhere = structs.replace(APPROVALS, currency="USD", rates={})
    # The conditions of the shipped policy name amounts in EUR, which such a policy could not read.
    document = UNTIMED_RULEBOOK.document
    assert document.priorities is not None
    proposed = with_matrix(
        approvals=elsewhere,
        automation_pauses_when=None,
        expect=tuple(one for one in document.expect if one.kind != "high_value_at_risk"),
        priorities=structs.replace(document.priorities, value=()),
    )
    assert figures(with_money(), proposed).impossible.proposed == 4


def test_only_the_period_is_reported_but_earlier_adjustments_count() -> None:
    found = figures(with_money(), with_matrix(), since=8.5)
    assert (found.proposals, found.approvals.active) == (1, 2)
    assert figures(with_money(), with_matrix(), until=6.5).proposals == 2
