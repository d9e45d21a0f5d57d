"""casetrail projections list | rebuild, with and without a running worker."""

import re
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import psycopg
import pytest
from click.testing import CliRunner

from api import cli
from api.composition import desks
from infrastructure.projections.lock_owners import bounded
from infrastructure.projections.rebuild import Rebuild
from infrastructure.projections.runner import ProjectionRunner
from projections import PROJECTIONS
from tests.api.running_service import run_reports, run_service, serve
from tests.api.signals import order_id, placed, send, unavailable
from tests.cli.conftest import ROOT, Casetrail, command, environment
from tests.conftest import Databases

SECONDS = 30
LIVE = "SELECT name, generation, position FROM projections WHERE live ORDER BY name"


def rows(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()


def digest(dsn: str, name: str) -> object:
    return rows(dsn, f"SELECT md5(string_agg(r::text, '|' ORDER BY r::text)) FROM views.{name} r")


@pytest.fixture(scope="module")
def some_orders(database: str) -> None:
    """Orders that are in the log and in no report yet."""
    with run_service(database, reports=False) as server, server.client_as("shop") as shop:
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
def test_reports_are_listed_with_their_positions(casetrail: Casetrail, database: str) -> None:
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
def test_a_report_is_rebuilt_during_reads_and_writes(casetrail: Casetrail, database: str) -> None:
    with serve(database) as (url, _), run_reports(database), httpx2.Client(base_url=url) as ana:
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


def test_an_unknown_report_gets_a_plain_error(casetrail: Casetrail) -> None:
    ran = casetrail("projections", "rebuild", "nonsense")
    assert ran.returncode == 2
    assert "queue" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.usefixtures("some_orders")
def test_concurrent_rebuilds_of_one_report_all_finish(casetrail: Casetrail, database: str) -> None:
    at_once = 3
    with run_reports(database), ThreadPoolExecutor(at_once) as pool:
        rebuilds = [
            pool.submit(casetrail, "projections", "rebuild", "people", seconds=SECONDS)
            for _ in range(at_once)
        ]
        ran = [rebuild.result() for rebuild in rebuilds]
    assert [r.returncode for r in ran] == [0] * at_once, [r.stderr[-600:] for r in ran]
    live = [row for row in rows(database, LIVE) if row[0] == "people"]
    assert len(live) == 1


def test_a_report_of_an_empty_log_is_rebuilt_at_once(
    databases: Databases, template_database: str, tmp_path: Path
) -> None:
    with databases.new(template_database) as name:
        ran = subprocess.run(
            command(tmp_path, "projections", "rebuild", "queue"),
            cwd=ROOT,
            env=environment(databases.dsn(name)),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("wait", ["nan", "inf", "-inf", "1e12", "86401", "0", "-1", "soon"])
def test_the_wait_is_a_finite_number_of_seconds(casetrail: Casetrail, wait: str) -> None:
    ran = casetrail("projections", "rebuild", "queue", "--wait", wait)
    assert ran.returncode == 2
    assert "Invalid value for '--wait'" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(("wait", "limit"), [(0.0005, "1ms"), (0.25, "250ms"), (86_400, "1d")])
def test_the_server_always_limits_the_wait_for_a_lock(
    database: str, wait: float, limit: str
) -> None:
    with bounded(database, wait, print) as (address, _):
        assert rows(address, "SHOW lock_timeout") == [(limit,)]


def test_ctrl_c_after_the_switch_says_which_generation_is_live(
    database: str, casetrail: Casetrail, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert casetrail("projections", "rebuild", "queue").returncode == 0
    live = "SELECT generation FROM projections WHERE live AND name = 'queue'"
    ((before,),) = rows(database, live)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    # Called when the rebuild has seen that the new generation is live.
    monkeypatch.setattr(Rebuild, "_stale", staticmethod(interrupt))
    ran = CliRunner().invoke(
        cli.casetrail, ["projections", "rebuild", "queue"], env=environment(database)
    )
    ((after,),) = rows(database, live)
    assert after != before
    assert f"Stopped. Generation {after} of queue is live now." in ran.stderr
    assert "unchanged" not in ran.stderr
    assert rows(database, "SELECT count(*) FROM projections WHERE name = 'queue'") == [(1,)]
