"""What the rules of the active policy decided is taken from the log, and gives the figures that a whole
replay gives; what other rules decided is replayed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from application.policy.decided_history import decided_after
from application.policy.order_pasts import OrderPast, SimulationScope, load_order_pasts
from application.policy.recheck_timers import RECHECK_DELAY
from application.policy.simulation import (
    compare_policies,
    simulate_order,
    simulate_order_under_both,
)
from domain.policy.rulebook import Rulebook
from tests.application.in_memory_service import SHIPPED_RULEBOOK, InMemoryService
from tests.application.policy_changes import change_policy, policy_variant, recheck_open_cases
from tests.application.test_recheck_under_a_new_policy import PolicyChange
from tests.application.test_simulation import (
    NOW,
    demonstration,
    eager,
    fastidious,
    orders_of,
    other,
    scope_of,
    simulated,
)
from tests.domain.policies import shipped, with_version, without_kinds
from tests.domain.signals import (
    BOUNDED_SETTINGS,
    after,
    placed,
    promising,
    statement_lists,
    unavailable,
)


@cache
def severe() -> Rulebook:
    """Another policy, which finds the same problems and treats them otherwise."""
    kinds = shipped()["kinds"]
    kinds["delivery_late"]["severity"] = "critical"
    return with_version("severe", kinds=kinds)


def pasts(service: InMemoryService, scope: SimulationScope) -> list[OrderPast]:
    return [*load_order_pasts(service.log, orders_of(service.recorder), scope, all_arrivals=False)]


def orders_agree(service: InMemoryService, scope: SimulationScope) -> None:
    """Each order has the outcome of a whole replay."""
    decided = structs.replace(scope, decided_after=0)
    compared = compare_policies(scope.active, scope.proposed)
    for past in load_order_pasts(service.log, orders_of(service.recorder), decided):
        active, proposed = simulate_order_under_both(past, compared, scope.until)
        assert active == simulate_order(past, scope.active, scope.until)
        assert proposed == simulate_order(past, scope.proposed, scope.until)


@pytest.mark.parametrize(
    ("make", "days"), [(severe, 0), (severe, 9), (other, 5), (eager, 0), (fastidious, 0)]
)
def test_a_shop_gives_the_figures_of_a_whole_replay(
    make: Callable[[], Rulebook], days: int
) -> None:
    service = demonstration()
    scope = scope_of(service, make(), until=NOW - timedelta(days=days))
    decided = structs.replace(scope, decided_after=0)
    assert simulated(service, decided).figures() == simulated(service, scope).figures()


def test_most_orders_of_a_shop_are_quiet_and_not_read_whole() -> None:
    service = demonstration()
    whole = scope_of(service, severe())
    assert not any(past.is_quiet for past in pasts(service, whole))
    decided = pasts(service, structs.replace(whole, decided_after=0))
    quiet = [past for past in decided if past.is_quiet]
    assert len(quiet) > len(decided) / 2
    assert not any(past.arrivals for past in quiet)
    assert any(past.passed_at for past in quiet)
    troubled = [past for past in decided if past.resolved or not past.is_quiet]
    assert any(past.decided_arrivals for past in troubled)


@cache
def compiled(make: Callable[[], Rulebook]) -> Rulebook:
    return make()


@settings(BOUNDED_SETTINGS, max_examples=600)
@given(data=st.data())
def test_any_order_gives_the_figures_of_a_whole_replay(data: st.DataObject) -> None:
    where = {"hours": (0, 200), "ship_by": (30, 90), "days": (3, 6)}
    signals = [placed(0, tenders=("card",)), *data.draw(statement_lists(first=1, most=6, **where))]
    service = InMemoryService()
    for n, signal in enumerate(signals):
        # Some arrive before their time, some long after; time passes with or without a timekeeper.
        service.take(signal, at=after(data.draw(st.integers(20 * n, 20 * n + 19))))
        if data.draw(st.booleans()):
            service.tick(after(20 * n + 19), punctual=data.draw(st.booleans()))
    scope = SimulationScope(
        active=SHIPPED_RULEBOOK,
        proposed=compiled(data.draw(st.sampled_from([severe, other, eager]))),
        since=after(-100),
        until=after(data.draw(st.sampled_from([30, 90, 150, 1000]))),
        position=data.draw(st.integers(1, service.log.head())),
    )
    orders_agree(service, scope)


def test_the_first_policy_of_a_log_decided_on_all_of_it() -> None:
    setup = PolicyChange(SHIPPED_RULEBOOK)
    setup.service.take(promising(), at=after(1))
    assert decided_after(setup.service.log, setup.desk, after(2)) == 0


def test_other_rules_decided_before_their_recheck_began() -> None:
    setup = PolicyChange(without_kinds("stock_unavailable"))
    service = setup.service
    service.take(promising(), unavailable(3), at=after(4))
    setup.now = at = after(5)
    change_policy(setup.desk, SHIPPED_RULEBOOK, at)
    assert decided_after(service.log, setup.desk, at + RECHECK_DELAY) is None
    head = service.log.head()
    recheck_open_cases(service, setup.desk, SHIPPED_RULEBOOK.digest, at)
    assert decided_after(service.log, setup.desk, after(6)) == head

    def scope(decided_after: int | None) -> SimulationScope:
        return SimulationScope(
            active=SHIPPED_RULEBOOK,
            proposed=SHIPPED_RULEBOOK,
            since=after(0),
            until=after(5),
            position=service.log.head(),
            decided_after=decided_after,
        )

    # The log has no problem before the recheck; the active policy finds one.
    (past,) = pasts(service, scope(head))
    assert not past.is_quiet
    assert not past.decided
    assert simulated(service, scope(head)).figures().cases.active == 1
    assert simulated(service, scope(0)).figures().cases.active == 0


def test_policies_with_the_same_rules_decide_alike() -> None:
    setup = PolicyChange(SHIPPED_RULEBOOK)
    document = SHIPPED_RULEBOOK.document
    for number in (1, 2):
        variant = policy_variant(document, f"weights-{number}", 900 + number)
        setup.change(variant, 5 + number)
    assert decided_after(setup.service.log, setup.desk, after(9)) == 0
    setup.change(without_kinds("stock_unavailable"), 10)
    head = setup.service.log.head()
    setup.change(policy_variant(without_kinds("stock_unavailable").document, "w-3", 903), 11)
    found = decided_after(setup.service.log, setup.desk, after(12))
    assert found is not None
    assert 0 < found <= head


@pytest.mark.parametrize("more", [{"decided_after": 10**9}, {"decided_after": None}])
def test_an_order_that_began_before_is_replayed_whole(more: dict[str, int | None]) -> None:
    service = demonstration()
    decided = structs.replace(scope_of(service, severe()), **more)
    assert not any(past.is_quiet or past.decided for past in pasts(service, decided))
