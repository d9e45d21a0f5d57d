"""casetrail projections list | rebuild: with a worker beside it, and without."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import psycopg
import pytest

from api.composition import desks
from infrastructure.projection_runner import ProjectionRunner
from projections import PROJECTIONS
from tests.api.running import house, reported, served
from tests.api.told import order_id, placed, send, unavailable
from tests.cli.conftest import Casetrail

LIVE = "SELECT name, generation, position FROM projections WHERE live ORDER BY name"


def rows(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()


def digest(dsn: str, name: str) -> object:
    return rows(dsn, f"SELECT md5(string_agg(r::text, '|' ORDER BY r::text)) FROM views.{name} r")


@pytest.fixture(scope="module")
def some_orders(database: str) -> None:
    """In the log, and in no report yet."""
    with house(database, reports=False) as ours, ours.asking_as("shop") as shop:
        for order in [order_id() for _ in range(20)]:
            send(shop, placed(order), unavailable(order))


@pytest.mark.usefixtures("some_orders")
def test_reports_are_rebuilt_without_a_worker(casetrail: Casetrail, database: str) -> None:
    for name in ("queue", "orders"):
        ran = casetrail("projections", "rebuild", name)
        assert ran.returncode == 0, ran.stderr
        (told,) = re.findall(rf"{name} is live as generation (\d+)", ran.stdout)
        live = {row[0]: row for row in rows(database, LIVE)}
        head = rows(database, "SELECT position FROM log_head")[0][0]
        assert live[name] == (name, int(told), head)
    (cases,) = rows(database, "SELECT count(*) FROM views.queue")
    (orders,) = rows(database, "SELECT count(*) FROM views.orders")
    assert cases == orders
    tables = rows(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'views'")
    assert len(tables) == len(PROJECTIONS), "tables of old generations were left behind"


@pytest.mark.usefixtures("some_orders")
def test_reports_are_listed_with_how_far_they_are(casetrail: Casetrail, database: str) -> None:
    ran = casetrail("projections", "list")
    assert ran.returncode == 0, ran.stderr
    for projection in PROJECTIONS:
        assert re.search(rf"\b{projection.name}\b", ran.stdout)
    assert ran.stdout.count("live") >= len(PROJECTIONS)
    head = rows(database, "SELECT position FROM log_head")[0][0]
    people = next(row for row in rows(database, LIVE) if row[0] == "people")
    behind = int(str(head)) - int(str(people[2]))
    (line,) = [line for line in ran.stdout.splitlines() if re.search(r"\bpeople\b", line)]
    assert str(behind) in re.findall(r"\d+", line)


def token_for(dsn: str) -> str:
    with desks(dsn) as working:
        token = working.people.issue_token("ana", working.clock())
    ProjectionRunner(dsn, PROJECTIONS).catch_up(wait=False)
    return token


@pytest.mark.usefixtures("some_orders")
def test_a_report_is_rebuilt_beside_a_worker_while_it_is_read_and_written(
    casetrail: Casetrail, database: str
) -> None:
    with served(database) as (url, _), reported(database), httpx2.Client(base_url=url) as ana:
        ana.headers["Authorization"] = f"Bearer {token_for(database)}"
        stop, failures, orders = threading.Event(), list[str](), list[str]()

        def read_and_write() -> None:
            while not stop.is_set():
                order = order_id()
                sent = send(ana, placed(order), unavailable(order))
                seen = {"Casetrail-Min-Position": sent.headers["Casetrail-Position"]}
                found = ana.get(f"/v1/cases?order={order}", headers=seen)
                if found.status_code != 200 or len(found.json()["items"]) != 1:
                    failures.append(found.text)
                orders.append(order)

        thread = threading.Thread(target=read_and_write)
        thread.start()
        try:
            ran = casetrail("projections", "rebuild", "cases")
            assert ran.returncode == 0, ran.stderr
        finally:
            stop.set()
            thread.join()
        assert failures == []
        assert orders
        head = str(ana.get("/v1/events").json()["head"])
        ana.get("/v1/cases", headers={"Casetrail-Min-Position": head})
    live = digest(database, "cases")
    assert casetrail("projections", "rebuild", "cases").returncode == 0
    assert digest(database, "cases") == live


def test_a_report_that_there_is_not_is_told_in_words(casetrail: Casetrail) -> None:
    ran = casetrail("projections", "rebuild", "nonsense")
    assert ran.returncode == 2
    assert "queue" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_two_who_rebuild_one_report_at_once_both_come_to_an_end(
    casetrail: Casetrail, database: str
) -> None:
    with reported(database), ThreadPoolExecutor(2) as pool:
        ran = list(pool.map(lambda _: casetrail("projections", "rebuild", "people"), range(2)))
    assert [r.returncode for r in ran] == [0, 0], [r.stderr[-600:] for r in ran]
    live = [row for row in rows(database, LIVE) if row[0] == "people"]
    assert len(live) == 1
