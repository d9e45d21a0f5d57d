"""Due streams that cannot be ticked delay no others; the worker's output and /readyz report them."""

from datetime import datetime
from uuid import UUID, uuid4

import httpx2
import psycopg

from application.log.event_log import EventLog, Write
from application.log.streams import ORDER
from domain.orders.events import ProblemDetected
from domain.orders.order import order_stream
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore
from tests.survival.clients import tokens_of
from tests.survival.deadlines import (
    SOURCE,
    NeglectedOrder,
    count_opened,
    record_orders,
    seconds_from_now,
)
from tests.survival.programs import Programs, eventually, free_port

# More than a timekeeper takes at once.
POISONED = 220


def orders_with_a_missing_case(dsn: str, due_at: datetime) -> list[UUID]:
    """Orders that cannot be ticked, since they name a case that is not in the log."""
    found = ProblemDetected(kind="delivery_late", case=uuid4(), occurrence=1, rule="lost")
    writes = [
        Write(
            stream=order_stream(f"broken-{n}"),
            kind=ORDER,
            expected=0,
            events=[(SOURCE, found)],
            recorded_at=due_at,
            order=f"broken-{n}",
            next_due=due_at,
        )
        for n in range(POISONED)
    ]
    recorder = PostgresLogRecorder(Datastore(dsn))
    EventLog(recorder).append(writes)
    recorder.close()
    return [write.stream for write in writes]


def test_streams_that_cannot_be_ticked_do_not_delay_others(dsn: str, programs: Programs) -> None:
    tokens_of(dsn, ["ana"])
    past, further_past = seconds_from_now(-60), seconds_from_now(-3600)
    good = [NeglectedOrder(f"good-{n}", past, past) for n in range(300)]
    record_orders(dsn, good, received_at=seconds_from_now(-120))
    broken = orders_with_a_missing_case(dsn, further_past)
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        add = "INSERT INTO timers (stream, kind, due_at) VALUES (%s, %s, %s)"
        unknown = [uuid4() for _ in range(POISONED)]
        cursor.executemany(add, [(stream, "weather", further_past) for stream in unknown])
        missing = [uuid4() for _ in range(POISONED)]
        cursor.executemany(add, [(stream, "order", further_past) for stream in missing])

    worker = programs.worker(dsn)
    eventually("all that can be ticked is", lambda: count_opened(dsn) == 2 * len(good), within=15)
    # Streams that fall due later are ticked too.
    at = seconds_from_now(0.5)
    record_orders(dsn, [NeglectedOrder(f"later-{n}", at, at) for n in range(50)])
    eventually(
        "the later ones are ticked", lambda: count_opened(dsn) == 2 * (len(good) + 50), within=15
    )

    assert worker.is_running
    for poison in (broken[0], unknown[0], missing[0]):
        assert str(poison) in worker.output
    port = free_port()
    programs.api(dsn, port)
    ready = httpx2.get(f"http://127.0.0.1:{port}/readyz", timeout=10).json()
    assert ready["status"] == "degraded"
    assert ready["timers"]["due"] == 3 * POISONED
    assert any("have due timers, the oldest since" in problem for problem in ready["problems"])
