"""Workers are killed and frozen while reports are behind and thousands of streams fall due."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import LiteralString, TypeVar

import psycopg
import pytest

from api.composition import desks, prepare_database
from domain.money import PositiveMoney
from domain.orders.payment_signals import PaymentCaptured
from domain.orders.purchase_signals import Customer, Line, OrderPlaced
from tests.survival.deadlines import (
    PAYMENT_WITHIN,
    NeglectedOrder,
    assert_each_was_missed_once,
    count_leased,
    count_opened,
    let_leases_run_out,
    record_orders,
    record_signals,
    seconds_from_now,
)
from tests.survival.log_checks import assert_reports_equal_their_folds, wait_for_reports, whole_log
from tests.survival.programs import START_SECONDS, Program, Programs, eventually
from tests.tampering import without_triggers

FROZEN_SECONDS = 5

T = TypeVar("T")


def wait_until_polling(dsn: str, *workers: Program) -> None:
    """Wait until exactly these workers poll for due streams."""

    def all_ask() -> bool:
        for worker in workers:
            assert worker.is_running, worker.output
        with psycopg.connect(dsn) as connection:
            row = connection.execute(
                "SELECT count(DISTINCT application_name) FROM pg_stat_activity "
                "WHERE datname = current_database() "
                "AND query LIKE 'UPDATE timers SET leased_until%'"
            ).fetchone()
        return row is not None and row[0] == len(workers)

    eventually(f"{len(workers)} workers ask for what is due", all_ask, within=START_SECONDS)


def owner_of_reports(dsn: str) -> int | None:
    """The backend process of the connection that owns the reports."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ).fetchone()
    return row[0] if row else None


def test_each_stream_is_ticked_once_although_workers_are_killed(
    dsn: str, programs: Programs
) -> None:
    chance = random.Random(22)
    behind = [
        NeglectedOrder(f"behind-{n}", seconds_from_now(-60), seconds_from_now(-60))
        for n in range(3000)
    ]
    record_orders(dsn, behind, received_at=seconds_from_now(-120))
    coming = [
        NeglectedOrder(
            f"coming-{n}",
            seconds_from_now(chance.uniform(1, 9)),
            seconds_from_now(chance.uniform(1, 9)),
        )
        for n in range(800)
    ]
    record_orders(dsn, coming)
    total = 2 * (len(behind) + len(coming))
    deaths_at_work = 0
    last = max(order.ship_by for order in coming)
    while datetime.now(UTC) < last or (deaths_at_work < 2 and count_opened(dsn) < total):
        before = count_opened(dsn)
        worker = programs.worker(dsn)
        wait_until_polling(dsn, worker)
        time.sleep(chance.uniform(0.2, 0.9))
        worker.kill()
        deaths_at_work += count_opened(dsn) > before
    assert deaths_at_work > 1

    programs.worker(dsn)
    let_leases_run_out(dsn)
    eventually(f"{total} cases are open", lambda: count_opened(dsn) == total, within=30)
    wait_for_reports(dsn, within=15)
    lines = whole_log(dsn)
    assert_each_was_missed_once(dsn, lines, behind + coming)
    assert_reports_equal_their_folds(dsn, lines)


@pytest.mark.parametrize("count", [2, 3])
def test_several_workers_share_the_work_and_tick_each_stream_once(
    dsn: str, programs: Programs, count: int
) -> None:
    with psycopg.connect(dsn) as connection, without_triggers(connection):
        connection.execute(
            "ALTER TABLE stored_events ADD COLUMN appended_by int DEFAULT pg_backend_pid()"
        )
    record_orders(dsn, [])
    wait_until_polling(dsn, *(programs.worker(dsn) for _ in range(count)))
    at = seconds_from_now(4)
    orders = [NeglectedOrder(f"order-{n}", at, at) for n in range(1500)]
    record_orders(dsn, orders)

    eventually("all cases are open", lambda: count_opened(dsn) == 2 * len(orders), within=30)
    wait_for_reports(dsn, within=5)
    lines = whole_log(dsn)
    assert_each_was_missed_once(dsn, lines, orders)
    assert_reports_equal_their_folds(dsn, lines)
    with psycopg.connect(dsn) as connection:
        shares = connection.execute(
            "SELECT count(*) FROM stored_events WHERE topic = 'case.detected' GROUP BY appended_by"
        ).fetchall()
    assert len(shares) == count
    assert min(share for (share,) in shares) > 2 * len(orders) / count / 4, shares


def freeze_with_leases(dsn: str, worker: Program) -> int:
    """Freeze the worker while it has leases on streams; return how many."""
    for _ in range(100):
        worker.freeze()
        time.sleep(0.1)  # until its last statement is carried out
        if held := count_leased(dsn):
            return held
        worker.thaw()
        time.sleep(random.uniform(0.01, 0.05))
    raise AssertionError("the worker never holds a lease")


def test_another_worker_takes_over_from_a_frozen_one(dsn: str, programs: Programs) -> None:
    past = seconds_from_now(-60)
    orders = [NeglectedOrder(f"order-{n}", past, past) for n in range(3000)]
    record_orders(dsn, orders, received_at=past - timedelta(minutes=1))
    frozen = programs.worker(dsn)
    eventually("the first worker owns the reports", lambda: owner_of_reports(dsn), within=20)
    eventually("the first worker has begun", lambda: count_opened(dsn), within=20)
    held = freeze_with_leases(dsn, frozen)
    owner = owner_of_reports(dsn)
    other = programs.worker(dsn)

    total = 2 * len(orders)
    eventually(
        "all but what the frozen one holds is done",
        lambda: count_opened(dsn) >= total - 2 * held,
        within=12,
    )
    # The server ends the connection of the frozen owner, which releases its lock.
    eventually(
        "the other worker owns the reports",
        lambda: owner_of_reports(dsn) not in (None, owner),
        within=FROZEN_SECONDS + 5,
    )
    wait_for_reports(dsn, within=5)
    let_leases_run_out(dsn)
    eventually("the leases have run out", lambda: count_opened(dsn) == total, within=15)

    frozen.thaw()
    time.sleep(2)
    assert frozen.is_running
    lines = whole_log(dsn)
    assert_each_was_missed_once(dsn, lines, orders)
    # The thawed worker alone ticks streams and keeps reports.
    other.kill()
    at = seconds_from_now(0.5)
    more = [NeglectedOrder(f"more-{n}", at, at) for n in range(20)]
    record_orders(dsn, more)
    eventually("the thawed worker ticks", lambda: count_opened(dsn) == total + 40, within=15)
    wait_for_reports(dsn, within=5)
    lines = whole_log(dsn)
    assert_each_was_missed_once(dsn, lines, orders + more)
    assert_reports_equal_their_folds(dsn, lines)


def freeze_while_it_reads(dsn: str, worker: Program) -> int:
    """Freeze the worker while it reads the log, so that the server cannot send the rest.

    The log is locked until the read waits for it, and the worker is frozen before the read goes on.
    Return the backend process of the connection that reads.
    """
    lines = tuple(
        Line(sku=f"{'x' * 100}{n}", price=PositiveMoney("1.00", "EUR")) for n in range(1000)
    )
    for number in range(10):
        worker.freeze()  # otherwise it would read them before the log is locked
        placed = [
            OrderPlaced(
                source="storefront",
                id="placed",
                order=f"long-{number}-{n}",
                event_time=seconds_from_now(0),
                customer=Customer(id=f"C-{number}-{n}"),
                lines=lines,
                tenders=("card",),
            )
            for n in range(50)
        ]
        record_signals(dsn, *placed)
        reader: int | None = None
        with (
            # The worker may have been frozen within a read of another thread, which holds a lock of its own.
            suppress(psycopg.errors.LockNotAvailable),
            psycopg.connect(dsn) as connection,
        ):
            connection.execute("SET lock_timeout = '2s'")
            connection.execute("LOCK TABLE stored_events IN ACCESS EXCLUSIVE MODE")
            worker.thaw()
            reader = within_a_second(lambda: waiting_reader(dsn, "wait_event_type = 'Lock'"))
            worker.freeze()
        if reader and within_a_second(
            lambda seen=reader: waiting_reader(dsn, "wait_event = 'ClientWrite'") == seen
        ):
            return reader
        worker.thaw()  # it was cut off, and connects again
        eventually("it owns the reports again", lambda: owner_of_reports(dsn), within=10)
    raise AssertionError("the worker was never frozen during a read")


def within_a_second(found: Callable[[], T]) -> T:
    """Return what is found as soon as it is true, or the last value after a second."""
    deadline = time.monotonic() + 1
    while not (value := found()) and time.monotonic() < deadline:
        time.sleep(0.005)
    return value


def waiting_reader(dsn: str, for_what: LiteralString) -> int | None:
    """The backend process that reads the log for the reports, if it waits for this event."""
    owner = owner_of_reports(dsn)
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT FROM pg_stat_activity WHERE pid = %s AND state = 'active' AND "
            "query LIKE 'SELECT notification_id, state%%' AND " + for_what,
            (owner,),
        ).fetchone()
    return owner if found is not None else None


def test_another_worker_takes_over_the_reports_from_a_frozen_reader(
    dsn: str, programs: Programs
) -> None:
    worker = programs.worker(dsn)
    wait_until_polling(dsn, worker)
    eventually("it owns the reports", lambda: owner_of_reports(dsn), within=15)
    owner = freeze_while_it_reads(dsn, worker)
    programs.worker(dsn)
    eventually(
        "another owns the reports",
        lambda: owner_of_reports(dsn) not in (None, owner),
        within=FROZEN_SECONDS + 7,
    )
    wait_for_reports(dsn, within=10)
    worker.thaw()
    time.sleep(1)
    record_orders(dsn, [NeglectedOrder("order-1", seconds_from_now(60), seconds_from_now(60))])
    wait_for_reports(dsn, within=5)
    assert_reports_equal_their_folds(dsn, whole_log(dsn))


def test_a_worker_considers_signals_that_another_process_recorded(
    dsn: str, programs: Programs
) -> None:
    """The worker has cached the order at an earlier tick; a later signal sets another deadline."""
    wait_until_polling(dsn, programs.worker(dsn))
    placed = OrderPlaced(
        source="storefront",
        id="placed",
        order="order-1",
        event_time=seconds_from_now(0.5) - PAYMENT_WITHIN,
        customer=Customer(id="C1"),
        lines=(Line(sku="kettle-17", price=PositiveMoney("39.90", "EUR")),),
    )
    record_signals(dsn, placed)
    eventually("missing and stalled", lambda: count_opened(dsn) == 2, within=10)

    # The payment is too high. The mismatch is due a day after it, which is soon.
    captured = PaymentCaptured(
        source="psp",
        id="captured",
        order="order-1",
        event_time=seconds_from_now(1.5) - timedelta(hours=24),
        amount=PositiveMoney("93.90", "EUR"),
    )
    record_signals(dsn, captured)
    with psycopg.connect(dsn) as connection:
        assert connection.execute(
            "SELECT count(*) FROM timers WHERE kind = 'order'"
        ).fetchone() == (1,)
    eventually("the mismatch is found when it is due", lambda: count_opened(dsn) == 3, within=15)


def test_processes_that_start_at_once_on_an_empty_log_have_the_same_policy(dsn: str) -> None:
    count = 6
    prepare_database(dsn)
    gate = threading.Barrier(count)

    def start() -> str:
        with desks(dsn) as working:
            working.log.head()
            gate.wait(10)
            working.ensure_policy()
            return working.policy.current.digest

    with ThreadPoolExecutor(count) as pool:
        started = [pool.submit(start) for _ in range(count)]
    failures = [repr(error) for one in started if (error := one.exception())]
    assert failures == []
    assert len({one.result() for one in started}) == 1
    assert [line.type for line in whole_log(dsn)] == ["policy.activated"]
