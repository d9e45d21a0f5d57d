"""Several processes with their own caches work on one log; nothing is lost or done twice."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import CasetrailError
from domain.orders.order import order_stream
from domain.orders.signals import Signal
from domain.policy.rulebook import Rulebook
from tests.application.in_memory_service import (
    RESOLUTION,
    UNTIMED_RULEBOOK,
    InMemoryService,
    caller,
)
from tests.domain.policies import small_policy
from tests.domain.signals import BOUNDED_SETTINGS, after, placed, statement_lists

END = after(24 * 100)
ACTS = ("take", "take", "take", "tick", "claim", "resolve", "reopen", "release")


def act(
    service: InMemoryService, what: str, signals: list[Signal], pick: int, now: datetime
) -> None:
    """One random act of one process; a refusal is accepted."""
    if what == "take":
        if signals:
            service.take(*[signals.pop() for _ in range(min(1 + pick % 2, len(signals)))], at=now)
        return
    if what == "tick":
        service.tick(now)
        return
    cases = service.found()
    if not cases:
        return
    case, by = cases[pick % len(cases)], caller("ana", now)
    try:
        match what:
            case "claim":
                service.desk.claim(case.id, case.version, by)
            case "resolve":
                held = service.desk.claim(case.id, case.version, by).case
                service.desk.resolve(case.id, held.version, RESOLUTION, by)
            case "reopen":
                service.desk.reopen(case.id, case.version, "why", by)
            case "release":
                service.desk.release(case.id, case.version, "", by)
    except CasetrailError:
        return


def timers_are_right(service: InMemoryService) -> None:
    order = service.order()
    due = order.next_due(service.rulebook)
    expected = {case.id: case.next_due for case in service.found() if case.next_due}
    assert service.due() == expected | ({order_stream(order.id): due} if due else {})


def nothing_is_lost(service: InMemoryService, rulebook: Rulebook) -> None:
    order, facts = service.order(), service.order().facts
    for detector in rulebook.detectors:
        if detector.holds(facts):
            assert detector.kind in order.cases
    for watch in rulebook.watches:
        for part, deadline in watch.open_deadlines(facts):
            key = watch.rule, part
            assert deadline.at in (order.missed.get(key), order.met.get(key))
    found = service.found()
    assert {ref.case for ref in order.cases.values()} <= {case.id for case in found}
    for kind, ref in order.cases.items():
        # Only the newest case of a kind may be open.
        older = [case for case in found if case.kind == kind and case.id != ref.case]
        assert all(case.is_resolved for case in older)


@settings(BOUNDED_SETTINGS, max_examples=120)
@given(
    signals=statement_lists(least=2, most=7, hours=(0, 300), ship_by=(30, 90, 200), days=(3, 6, 9)),
    work=st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from(ACTS), st.integers(0, 5), st.integers(1, 60)),
        min_size=4,
        max_size=16,
    ),
)
def test_two_interleaved_processes_lose_no_problem(signals, work) -> None:
    first = InMemoryService()
    processes = (first, first.another_process())
    signals = [placed(0, tenders=None, id="first"), *signals]
    now = after(1)
    for process, what, pick, hours in work:
        now += timedelta(hours=hours)
        act(processes[process], what, signals, pick, now)
        if first.log.head():
            timers_are_right(first)
    first.take(placed(0, tenders=None, id="first"), *signals, at=now)
    processes[1].tick(END)
    nothing_is_lost(first, UNTIMED_RULEBOOK)
    assert first.due() == {}


def test_a_case_that_another_process_resolved_reopens_when_missed_again() -> None:
    rule = {
        "rule": "again",
        "due": {"after": "milestones.placed_at", "within": "PT1H"},
        "met_by": "milestones.delivered_at",
    }
    service = InMemoryService(small_policy(expect=[rule]))
    other = service.another_process()
    service.take(placed(10), at=after(10))
    service.tick(after(12))
    other.resolve(other.only_case("trouble"), after(13))
    # The order was placed earlier than known: another deadline, which was missed as well.
    service.take(placed(8, id="older"), at=after(14))
    case = service.only_case("trouble")
    assert (case.state, case.reopened) == ("open", 1)
