"""Reports with events that they cannot fold, rows that their table refuses or lines that cannot be read;
and reports that are rebuilt while the log grows."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import httpx2
import psycopg
from eventsourcing.persistence import StoredEvent
from msgspec import Struct
from msgspec.structs import replace
from psycopg.rows import tuple_row

from application.log.recorder import Append
from domain.orders.events import SignalRecorded
from domain.orders.order import order_stream
from domain.recorded_event import RecordedEvent
from infrastructure.event_store.postgres_recorder import PostgresLogRecorder
from infrastructure.postgres.datastore import Datastore, connect
from infrastructure.projections.generations import begin_rebuild
from infrastructure.projections.runner import ProjectionRunner
from projections import ORDERS, PROJECTIONS
from projections import QUEUE as QUEUE_REPORT
from projections.projection import AnyProjection, Projection
from tests.survival.clients import QUEUE, run_clients, tokens_of, wait_for_success
from tests.survival.deadlines import NeglectedOrder, record_orders, seconds_from_now
from tests.survival.log_checks import (
    assert_reports_equal_their_folds,
    fold_report,
    read_report,
    wait_for_reports,
    whole_log,
)
from tests.survival.programs import Programs, eventually, free_port

POISON = "order-7"
NAMES = [*(projection.name for projection in PROJECTIONS), "tally"]


REBUILT_REPORTS = {"cases", "orders", "queue"}
REBUILT = sorted(
    (report.name, 2 if report.name in REBUILT_REPORTS else 1) for report in PROJECTIONS
)


class TallyRow(Struct, frozen=True):
    order_id: str
    signals: int = 0
    note: str = ""


Fold = Callable[[TallyRow | None, RecordedEvent], TallyRow | None]


def key(line: RecordedEvent) -> str | None:
    return line.order if isinstance(line.event, SignalRecorded) else None


def fold(row: TallyRow | None, line: RecordedEvent) -> TallyRow:
    row = row or TallyRow(line.order or "")
    return replace(row, signals=row.signals + 1)


def raises_for_one(row: TallyRow | None, line: RecordedEvent) -> TallyRow:
    if line.order == POISON:
        raise ZeroDivisionError("a fold with a fault")
    return fold(row, line)


def refused_by_the_table_for_one(row: TallyRow | None, line: RecordedEvent) -> TallyRow:
    return replace(fold(row, line), note="\0" if line.order == POISON else "")


def slow(row: TallyRow | None, line: RecordedEvent) -> TallyRow:
    time.sleep(0.004)  # slow, as a log of millions of lines would be
    return fold(row, line)


def tally(fold: Fold, version: int = 1) -> AnyProjection:
    return Projection(name="tally", version=version, row=TallyRow, key=key, fold=fold)


def orders(name: str, count: int) -> list[NeglectedOrder]:
    later = seconds_from_now(3600)
    return [NeglectedOrder(f"{name}-{n}", later, later) for n in range(count)]


@contextmanager
def running(dsn: str, projections: Sequence[AnyProjection], batch: int = 2_000) -> Iterator[None]:
    runner = ProjectionRunner(dsn, projections, batch=batch)
    thread = threading.Thread(target=runner.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        runner.close()
        thread.join(20)


def readiness(url: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx2.get(f"{url}/readyz", timeout=10).json()
    return found


def test_a_fold_that_fails_for_one_stream_holds_only_that_stream(
    dsn: str, programs: Programs
) -> None:
    tokens_of(dsn, ["ana"])
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    programs.api(dsn, port)
    record_orders(dsn, orders("order", 40))
    faulty = tally(raises_for_one)
    with running(dsn, [*PROJECTIONS, faulty]):
        wait_for_reports(dsn, 5, NAMES)
        record_orders(dsn, orders("later", 40))
        wait_for_reports(dsn, 5, NAMES)
    with running(dsn, [*PROJECTIONS, faulty]):  # held streams are remembered after a restart
        record_orders(dsn, orders("latest", 40))
        wait_for_reports(dsn, 5, NAMES)

    lines = whole_log(dsn)
    assert_reports_equal_their_folds(dsn, lines)
    readable = [line for line in lines if line.order != POISON]
    assert read_report(faulty, dsn) == fold_report(faulty, readable)
    ready = readiness(url)
    assert ready["status"] == "degraded"
    assert [report["name"] for report in ready["reports"] if report["held_streams"]] == ["tally"]
    assert any("tally" in problem for problem in ready["problems"])

    corrected = tally(fold, version=2)
    with running(dsn, [*PROJECTIONS, corrected]):
        eventually(
            "the corrected report has all rows",
            lambda: read_report(corrected, dsn) == fold_report(corrected, lines),
            within=15,
        )
    assert_reports_equal_their_folds(dsn, lines)
    assert readiness(url)["status"] == "ready"


def test_a_row_that_its_table_refuses_does_not_delay_other_reports(dsn: str) -> None:
    record_orders(dsn, orders("order", 40))
    faulty = tally(refused_by_the_table_for_one)
    with running(dsn, [*PROJECTIONS, faulty]):
        wait_for_reports(dsn, 5, NAMES[:-1])
        record_orders(dsn, orders("later", 40))
        wait_for_reports(dsn, 5, NAMES)
    lines = whole_log(dsn)
    assert_reports_equal_their_folds(dsn, lines)
    readable = [line for line in lines if line.order != POISON]
    assert read_report(faulty, dsn) == fold_report(faulty, readable)


def test_a_line_that_this_build_cannot_read_does_not_delay_other_streams(
    dsn: str, programs: Programs
) -> None:
    """A newer build may have written it before a downgrade."""
    record_orders(dsn, orders("order", 40))
    recorder = PostgresLogRecorder(Datastore(dsn))
    stream = order_stream("from-the-future")
    state = b'{"stream":"%s","version":1,"event":{"type":"order.foretold"}}' % str(stream).encode()
    recorder.append(Append([StoredEvent(stream, 1, "order.foretold", state)]))
    recorder.close()
    worker = programs.worker(dsn)
    record_orders(dsn, orders("later", 40))
    try:
        wait_for_reports(dsn, 10)
    except AssertionError as error:
        raise AssertionError(f"{error}\nOutput of the worker:\n{worker.output[-3000:]}") from None


def test_a_new_version_of_a_report_goes_live_when_it_has_caught_up(dsn: str) -> None:
    record_orders(dsn, orders("order", 3000))
    before, after = tally(fold), tally(fold, version=2)
    ProjectionRunner(dsn, [*PROJECTIONS, before]).catch_up()
    ending = threading.Event()
    seen: list[tuple[int, int, int]] = []
    failures: list[str] = []

    def watch() -> None:
        with psycopg.connect(dsn, autocommit=True, row_factory=tuple_row) as connection:
            while not ending.is_set():
                try:
                    row = connection.execute(
                        "SELECT generation, position, (SELECT count(*) FROM views.tally) "
                        "FROM projections WHERE name = 'tally' AND live"
                    ).fetchone()
                except psycopg.Error as error:
                    failures.append(repr(error))
                    return
                if row is not None and (not seen or row != seen[-1]):
                    seen.append(row)

    def write() -> None:
        number = 0
        while not ending.is_set():
            record_orders(dsn, orders(f"traffic-{number}", 20))
            number += 1

    threads = [threading.Thread(target=work, daemon=True) for work in (watch, write)]
    for thread in threads:
        thread.start()
    try:
        with running(dsn, [*PROJECTIONS, after], batch=100):
            eventually("the new version is shown", lambda: seen and seen[-1][0] == 2, within=20)
            time.sleep(0.5)
            ending.set()
            for thread in threads:
                thread.join(10)
            wait_for_reports(dsn, 10, NAMES)
    finally:
        ending.set()
    assert failures == []
    positions, counts = [row[1] for row in seen], [row[2] for row in seen]
    assert positions == sorted(positions), "the live report went back"
    assert counts == sorted(counts), "rows were gone for a while"
    lines = whole_log(dsn)
    assert_reports_equal_their_folds(dsn, lines, [*PROJECTIONS, after])


def test_a_slow_report_catches_up(dsn: str) -> None:
    record_orders(dsn, orders("order", 600))
    with running(dsn, [*PROJECTIONS, tally(slow)]):
        wait_for_reports(dsn, 15, NAMES)
    lines = whole_log(dsn)
    assert_reports_equal_their_folds(dsn, lines, [*PROJECTIONS, tally(fold)])


def test_a_long_rebuild_does_not_delay_the_live_reports(dsn: str) -> None:
    record_orders(dsn, orders("order", 2500))
    ProjectionRunner(dsn, PROJECTIONS).catch_up()
    with running(dsn, [*PROJECTIONS, tally(slow)], batch=100):
        eventually("the new report has begun", lambda: tally_has_begun(dsn), within=15)
        for number in range(2):
            record_orders(dsn, orders(f"fresh-{number}", 5))
            wait_for_reports(dsn, 3, NAMES[:-1])


def generations(dsn: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(
            "SELECT name, generation FROM projections WHERE live ORDER BY name"
        ).fetchall()


def tally_has_begun(dsn: str) -> bool:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT position > 0 FROM projections WHERE name = 'tally'"
        ).fetchone()
    return row is not None and bool(row[0])


def test_reads_are_not_affected_by_a_rebuild_under_load(dsn: str, programs: Programs) -> None:
    tokens = tokens_of(dsn, ["ana", "bo", "carla", "dev"])
    record_orders(dsn, orders("order", 3000))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    programs.worker(dsn)
    programs.api(dsn, port)
    wait_for_reports(dsn, 10)
    ending = threading.Event()
    statuses: list[int] = []
    sizes: list[int] = []

    def read() -> None:
        headers = {"Authorization": f"Bearer {tokens[0]}"}
        with httpx2.Client(base_url=url, headers=headers, timeout=10) as http:
            while not ending.is_set():
                for path in ("/v1/cases?limit=5", "/v1/orders?limit=5", "/v1/queues"):
                    got = http.get(path)
                    statuses.append(got.status_code)
                    if path == "/v1/queues":
                        (mine,) = (q for q in got.json()["items"] if q["queue"] == QUEUE)
                        sizes.append(mine["open"] + mine["claimed"])

    reader = threading.Thread(target=read, daemon=True)
    with run_clients(url, tokens, seed=500) as (ledger, follower):
        wait_for_success(ledger, within=15)
        ledger.sent |= {(o.order, o.placed.key): o.placed for o in orders("order", 3000)}
        reader.start()
        time.sleep(0.3)
        with connect(dsn) as connection:
            for projection in (QUEUE_REPORT, ORDERS):
                begin_rebuild(connection, projection)
        rebuild = programs.start("projections", "rebuild", "cases", DATABASE_URL=dsn)
        assert rebuild.ended(within=20) == 0, rebuild.output
        eventually("all are rebuilt", lambda: generations(dsn) == REBUILT, within=10)
        eventually("the queue was read often enough", lambda: len(sizes) > 10, within=10)
        ending.set()
        reader.join(10)
    assert set(statuses) == {200}
    # The queue changes by one case at a time: it is never suddenly empty.
    assert all(after > before / 2 for before, after in pairwise(sizes))
    wait_for_reports(dsn, 10)
    lines = whole_log(dsn)
    ledger.assert_holds(lines)
    follower.assert_saw_all_once(lines)
    assert_reports_equal_their_folds(dsn, lines)
