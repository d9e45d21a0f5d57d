"""Two processes give money back for one order, on PostgreSQL: together never more than was captured."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.log.event_log import EventLog
from domain.adjustments.adjustment import APPROVED_STATES
from domain.adjustments.adjustment import AdjustmentState as State
from domain.adjustments.commands import ApproveAdjustment, ExecuteAdjustment, ProposeAdjustment
from domain.adjustments.events import AdjustmentProposed, ExecutionStarted
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason
from domain.cases.work_commands import OpenCase
from domain.errors import CasetrailError
from domain.money import PositiveMoney
from domain.orders.events import SignalRecorded
from domain.orders.order import order_stream
from domain.orders.payment_signals import RefundIssued
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore
from tests.application.money_service import MoneyService, caller_with_roles
from tests.domain.signals import after, refunded

CAPTURED = Decimal(100)
ORDERS = count(1)
Acts = list[tuple[str, int]]
ACTS = st.lists(
    st.tuples(st.sampled_from(["propose", "approve", "execute", "told"]), st.integers(1, 80)),
    min_size=3,
    max_size=8,
)


@pytest.fixture
def processes(dsn: str) -> Iterator[Sequence[MoneyService]]:
    recorders = [PostgresLogRecorder(Datastore(dsn)) for _ in range(2)]
    yield [MoneyService(recorder=recorder) for recorder in recorders]  # type: ignore[arg-type]
    for recorder in recorders:
        recorder.close()


def act(service: MoneyService, order: str, cases: Sequence[object], what: str, size: int) -> None:
    """One act of one process; the current state may refuse it."""
    if what == "told":
        told = refunded(6, f"{size}.00", "EUR", f"told-{threading.get_ident()}-{size}", order=order)
        service.take(told, at=after(6))
        return
    case = service.desk.case(cases[size % len(cases)])  # type: ignore[arg-type]
    for one in reversed(case.adjustments.items):
        if what == "approve" and one.state is State.PROPOSED:
            by = caller_with_roles("omar", after(7))
            ask = ApproveAdjustment(digest=one.digest)
            service.money.approve(case.id, case.version, one.id, ask, by)
            return
        if what == "execute" and one.state in APPROVED_STATES:
            pay = ExecuteAdjustment(digest=one.digest)
            by = caller_with_roles("fay", after(8))
            service.money.execute(case.id, case.version, one.id, pay, by)
            return
    proposed = ProposeAdjustment(
        kind=AdjustmentKind.PARTIAL_REFUND,
        amount=PositiveMoney(f"{size}.00", "EUR"),
        reason=AdjustmentReason.NOT_RECEIVED,
    )
    service.money.propose(case.id, case.version, proposed, caller_with_roles("ana", after(5)))


def given_at_each_execution(log: EventLog, order: str, cases: Sequence[object]) -> list[Decimal]:
    """What was given back in all when each payment was ordered, by the order of the log."""
    amounts: dict[object, Decimal] = {}
    total, found = Decimal(0), []
    trails = log.trails([order_stream(order), *cases])  # type: ignore[list-item]
    lines = [line for trail in trails.values() for line in trail]
    for line in sorted(lines, key=lambda line: line.position or 0):
        match line.event:
            case AdjustmentProposed(adjustment=adjustment, amount=amount):
                amounts[adjustment] = amount.value
            case SignalRecorded(signal=RefundIssued(amount=PositiveMoney() as told)):
                total += told.value
            case ExecutionStarted(adjustment=adjustment):
                total += amounts[adjustment]
                found.append(total)
    return found


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(first=ACTS, second=ACTS)
def test_two_processes_never_give_more_than_was_captured(
    processes: Sequence[MoneyService], first: Acts, second: Acts
) -> None:
    one, two = processes
    order = f"o-{next(ORDERS)}"
    opened = one.buy(order, f"{CAPTURED}.00", customer=f"c-{order}")
    by = caller_with_roles("ana", after(4))
    ask = OpenCase(order=order, kind="damaged", note="She called.")
    other = one.desk.open(ask, by).case
    other = one.desk.claim(other.id, other.version, by).case
    cases = [opened.id, other.id]

    def run(service: MoneyService, acts: Acts) -> None:
        for what, size in acts:
            with suppress(CasetrailError):
                act(service, order, cases, what, size)

    threads = [threading.Thread(target=run, args=args) for args in ((one, first), (two, second))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(total <= CAPTURED for total in given_at_each_execution(one.log, order, cases))
