"""Streams that are due and cannot be ticked: told in the log and in /readyz, in nobody's way."""

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
from tests.survival.deadlines import SOURCE, NeglectedOrder, count_opened, place, seconds_from_now
from tests.survival.programs import Programs, eventually, free_port

# More of each than a timekeeper takes at once.
POISONED = 220


def orders_with_a_case_that_is_not_there(dsn: str, due_at: datetime) -> list[UUID]:
    """Their decisions raise: they name a case that the log does not have."""
    found = ProblemDetected(kind="delivery_late", case=uuid4(), occurrence=1, rule="lost")
    writes = [
        Write(
            stream=order_stream(f"torn-{n}"),
            kind=ORDER,
            expected=0,
            events=[(SOURCE, found)],
            recorded_at=due_at,
            order=f"torn-{n}",
            next_due=due_at,
        )
        for n in range(POISONED)
    ]
    recorder = PostgresLogRecorder(Datastore(dsn))
    EventLog(recorder).append(writes)
    recorder.close()
    return [write.stream for write in writes]


def test_streams_that_cannot_be_ticked_hold_up_no_other(dsn: str, programs: Programs) -> None:
    tokens_of(dsn, ["ana"])
    past, further_past = seconds_from_now(-60), seconds_from_now(-3600)
    sound = [NeglectedOrder(f"sound-{n}", past, past) for n in range(300)]
    place(dsn, sound, received_at=seconds_from_now(-120))
    torn = orders_with_a_case_that_is_not_there(dsn, further_past)
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        add = "INSERT INTO timers (stream, kind, due_at) VALUES (%s, %s, %s)"
        unknown = [uuid4() for _ in range(POISONED)]
        cursor.executemany(add, [(stream, "weather", further_past) for stream in unknown])
        missing = [uuid4() for _ in range(POISONED)]
        cursor.executemany(add, [(stream, "order", further_past) for stream in missing])

    worker = programs.worker(dsn)
    eventually("all that can be ticked is", lambda: count_opened(dsn) == 2 * len(sound), within=15)
    # Found due while the others are waited for, too.
    at = seconds_from_now(0.5)
    place(dsn, [NeglectedOrder(f"later-{n}", at, at) for n in range(50)])
    eventually(
        "and so is what comes", lambda: count_opened(dsn) == 2 * (len(sound) + 50), within=15
    )

    assert worker.is_running
    for poison in (torn[0], unknown[0], missing[0]):
        assert str(poison) in worker.output
    port = free_port()
    programs.api(dsn, port)
    ready = httpx2.get(f"http://127.0.0.1:{port}/readyz", timeout=10).json()
    assert ready["status"] == "degraded"
    assert ready["timers"]["due"] == 3 * POISONED
    assert any("have due timers, the oldest since" in problem for problem in ready["problems"])
