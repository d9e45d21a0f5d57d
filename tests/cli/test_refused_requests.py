"""casetrail audit refusals lists requests that were refused, by principal and day."""

from __future__ import annotations

import json

from tests.api.running_service import RunningService
from tests.cli.conftest import Casetrail


def test_refused_requests_are_listed(server: RunningService, casetrail: Casetrail) -> None:
    none = casetrail("audit", "refusals")
    assert (none.returncode, none.stdout) == (0, "")
    assert none.stderr == "No refused request is recorded.\n"
    for name, times in (("bo", 2), ("shop", 1)):
        with server.client_as(name) as client:
            for _ in range(times):
                assert client.get("/v1/people/secret").status_code == 403
    server.service.access_refusals.record(everything=True)
    table = casetrail("audit", "refusals").stdout.splitlines()
    cells = [[cell.strip() for cell in line.split("│")] for line in table if "/v1/" in line]
    assert [row[2:-1] for row in cells] == [
        ["bo", "2", "GET", "/v1/people/{name}", "people.read"],
        ["shop", "1", "GET", "/v1/people/{name}", "people.read"],
    ]
    (one,) = casetrail("audit", "refusals", "--person", "bo", "--json").stdout.splitlines()
    assert (json.loads(one)["persons"], json.loads(one)["count"]) == (["bo"], 2)
    unknown = casetrail("audit", "refusals", "--person", "nobody")
    assert unknown.returncode != 0
    assert "No person nobody" in unknown.stderr
