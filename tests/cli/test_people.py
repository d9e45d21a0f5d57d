"""casetrail people: valid names and roles, and tokens that the API accepts at once."""

import re

import httpx2
import psycopg
import pytest

from tests.api.running_service import run_reports, serve
from tests.cli.conftest import Casetrail


def count_events(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        (count,) = connection.execute("SELECT count(*) FROM stored_events").fetchone() or (0,)
    return int(count)


def test_a_new_person_gets_a_token_that_the_api_accepts(
    casetrail: Casetrail, database: str
) -> None:
    added = casetrail("people", "add", "ana.m-1", "--role", "handler", "--role", "team_lead")
    assert added.returncode == 0, added.stderr
    ran = casetrail("people", "token", "ana.m-1")
    assert ran.returncode == 0, ran.stderr
    token = ran.stdout.strip()
    assert re.fullmatch(r"ct_[A-Za-z0-9_-]{43}", token)
    with run_reports(database), serve(database) as (url, service):
        service.positions.wait("people", service.desks.log.head(), 5)
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx2.get(f"{url}/v1/queues", headers=headers).status_code == 200


def test_a_name_can_be_added_only_once(casetrail: Casetrail, database: str) -> None:
    assert casetrail("people", "add", "bo", "--role", "auditor").returncode == 0
    before = count_events(database)
    ran = casetrail("people", "add", "bo", "--role", "handler")
    assert ran.returncode == 2
    assert ran.stderr.startswith("A person named bo exists already; choose another name. List")
    assert "Traceback" not in ran.stderr
    assert count_events(database) == before


@pytest.mark.parametrize(
    "words",
    [
        ["people", "token", "nobody"],
        ["people", "add", "carla"],
        ["people", "add", "carla", "--role", "king"],
    ],
)
def test_errors_are_plain(casetrail: Casetrail, words: list[str]) -> None:
    ran = casetrail(*words)
    assert ran.returncode == 2
    assert ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""


@pytest.mark.parametrize("name", ["Ana Maria", "", "a\n"])
def test_an_invalid_name_is_refused_and_the_log_stays_readable(
    casetrail: Casetrail, database: str, name: str
) -> None:
    """An event that cannot be decoded would stop the feed and every report."""
    before = count_events(database)
    ran = casetrail("people", "add", "--role", "handler", "--", name)
    assert ran.returncode == 2, ran.stdout
    assert "Traceback" not in ran.stderr
    assert count_events(database) == before
    with serve(database) as (_, service):
        assert len(service.desks.log.read(0, 1_000)) == before
