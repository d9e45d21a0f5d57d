"""Next steps of the policy: tasks with an owner and a due time, and holds."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec import structs

from domain.cases.errors import CaseAlreadyResolved, HoldNotOurs, StepsOpen, TaskNotOpen
from domain.cases.exception_case import CaseState, ExceptionCase
from domain.cases.next_steps import HoldOn, HoldReason, NextAction
from domain.cases.step_commands import AddTask, CompleteTask, DropTask, PlaceHold, ReleaseHold
from domain.cases.steps import TaskState
from domain.cases.work_commands import OpenCase
from domain.clock.open_hours import after_business_time
from domain.people import POLICY_ACTOR, TIMEKEEPER_ACTOR
from domain.policy.document import Automation, HoldRule, NextStep
from domain.policy.rulebook import Rulebook
from tests.application.in_memory_service import (
    RESOLUTION,
    SHIPPED_RULEBOOK,
    InMemoryService,
    caller,
)
from tests.domain.exception_signals import checked
from tests.domain.signals import after, delivered, promising, unavailable

KIND = "address_problem"


def open_case(rulebook: Rulebook = SHIPPED_RULEBOOK) -> tuple[InMemoryService, ExceptionCase]:
    """An address case opened at 3 h: a Wednesday, 16:00 at the desk."""
    service = InMemoryService(rulebook)
    service.take(checked(2, "invalid"), at=after(3))
    return service, service.only_case(KIND)


def with_steps(kind: str, **parts: object) -> Rulebook:
    kinds = dict(SHIPPED_RULEBOOK.document.kinds)
    kinds[kind] = structs.replace(kinds[kind], **parts)
    return Rulebook(structs.replace(SHIPPED_RULEBOOK.document, kinds=kinds))


def settled(service: InMemoryService, case: ExceptionCase, at: float) -> ExceptionCase:
    by = caller("ana", after(at))
    case = service.desk.complete_task(case.id, case.version, CompleteTask(task=1), by).case
    release = ReleaseHold(hold=1, note="The address is right now.")
    return service.desk.release_hold(case.id, case.version, release, by).case


def test_a_case_begins_with_the_tasks_and_holds_of_the_policy() -> None:
    service, case = open_case()
    assert service.trail(case.id) == [
        "case.detected",
        "case.enriched",
        "case.routed",
        "case.held",
        "case.task_created",
    ]
    (task,), (hold,) = case.steps.tasks, case.steps.holds
    assert (task.action, task.owner, task.state) == (
        NextAction.ASK_CUSTOMER,
        "order_desk",
        TaskState.OPEN,
    )
    assert case.timing.clock.terms is not None
    calendar = case.timing.clock.terms.calendar
    assert task.due_at == after_business_time(calendar, after(3), timedelta(hours=4))
    assert (hold.what, hold.reason, hold.placed_at) == (
        HoldOn.FULFILMENT,
        HoldReason.INCORRECT_ADDRESS,
        after(3),
    )
    lines = service.log.trail(case.id)[3:]
    assert {line.actor for line in lines} == {POLICY_ACTOR}
    assert {line.event.policy for line in lines} == {SHIPPED_RULEBOOK.version}  # type: ignore[union-attr]


def test_tasks_created_by_policy_are_no_first_action() -> None:
    _, case = open_case()
    assert case.timing.clock.runs["first_action"].met_at is None  # type: ignore[index]


def test_a_case_with_open_tasks_or_holds_cannot_be_resolved() -> None:
    service, case = open_case()
    case = service.desk.claim(case.id, case.version, caller("ana", after(4))).case
    with pytest.raises(StepsOpen, match=r"task 1 .*hold 1 on fulfilment") as refused:
        service.desk.resolve(case.id, case.version, RESOLUTION, caller("ana", after(4)))
    assert refused.value.facts == {"tasks": [1], "holds": [1]}
    case = settled(service, case, 4)
    ended = service.desk.resolve(case.id, case.version, RESOLUTION, caller("ana", after(5))).case
    assert ended.state is CaseState.RESOLVED
    assert [task.state for task in ended.steps.tasks] == [TaskState.DONE]
    assert [hold.released_at for hold in ended.steps.holds] == [after(4)]


def test_a_task_is_done_or_dropped_once() -> None:
    service, case = open_case()
    by = caller("bo", after(4))
    case = service.desk.drop_task(case.id, case.version, DropTask(task=1, note="Known."), by).case
    assert case.steps.tasks[0].state is TaskState.DROPPED
    for number in (1, 2):
        with pytest.raises(TaskNotOpen):
            service.desk.complete_task(case.id, case.version, CompleteTask(task=number), by)
    ask = AddTask(title="Call her", owner="bo", due_at=after(9))
    case = service.desk.add_task(case.id, case.version, ask, by).case
    assert [(t.task, t.owner, t.due_at) for t in case.steps.open_tasks] == [(2, "bo", after(9))]
    case = service.desk.add_task(case.id, case.version, AddTask(title="Look"), by).case
    assert case.steps.tasks[2].owner == "order_desk"


def test_an_overdue_task_is_recorded_once() -> None:
    service, case = open_case()
    due_at = case.steps.tasks[0].due_at
    assert due_at is not None
    service.tick(due_at - timedelta.resolution)
    assert service.events(case.id, "case.task_overdue") == []
    service.tick(due_at)
    service.tick(due_at + timedelta(hours=1))
    (overdue,) = service.events(case.id, "case.task_overdue")
    assert (overdue.task, overdue.owner, overdue.due_at) == (1, "order_desk", due_at)
    (line,) = [x for x in service.log.trail(case.id) if x.type == "case.task_overdue"]
    assert line.actor == TIMEKEEPER_ACTOR
    case = service.only_case(KIND)
    assert case.steps.tasks[0].state is TaskState.OVERDUE
    at = caller("ana", due_at + timedelta(hours=2))
    case = service.desk.complete_task(case.id, case.version, CompleteTask(task=1), at).case
    assert case.steps.tasks[0].state is TaskState.DONE


def test_automatic_resolution_drops_tasks_and_releases_holds() -> None:
    rulebook = with_steps(
        "delivery_late",
        holds=(HoldRule(what=HoldOn.REFUND, reason=HoldReason.OTHER),),
        next_steps=(
            NextStep(
                title="Tell her", action=NextAction.NOTIFY_CUSTOMER, within=timedelta(hours=2)
            ),
        ),
    )
    service = InMemoryService(rulebook)
    service.take(promising(), at=after(0))
    service.tick(after(253), punctual=True)
    case = service.only_case("delivery_late")
    assert case.automation is Automation.AUTOMATIC
    assert case.steps.open_tasks
    service.take(delivered(60), at=after(254))
    case = service.only_case("delivery_late")
    assert case.is_resolved
    assert case.steps.tasks[0].state is TaskState.DROPPED
    assert case.steps.holds[0].released_at == after(254)
    assert service.trail(case.id)[-3:] == [
        "case.task_dropped",
        "case.hold_released",
        "case.resolved",
    ]
    assert case.id not in service.due()


def test_only_an_active_hold_of_the_case_can_be_released() -> None:
    service, case = open_case()
    by = caller("ana", after(4))
    other = service.desk.open(OpenCase(order=case.order, kind="lost", note="No scan."), by).case
    with pytest.raises(HoldNotOurs):
        service.desk.release_hold(other.id, other.version, ReleaseHold(hold=1, note="Go."), by)
    ask = PlaceHold(what=HoldOn.REFUND, reason=HoldReason.OTHER, note="Wait for the claim.")
    other = service.desk.place_hold(other.id, other.version, ask, by).case
    with pytest.raises(HoldNotOurs, match="1 on refund"):
        service.desk.release_hold(other.id, other.version, ReleaseHold(hold=2, note="Go."), by)
    other = service.desk.release_hold(
        other.id, other.version, ReleaseHold(hold=1, note="Go."), by
    ).case
    with pytest.raises(HoldNotOurs, match="none"):
        service.desk.release_hold(other.id, other.version, ReleaseHold(hold=1, note="Go."), by)
    assert [hold.released_at for hold in service.only_case(KIND).steps.holds] == [None]


def test_a_case_opened_by_hand_begins_with_the_steps_of_its_kind() -> None:
    service = InMemoryService(SHIPPED_RULEBOOK)
    service.take(unavailable(), at=after(1))
    ask = OpenCase(order=unavailable().order, kind="lost", note="She has not got it.")
    case = service.desk.open(ask, caller("ana", after(2))).case
    assert [task.action for task in case.steps.tasks] == [
        NextAction.FILE_CLAIM,
        NextAction.NOTIFY_CUSTOMER,
    ]


def test_a_reopened_case_gets_its_steps_again() -> None:
    service, case = open_case()
    case = service.desk.claim(case.id, case.version, caller("ana", after(4))).case
    case = settled(service, case, 5)
    case = service.desk.resolve(case.id, case.version, RESOLUTION, caller("ana", after(6))).case
    with pytest.raises(CaseAlreadyResolved):
        service.desk.add_task(case.id, case.version, AddTask(title="?"), caller("ana", after(6)))
    service.take(checked(8, "invalid", "again"), at=after(9))
    case = service.only_case(KIND)
    assert case.reopened == 1
    assert [task.task for task in case.steps.open_tasks] == [2]
    assert [hold.hold for hold in case.steps.open_holds] == [2]


def test_completing_a_task_counts_as_work_on_the_case() -> None:
    service, case = open_case()
    case = settled(service, case, 5)
    first_action = case.timing.clock.runs["first_action"]  # type: ignore[index]
    assert first_action.met_at == after(5)
    assert case.timing.quiet_since == after(5)
