"""Each order has an owner for its stage. The event that begins a stage names team and due time, and a later
policy does not change them."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from application.policy.policy_desk import PolicyDesk
from domain.orders.events import SignalRecorded, StagesNamed
from domain.orders.stage import Stage, StagePassage, open_passage
from domain.policy.rulebook import Rulebook
from projections.orders import ORDERS, OrderRow
from projections.standard_work import STANDARD_WORK, StandardWorkRow
from tests.application.in_memory_service import InMemoryService
from tests.application.policy_changes import change_policy, recheck_open_cases
from tests.domain.signals import (
    BOUNDED_SETTINGS,
    ORDER,
    after,
    allocated,
    approved,
    captured,
    delivered,
    handed_over,
    placed,
    released,
    scanned,
    statement_lists,
)
from tests.domain.standard_work import STAGES, with_stages
from tests.projections.folding import rows_of

RULEBOOK = with_stages()
STAGELESS = with_stages("stageless", stages=None)
OTHER_TEAMS = with_stages(
    "other", {name: {**stage, "owner_team": "night_shift"} for name, stage in STAGES.items()}
)
HEALTHY = (
    *(placed(), approved(1), captured(2), allocated(3), released(6), handed_over(20)),
    *(scanned(21), delivered(60)),
)


def owner(service: InMemoryService) -> tuple[str, str | None, datetime, datetime | None] | None:
    """The order's owner by the report of orders; the order itself says the same."""
    row: OrderRow = rows_of(ORDERS, service.lines())[ORDER]
    found = open_passage(service.order().stages)
    if found is None:
        assert row.stage is None
        return None
    stage, passage = found
    shown = (stage, passage.team, passage.since, passage.due_at)
    assert (row.stage, row.owner_team, row.stage_since, row.stage_due_at) == shown
    return shown


def attainment(service: InMemoryService) -> StandardWorkRow:
    return rows_of(STANDARD_WORK, service.lines()).get(ORDER, StandardWorkRow(ORDER))


def change(service: InMemoryService, desk: PolicyDesk, rulebook: Rulebook, at: float) -> None:
    change_policy(desk, rulebook, after(at))
    service.rulebook = rulebook
    recheck_open_cases(service, desk, rulebook.digest, after(at))


def governed(first: Rulebook, now: list[datetime]) -> tuple[InMemoryService, PolicyDesk]:
    service = InMemoryService(first)
    desk = PolicyDesk(service.log, lambda: now[0])
    desk.bootstrap(first, after(0))
    return service, desk


def test_each_step_of_an_order_without_a_case_has_an_owner_and_a_due_time() -> None:
    service, owners = InMemoryService(RULEBOOK), []
    for signal in HEALTHY:
        service.take(signal, at=signal.event_time)
        owners.append(owner(service))
    assert service.found() == []
    assert owners == [
        ("payment", "payments_desk", after(0), after(24)),
        ("allocation", "stock_desk", after(1), after(9)),
        ("allocation", "stock_desk", after(1), after(9)),
        ("release", "warehouse_desk", after(3), after(7)),
        ("shipment", "warehouse_desk", after(6), after(30)),
        ("delivery", "carrier_desk", after(20), after(140)),
        ("delivery", "carrier_desk", after(20), after(140)),
        None,
    ]
    row = attainment(service)
    assert (row.in_time, row.late) == (5, 0)


def test_a_stage_that_ends_after_its_due_time_is_late() -> None:
    service = InMemoryService(RULEBOOK)
    service.take(placed(), approved(30), at=after(31))
    row = attainment(service)
    assert (row.in_time, row.late) == (0, 1)
    assert list(row.passages) == ["payment", "allocation"]


def test_a_signal_ahead_of_the_clock_ends_its_stage_when_its_time_comes() -> None:
    service = InMemoryService(RULEBOOK)
    service.take(placed(), approved(10), at=after(3))
    assert [*attainment(service).passages] == ["payment"]
    service.tick(after(10))
    row = attainment(service)
    assert [*row.passages] == ["payment", "allocation"] == [*service.order().stages]
    assert (row.in_time, row.late) == (1, 0)


def test_a_late_signal_corrects_the_stages() -> None:
    service = InMemoryService(RULEBOOK)
    service.take(placed(), handed_over(20), at=after(21))
    assert [(s, p.until) for s, p in service.order().stages.items()] == [
        ("payment", after(20)),
        ("delivery", None),
    ]
    service.take(approved(1), released(6), at=after(22))
    assert owner(service) == ("delivery", "carrier_desk", after(20), after(140))
    assert {*service.order().stages} == {"payment", "allocation", "shipment", "delivery"}
    service.take(placed(-1, id="again"), at=after(23))
    assert service.order().stages[Stage.PAYMENT].since == after(-1)


def test_events_are_written_as_before_while_no_policy_names_stages() -> None:
    service = InMemoryService(STAGELESS)
    service.take(*HEALTHY[:3], at=after(3))
    recorded = [line.event for line in service.lines() if isinstance(line.event, SignalRecorded)]
    assert [event.stages for event in recorded] == [UNSET] * 3
    found = open_passage(service.order().passages(STAGELESS))
    assert found == (Stage.ALLOCATION, StagePassage(since=after(1)))
    assert rows_of(STANDARD_WORK, service.lines()) == {}


@settings(BOUNDED_SETTINGS, max_examples=60)
@given(signals=statement_lists(least=1, most=7), chance=st.randoms(use_true_random=False))
def test_the_stages_do_not_depend_on_the_order_of_arrival(signals, chance) -> None:
    found = []
    for arrivals in (signals, chance.sample(signals, len(signals))):
        service = InMemoryService(RULEBOOK)
        for n, signal in enumerate(arrivals):
            service.take(signal, at=after(11 + n))
        order, row = service.order(), attainment(service)
        assert order.stages == order.passages(RULEBOOK)
        assert {*row.passages} == {*order.stages}
        found.append((owner(service), order.stages, row.in_time, row.late))
    assert found[0] == found[1]


def test_a_running_stage_keeps_its_team_and_due_time_under_a_later_policy() -> None:
    now = [after(0)]
    service, desk = governed(RULEBOOK, now)
    service.take(*HEALTHY[:2], at=after(1))
    change(service, desk, OTHER_TEAMS, 2)
    assert owner(service) == ("allocation", "stock_desk", after(1), after(9))
    service.take(allocated(3), at=after(3))
    assert owner(service) == ("release", "night_shift", after(3), after(7))
    assert service.order().stages[Stage.ALLOCATION].policy == RULEBOOK.version
    assert service.order().stages[Stage.RELEASE].policy == OTHER_TEAMS.version


def test_open_orders_get_an_owner_when_a_policy_first_names_stages() -> None:
    now = [after(0)]
    service, desk = governed(STAGELESS, now)
    service.take(*HEALTHY[:2], at=after(1))
    now[0] = after(50)
    change(service, desk, RULEBOOK, 50)
    (named,) = [line for line in service.lines() if isinstance(line.event, StagesNamed)]
    assert named.order == ORDER
    stage, team, since, due_at = owner(service) or ("", "", None, None)
    assert (stage, team, since) == ("allocation", "stock_desk", after(1))
    assert due_at is not None
    # Its time runs from the recheck, which follows the change after seconds.
    assert after(58) <= due_at < after(58.1)
    assert service.order().stages[Stage.PAYMENT] == StagePassage(since=after(0), until=after(1))
    service.take(allocated(51), at=after(51))
    row = attainment(service)
    assert (row.in_time, row.late) == (1, 0)


def test_closed_orders_are_left_alone_when_a_policy_first_names_stages() -> None:
    service, desk = governed(STAGELESS, [after(0)])
    service.take(*HEALTHY, at=after(61))
    change(service, desk, RULEBOOK, 70)
    assert [line for line in service.lines() if isinstance(line.event, StagesNamed)] == []


def test_nobody_is_named_for_a_new_stage_after_a_policy_without_stages() -> None:
    service, desk = governed(RULEBOOK, [after(0)])
    service.take(*HEALTHY[:2], at=after(1))
    change(service, desk, STAGELESS, 2)
    assert owner(service) == ("allocation", "stock_desk", after(1), after(9))
    service.take(allocated(3), at=after(3))
    assert owner(service) == ("release", None, after(3), None)
