"""What was proposed to be given, held against two approval matrices: the active one finds what it
asked then, another what it would have asked."""

from __future__ import annotations

from decimal import Decimal

from msgspec import structs

from application.money.proposal_history import past_proposals
from application.policy.simulation import Asked
from domain.adjustments.kinds import AdjustmentReason
from domain.policy.document import PolicyDocument
from domain.policy.money_figures import MoneyFigures, Sum, money_figures
from domain.policy.rulebook import Rulebook
from domain.policy.simulation_figures import Pair
from tests.application.house import DEFAULT
from tests.application.money import MoneyHouse
from tests.domain.telling import after

APPROVALS = DEFAULT.document.approvals
assert APPROVALS is not None


def saying(**changes: object) -> Rulebook:
    """The shipped policy with another matrix."""
    document: PolicyDocument = structs.replace(DEFAULT.document, version="other", **changes)
    return Rulebook(document)


def figures(
    house: MoneyHouse, proposed: Rulebook, since: float = 0, until: float = 99
) -> MoneyFigures:
    asked = Asked(
        active=house.rulebook,
        proposed=proposed,
        since=after(since),
        until=after(until),
        position=house.log.head(),
    )
    cases = [case.id for case in house.found()]
    past = past_proposals(house.log, cases, asked)
    found = money_figures(past, asked.active, asked.proposed, asked.since)
    assert found is not None
    return found


def with_money() -> MoneyHouse:
    """A purchase error by policy, a small sum, and one that together with it is larger."""
    house = MoneyHouse()
    house.propose("15.00", reason=AdjustmentReason.PURCHASE_ERROR, at=5)
    house.withdraw(house.propose("900.00", at=6), "ana", 7)
    house.buy("o-2", "9000.00")
    house.propose("100.00", order="o-2", at=8)
    house.propose("1100.00", order="o-2", at=9)
    return house


def test_the_active_policy_finds_what_it_asked() -> None:
    house = with_money()
    found = figures(house, saying())
    asked = [one.requirement.approvers for c in house.found() for one in c.adjustments.items]
    assert (found.proposals, found.approvals.active) == (4, sum(asked))
    assert found.by_policy == Pair(active=asked.count(0), proposed=asked.count(0))
    assert (found.fewer, found.more, found.impossible) == (0, 0, Pair())
    assert found.concerned == Sum(active="2115.00 EUR", proposed="2115.00 EUR")
    assert found.given_by_policy.active == "15.00 EUR"


def test_another_matrix_would_have_asked_others() -> None:
    assert APPROVALS is not None
    lenient = structs.replace(
        APPROVALS.bands[0], kinds=(), reasons=(), when=None, up_to=Decimal(150)
    )
    approvals = structs.replace(APPROVALS, bands=(lenient, *APPROVALS.bands[1:]))
    found = figures(with_money(), saying(approvals=approvals))
    # The 100.00 count 115.00 with what the customer had before: still by policy. The 900.00 do not.
    assert found.by_policy == Pair(active=1, proposed=2)
    assert found.given_by_policy == Sum(active="15.00 EUR", proposed="115.00 EUR")
    assert (found.fewer, found.more) == (1, 0)


def test_without_a_matrix_or_a_rate_nothing_could_have_been_proposed() -> None:
    assert APPROVALS is not None
    assert figures(with_money(), saying(approvals=None)).impossible == Pair(active=0, proposed=4)
    elsewhere = structs.replace(APPROVALS, currency="USD", rates={})
    assert figures(with_money(), saying(approvals=elsewhere)).impossible.proposed == 4


def test_only_the_period_is_counted_and_all_before_it_counts() -> None:
    found = figures(with_money(), saying(), since=8.5)
    assert (found.proposals, found.approvals.active) == (1, 2)
    assert figures(with_money(), saying(), until=6.5).proposals == 2
