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


def service_with(limits: Backlog | None = LIMITS) -> InMemoryService:
    queues = {
        name: structs.replace(queue, backlog=limits if name == QUEUE else None, ladder=None)
        for name, queue in SHIPPED_RULEBOOK.document.queues.items()
    }
    return InMemoryService(Rulebook(structs.replace(SHIPPED_RULEBOOK.document, queues=queues)))


def fill(service: InMemoryService, many: int, hours: float, first: int = 0) -> None:
    """Open this many cases in the queue at this time."""
    for n in range(first, first + many):
        service.take(structs.replace(unavailable(), order=f"o-{n}"), at=after(hours))


def plan_of(service: InMemoryService) -> RecoveryPlan:
    plan = service.recovery.recovery(QUEUE).plan
    assert plan is not None
    return plan


def finish(service: InMemoryService, many: int, hours: float) -> None:
    for case in [case for case in service.found() if not case.is_resolved][:many]:
        service.resolve(case, after(hours))


def test_a_queue_within_its_limits_has_no_recovery_plan() -> None:
    service = service_with()
    fill(service, 2, 3)
    assert service.recovery.look(after(3 + 48)) == 0
    with pytest.raises(RecoveryNotFound):
        service.recovery.recovery(QUEUE)


def test_too_much_work_starts_one_plan_with_its_measurement() -> None:
    service = service_with()
    fill(service, 3, 3)
    head = service.log.head()
    assert service.recovery.look(after(4)) == 1
    assert service.recovery.look(after(5)) == 0
    plan = plan_of(service)
    assert (plan.plan, plan.owner, plan.causes) == (1, "inventory_desk", (BacklogCause.VOLUME,))
    assert plan.measured == BacklogMeasurement(position=head, cases=3, oldest_queued_at=after(3))
    assert (plan.thresholds, plan.opened_at) == (LIMITS, after(4))
    (line,) = service.log.trail(recovery_stream(QUEUE))
    assert (line.actor, line.cause, line.type) == (
        POLICY_ACTOR,
        f"measured:{head}",
        "recovery.opened",
    )


def test_work_starts_a_plan_as_soon_as_it_is_too_old() -> None:
    service = service_with()
    fill(service, 1, 3)
    assert service.recovery.look(after(3 + 48)) == 0
    assert service.recovery.look(after(3 + 48, microseconds=1)) == 1
    assert plan_of(service).causes == (BacklogCause.AGE,)


def test_a_plan_ends_when_the_queue_reaches_its_recovery_level() -> None:
    service = service_with()
    fill(service, 4, 3)
    service.recovery.look(after(4))
    finish(service, 2, 5)
    assert service.recovery.look(after(5)) == 0, "two are within the limit, and not recovered yet"
    finish(service, 1, 6)
    assert service.recovery.look(after(27, seconds=1)) == 0, "one is left, and more than a day old"
    finish(service, 1, 28)
    head = service.log.head()
    assert service.recovery.look(after(29)) == 1
    plan = plan_of(service)
    assert plan.closed_at == after(29)
    assert plan.recovered == BacklogMeasurement(position=head, cases=0)


def test_a_queue_that_falls_behind_again_gets_another_plan() -> None:
    service = service_with()
    fill(service, 3, 3)
    service.recovery.look(after(4))
    finish(service, 3, 5)
    service.recovery.look(after(6))
    fill(service, 3, 7, first=10)
    assert service.recovery.look(after(8)) == 1
    plan = plan_of(service)
    assert (plan.plan, plan.closed_at, plan.actions) == (2, None, ())


def test_waiting_cases_do_not_count_as_backlog() -> None:
    service = service_with()
    fill(service, 3, 3)
    case = service.found()[0]
    ask = StartWait(dependency=Dependency.SUPPLIER, party="acme")
    service.desk.wait(case.id, case.version, ask, caller("ana", after(3)))
    assert service.recovery.look(after(4)) == 0


def test_a_plan_keeps_its_initial_thresholds() -> None:
    service = service_with()
    fill(service, 3, 3)
    service.recovery.look(after(4))
    service.rulebook = service_with(None).rulebook
    assert service.recovery.look(after(5)) == 0
    finish(service, 2, 6)
    assert service.recovery.look(after(6)) == 1
    assert plan_of(service).closed_at == after(6)


def test_a_plan_has_an_owner_and_actions_until_it_ends() -> None:
    service = service_with()
    fill(service, 3, 3)
    service.recovery.look(after(4))
    desk, by = service.recovery, caller("ana", after(5))
    done = desk.own(QUEUE, 1, AssignPlanOwner(owner="bo", note="Yours."), by).recovery
    done = desk.add_action(QUEUE, done.version, AddAction(title="Two more people"), by).recovery
    ask = AddAction(title="Ask the supplier", owner="cy", due_at=after(30))
    done = desk.add_action(QUEUE, done.version, ask, by).recovery
    done = desk.complete_action(QUEUE, done.version, CompleteAction(action=1), by).recovery
    plan = plan_of(service)
    assert plan.owner == "bo"
    assert [(a.action, a.owner, a.due_at, a.done_at) for a in plan.actions] == [
        (1, "bo", None, after(5)),
        (2, "cy", after(30), None),
    ]
    with pytest.raises(ActionNotOpen):
        desk.complete_action(QUEUE, done.version, CompleteAction(action=1), by)
    with pytest.raises(RecoveryChanged):
        desk.own(QUEUE, 1, AssignPlanOwner(owner="cy"), by)
    finish(service, 3, 6)
    desk.look(after(7))
    with pytest.raises(RecoveryNotFound):
        desk.add_action(QUEUE, done.version + 1, AddAction(title="Late"), by)


def test_concurrent_workers_start_one_plan() -> None:
    service = service_with()
    fill(service, 3, 3)
    other = service.another_process()
    other.recovery.look(after(3))
    assert service.recovery.look(after(4)) + other.recovery.look(after(4)) <= 1
    assert [line.type for line in service.log.trail(recovery_stream(QUEUE))] == ["recovery.opened"]


def test_the_measurement_matches_the_log_at_its_position() -> None:
    service = service_with()
    fill(service, 3, 3)
    service.recovery.look(after(4))
    finish(service, 3, 5)
    measured = plan_of(service).measured
    before = InMemoryService(service.rulebook)
    for line in service.lines()[: measured.position]:
        before.append_unchecked(line.stream, line.version, line.event, line.order or "")
    assert before.backlogs()[1][QUEUE].cases == measured.cases
