"""Orders that are never shipped or paid: each misses two deadlines, at times that the test chooses."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg
from msgspec import Struct

from api.composition import desks, prepare_database
from application.orders.batches import Arrival
from domain.money import PositiveMoney
from domain.orders.purchase_signals import Customer, Line, OrderPlaced
from domain.orders.signals import Signal
from domain.people import Actor
from domain.recorded_event import RecordedEvent
from tests.survival.log_checks import assert_no_case_is_doubled, assert_nothing_is_due, problems_in

PAYMENT_WITHIN = timedelta(hours=72)
SOURCE = Actor("key:test")
BATCH_SIZE = 500


class NeglectedOrder(Struct, frozen=True):
    order: str
    ship_by: datetime
    pay_by: datetime

    @property
    def placed(self) -> OrderPlaced:
        price = PositiveMoney("39.90", "EUR")
        return OrderPlaced(
            source="storefront",
            id=f"{self.order}-placed",
            order=self.order,
            event_time=self.pay_by - PAYMENT_WITHIN,
            customer=Customer(id=f"C-{self.order}"),
            lines=(Line(sku="kettle-17", price=price, ship_by=self.ship_by),),
            tenders=("card",),
        )


def seconds_from_now(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def record_orders(
    dsn: str, orders: Sequence[NeglectedOrder], received_at: datetime | None = None
) -> None:
    """Record the signals of the orders, now or at an earlier time."""
    record_signals(dsn, *(order.placed for order in orders), received_at=received_at)


def record_signals(dsn: str, *signals: Signal, received_at: datetime | None = None) -> None:
    """Record signals in this process, with empty caches."""
    prepare_database(dsn)
    with desks(dsn) as working:
        working.ensure_policy()
        at = received_at or working.clock()
        arrivals = [Arrival(signal, at) for signal in signals]
        for start in range(0, len(arrivals), BATCH_SIZE):
            working.intake.take(arrivals[start : start + BATCH_SIZE], SOURCE)


def count_opened(dsn: str) -> int:
    """The number of cases opened so far."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT count(*) FROM stored_events WHERE topic = 'case.detected'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def count_missed(dsn: str) -> int:
    """The number of missed deadlines recorded so far."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT count(*) FROM trail WHERE event = 'order.problem_detected' "
            "AND facts ->> 'deadline' IS NOT NULL"
        ).fetchone()
    assert row is not None
    return int(row[0])


def count_leased(dsn: str) -> int:
    """The number of streams with a lease."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT count(*) FROM timers WHERE leased_until > clock_timestamp()"
        ).fetchone()
    assert row is not None
    return int(row[0])


def let_leases_run_out(dsn: str) -> None:
    """Expire all leases, as if their time had passed."""
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE timers SET leased_until = leased_until - interval '15 seconds'")


def assert_each_was_missed_once(
    dsn: str, lines: Sequence[RecordedEvent], orders: Sequence[NeglectedOrder]
) -> None:
    """Check that each deadline of each order was recorded once and opened one case."""
    names = {order.order for order in orders}
    kinds = ("ship_by_missed", "payment_stalled")
    expected = Counter((name, kind) for name in names for kind in kinds)
    assert problems_in(line for line in lines if line.order in names) == expected
    assert_no_case_is_doubled(lines)
    deadlines = {
        (order.order, kind): at
        for order in orders
        for kind, at in zip(kinds, (order.ship_by, order.pay_by), strict=True)
    }
    for line in lines:
        if line.type == "case.detected" and line.order in names:
            assert line.event.deadline == deadlines[line.order, line.event.kind]
            assert line.recorded_at >= line.event.deadline
    assert_nothing_is_due(dsn)
