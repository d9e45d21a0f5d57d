"""casetrail audit reperform: unchanged decisions match, and an altered verdict is found."""

import json
from collections.abc import Iterator

import httpx2
import psycopg
import pytest

from tests.api.running_service import RunningService
from tests.api.signals import open_case
from tests.cli.conftest import Casetrail
from tests.tampering import without_triggers


@pytest.fixture(scope="module")
def ana(server: RunningService) -> Iterator[httpx2.Client]:
    with server.client_as("ana") as client:
        yield client


def test_a_reperformed_decision_differs_only_after_tampering(
    casetrail: Casetrail, ana: httpx2.Client, database: str
) -> None:
    case, other = open_case(ana), open_case(ana)
    ran = casetrail("audit", "reperform", "--json")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert (told["orders"], told["differing"]) == (2, [])
    assert told["decisions"] >= 6
    assert json.loads(casetrail("audit", "reperform", "--to", "2001-01-01", "--json").stdout) == {
        **told,
        "orders": 0,
        "decisions": 0,
        "position": told["position"] + 1,  # the first question was recorded
    }

    with psycopg.connect(database) as connection, without_triggers(connection):
        connection.execute(
            "UPDATE stored_events SET state = convert_to(regexp_replace(convert_from(state, 'UTF8'), "
            "'\"passed\":true', '\"passed\":false'), 'UTF8') "
            "WHERE originator_id = %s AND topic = 'case.detected'",
            (case,),
        )
    ran = casetrail("audit", "reperform")
    assert ran.returncode == 1, ran.stderr
    words = " ".join(ran.stdout.split())
    assert f"case {case}, version 1" in words
    assert "1 with another result" in words
    assert "did not pass, repeated " in words
    assert casetrail("audit", "reperform", "--case", case).returncode == 1
    assert casetrail("audit", "reperform", "--case", other).returncode == 0
    by_api = ana.get(f"/v1/cases/{case}/reperformance").json()["decisions"]
    assert [one["version"] for one in by_api if one["differs"]] == [1]


def test_a_case_and_a_period_cannot_be_combined(casetrail: Casetrail, ana: httpx2.Client) -> None:
    ran = casetrail("audit", "reperform", "--case", open_case(ana), "--to", "2001-01-01")
    assert (ran.returncode, ran.stdout) == (2, "")
