"""casetrail people grants | confirm | reject-grant | withdraw-grant, with a person's token."""

from __future__ import annotations

import json

from tests.api.running_service import RunningService
from tests.cli.conftest import Casetrail


def test_grants_that_wait_are_listed_and_decided_with_a_persons_token(
    server: RunningService, run_as: Casetrail
) -> None:
    for manager in ("otto", "omar"):
        run_as(manager, "grants")
    with server.client_as("omar") as omar:
        omar.post("/v1/people", json={"name": "new", "roles": ["finance_approver"] * 3})
    waiting = json.loads(run_as("otto", "grants", "--status", "proposed", "--json").stdout)
    assert [(x["person"], x["grant"]["grant"]) for x in waiting] == [
        ("new", grant) for grant in ("g1", "g2", "g3")
    ]
    refused = run_as("omar", "confirm", "new", "g1")
    assert refused.returncode != 0
    assert "omar gave g1 to new: another person confirms it" in refused.stderr
    told = run_as("otto", "confirm", "new", "g1").stdout
    assert told == "grant g1 of new (finance_approver) is active\n"
    told = run_as("otto", "reject-grant", "new", "g2", "--reason", "One is enough.").stdout
    assert told == "grant g2 of new (finance_approver) is rejected\n"
    told = run_as("omar", "withdraw-grant", "new", "g3", "--reason", "A mistake.").stdout
    assert told == "grant g3 of new (finance_approver) is withdrawn\n"
    assert "otto" in run_as("otto", "grants", "--status", "active").stdout
