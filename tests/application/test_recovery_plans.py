"""Queues with too much work or too old work get recovery plans."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec import structs

from domain.backlog.errors import ActionNotOpen, RecoveryChanged, RecoveryNotFound
from domain.backlog.events import BacklogCause, BacklogMeasurement
from domain.backlog.recovery import (
    AddAction,
    AssignPlanOwner,
    CompleteAction,
    RecoveryPlan,
    recovery_stream,
)
from domain.cases.work_commands import StartWait
from domain.clock.terms import Dependency
from domain.people import POLICY_ACTOR
from domain.policy.document import Backlog
from domain.policy.rulebook import Rulebook
from tests.application.in_memory_service import SHIPPED_RULEBOOK, InMemoryService, caller
from tests.domain.signals import after, unavailable

QUEUE = "allocation_failure_review"
LIMITS = Backlog(
    volume=2, recovered_volume=1, age=timedelta(days=2), recovered_age=timedelta(days=1)
)


def house_with(limits: Backlog | None = LIMITS) -> InMemoryService:
    queues = {
        name: structs.replace(queue, backlog=limits if name == QUEUE else None, ladder=None)
        for name, queue in SHIPPED_RULEBOOK.document.queues.items()
    }
    return InMemoryService(Rulebook(structs.replace(SHIPPED_RULEBOOK.document, queues=queues)))


def fill(house: InMemoryService, many: int, hours: float, first: int = 0) -> None:
    """Open this many cases in the queue at this time."""
    for n in range(first, first + many):
        house.take(structs.replace(unavailable(), order=f"o-{n}"), at=after(hours))


def plan_of(house: InMemoryService) -> RecoveryPlan:
    plan = house.recovery.recovery(QUEUE).plan
    assert plan is not None
    return plan


def finish(house: InMemoryService, many: int, hours: float) -> None:
    for case in [case for case in house.found() if not case.is_resolved][:many]:
        house.resolve(case, after(hours))


def test_a_queue_within_its_limits_has_no_recovery_plan() -> None:
    house = house_with()
    fill(house, 2, 3)
    assert house.recovery.look(after(3 + 48)) == 0
    with pytest.raises(RecoveryNotFound):
        house.recovery.recovery(QUEUE)


def test_too_much_work_starts_one_plan_with_its_measurement() -> None:
    house = house_with()
    fill(house, 3, 3)
    head = house.log.head()
    assert house.recovery.look(after(4)) == 1
    assert house.recovery.look(after(5)) == 0
    plan = plan_of(house)
    assert (plan.plan, plan.owner, plan.causes) == (1, "inventory_desk", (BacklogCause.VOLUME,))
    assert plan.measured == BacklogMeasurement(position=head, cases=3, oldest_queued_at=after(3))
    assert (plan.thresholds, plan.opened_at) == (LIMITS, after(4))
    (line,) = house.log.trail(recovery_stream(QUEUE))
    assert (line.actor, line.cause, line.type) == (
        POLICY_ACTOR,
        f"measured:{head}",
        "recovery.opened",
    )


def test_work_starts_a_plan_as_soon_as_it_is_too_old() -> None:
    house = house_with()
    fill(house, 1, 3)
    assert house.recovery.look(after(3 + 48)) == 0
    assert house.recovery.look(after(3 + 48, microseconds=1)) == 1
    assert plan_of(house).causes == (BacklogCause.AGE,)


def test_a_plan_ends_when_the_queue_reaches_its_recovery_level() -> None:
    house = house_with()
    fill(house, 4, 3)
    house.recovery.look(after(4))
    finish(house, 2, 5)
    assert house.recovery.look(after(5)) == 0, "two are within the limit, and not recovered yet"
    finish(house, 1, 6)
    assert house.recovery.look(after(27, seconds=1)) == 0, "one is left, and more than a day old"
    finish(house, 1, 28)
    head = house.log.head()
    assert house.recovery.look(after(29)) == 1
    plan = plan_of(house)
    assert plan.closed_at == after(29)
    assert plan.recovered == BacklogMeasurement(position=head, cases=0)


def test_a_queue_that_falls_behind_again_gets_another_plan() -> None:
    house = house_with()
    fill(house, 3, 3)
    house.recovery.look(after(4))
    finish(house, 3, 5)
    house.recovery.look(after(6))
    fill(house, 3, 7, first=10)
    assert house.recovery.look(after(8)) == 1
    plan = plan_of(house)
    assert (plan.plan, plan.closed_at, plan.actions) == (2, None, ())


def test_waiting_cases_do_not_count_as_backlog() -> None:
    house = house_with()
    fill(house, 3, 3)
    case = house.found()[0]
    ask = StartWait(dependency=Dependency.SUPPLIER, party="acme")
    house.desk.wait(case.id, case.version, ask, caller("ana", after(3)))
    assert house.recovery.look(after(4)) == 0


def test_a_plan_keeps_its_initial_thresholds() -> None:
    house = house_with()
    fill(house, 3, 3)
    house.recovery.look(after(4))
    house.rulebook = house_with(None).rulebook
    assert house.recovery.look(after(5)) == 0
    finish(house, 2, 6)
    assert house.recovery.look(after(6)) == 1
    assert plan_of(house).closed_at == after(6)


def test_a_plan_has_an_owner_and_actions_until_it_ends() -> None:
    house = house_with()
    fill(house, 3, 3)
    house.recovery.look(after(4))
    desk, by = house.recovery, caller("ana", after(5))
    done = desk.own(QUEUE, 1, AssignPlanOwner(owner="bo", note="Yours."), by).recovery
    done = desk.add_action(QUEUE, done.version, AddAction(title="Two more people"), by).recovery
    ask = AddAction(title="Ask the supplier", owner="cy", due_at=after(30))
    done = desk.add_action(QUEUE, done.version, ask, by).recovery
    done = desk.complete_action(QUEUE, done.version, CompleteAction(action=1), by).recovery
    plan = plan_of(house)
    assert plan.owner == "bo"
    assert [(a.action, a.owner, a.due_at, a.done_at) for a in plan.actions] == [
        (1, "bo", None, after(5)),
        (2, "cy", after(30), None),
    ]
    with pytest.raises(ActionNotOpen):
        desk.complete_action(QUEUE, done.version, CompleteAction(action=1), by)
    with pytest.raises(RecoveryChanged):
        desk.own(QUEUE, 1, AssignPlanOwner(owner="cy"), by)
    finish(house, 3, 6)
    desk.look(after(7))
    with pytest.raises(RecoveryNotFound):
        desk.add_action(QUEUE, done.version + 1, AddAction(title="Late"), by)


def test_concurrent_workers_start_one_plan() -> None:
    house = house_with()
    fill(house, 3, 3)
    other = house.another_process()
    other.recovery.look(after(3))
    assert house.recovery.look(after(4)) + other.recovery.look(after(4)) <= 1
    assert [line.type for line in house.log.trail(recovery_stream(QUEUE))] == ["recovery.opened"]


def test_the_measurement_matches_the_log_at_its_position() -> None:
    house = house_with()
    fill(house, 3, 3)
    house.recovery.look(after(4))
    finish(house, 3, 5)
    measured = plan_of(house).measured
    before = InMemoryService(house.rulebook)
    for line in house.lines()[: measured.position]:
        before.append_unchecked(line.stream, line.version, line.event, line.order or "")
    assert before.backlogs()[1][QUEUE].cases == measured.cases
