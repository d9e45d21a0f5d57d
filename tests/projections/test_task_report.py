"""The task report: a row for each open task."""

from __future__ import annotations

from datetime import timedelta

from domain.cases.step_commands import AddTask, CompleteTask, DropTask
from projections.projection import NEVER
from projections.tasks import TASKS
from tests.application.in_memory_service import SHIPPED_RULEBOOK, InMemoryService, caller
from tests.domain.exception_signals import checked
from tests.domain.signals import after
from tests.projections.folding import rows_of


def test_a_task_has_a_row_until_it_is_done_or_dropped() -> None:
    service = InMemoryService(SHIPPED_RULEBOOK)
    service.take(checked(2, "invalid"), at=after(3))
    case = service.only_case("address_problem")
    due_at = case.steps.tasks[0].due_at
    assert due_at is not None
    by = caller("ana", after(4))
    case = service.desk.add_task(case.id, case.version, AddTask(title="Call", owner="ana"), by).case
    rows = rows_of(TASKS, service.lines())
    assert [(r.task, r.owner, r.due_by, r.overdue) for r in rows.values()] == [
        (1, "order_desk", due_at, False),
        (2, "ana", NEVER, False),
    ]
    assert {(r.case_id, r.order_id) for r in rows.values()} == {(case.id, case.order)}
    service.tick(due_at)
    overdue = {r.task: r.overdue for r in rows_of(TASKS, service.lines()).values()}
    assert overdue == {1: True, 2: False}
    by = caller("ana", due_at + timedelta(minutes=1))
    case = service.only_case("address_problem")
    case = service.desk.complete_task(case.id, case.version, CompleteTask(task=1), by).case
    service.desk.drop_task(case.id, case.version, DropTask(task=2, note="She called."), by)
    assert rows_of(TASKS, service.lines()) == {}
