"""A proposed mapping over the API and on the command line: what it would change, and who may decide."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest

from tests.api.running_service import RunningService
from tests.cli.conftest import Casetrail, environment
from tests.cli.conftest import starters as starters
from tests.cli.starter import CommandStarters
from tests.sources.senders import MAPPING, WIDER, add, order_number, placed, scan, send

OTHERWISE = WIDER.replace("event_time: at", "event_time: number", 1)
"""Reads the code LOST, and no order."""


@pytest.fixture
def run_as(server: RunningService, tmp_path: Path, starters: CommandStarters) -> Casetrail:
    def run(person: str, *words: object) -> object:
        told = ["--home", str(tmp_path / "home"), "sources", *map(str, words)]
        more = {"CASETRAIL_URL": server.url, "CASETRAIL_TOKEN": server.tokens[person]}
        return starters.run(told, {**environment(server.dsn), **more}, 120)

    return run  # type: ignore[return-value]


def used(olga: httpx2.Client, sender: httpx2.Client, source: str) -> tuple[str, str]:
    """A source with an order and a scan of an unknown code: the ids of both deliveries."""
    add(olga, source)
    number = order_number()
    order = send(sender, source, placed(number), "order", "o")
    lost = send(sender, source, scan(number, "LOST"), "scan", "s")
    return order.json()["delivery"], lost.json()["delivery"]


def test_a_proposal_shows_what_it_would_change_without_what_was_delivered(
    olga: httpx2.Client, otto: httpx2.Client, sender: httpx2.Client, server: RunningService
) -> None:
    order, lost = used(olga, sender, "shown")
    url = "/v1/sources/shown/mapping"
    assert olga.get(f"{url}/proposal").status_code == 404
    proposed = olga.post(url, json={"document": OTHERWISE, "reason": "A try."}).json()
    assert (proposed["in_use"], proposed["mapping_confirmed"]) == (True, True)
    waiting = proposed["proposal"]
    assert (waiting["proposed_by"], waiting["reason"]) == (["olga"], "A try.")
    head = server.service.desks.log.head()
    shown = otto.get(f"{url}/proposal", headers={"Prefer": "wait=10"})
    found = shown.json()
    assert shown.status_code == 200, shown.text
    assert found["document"] == OTHERWISE
    simulation = found["simulation"]
    counts = {name: simulation[name] for name in ("looked_at", "same", "changed")}
    assert counts == {"looked_at": 2, "same": 0, "changed": 0}
    assert (simulation["newly_understood"], simulation["no_longer_understood"]) == (1, 1)
    by_delivery = {one["delivery"]: one for one in simulation["examples"]}
    assert by_delivery[lost]["before"]["reasons"] == ["unknown_code"]
    assert by_delivery[lost]["after"] == {
        "topic": "scan",
        "signals": ["shipment.scanned"],
        "reasons": [],
    }
    assert by_delivery[order]["difference"] == "no_longer_understood"
    assert by_delivery[order]["after"]["reasons"] == ["unreadable_field at /event_time"]
    assert "example.org" not in shown.text, "nothing of what was delivered"
    assert server.service.desks.log.head() == head, "nothing is recorded"
    assert (
        otto.get(f"{url}/proposal", params={"deliveries": 0}).json()["simulation"]["looked_at"] == 0
    )


def test_the_proposer_and_people_without_the_permission_are_refused(
    olga: httpx2.Client, otto: httpx2.Client, ana: httpx2.Client, sender: httpx2.Client
) -> None:
    used(olga, sender, "refused")
    url = "/v1/sources/refused/mapping"
    digest = olga.post(url, json={"document": WIDER, "reason": "A try."}).json()["proposal"][
        "digest"
    ]
    own = olga.post(f"{url}/approve", json={"digest": digest})
    assert (own.status_code, own.json()["proposers"]) == (403, ["olga"])
    assert ana.post(f"{url}/approve", json={"digest": digest}).status_code == 403
    other = otto.post(f"{url}/approve", json={"digest": "0" * 64})
    assert (other.status_code, other.json()["digest"]) == (404, digest)
    assert otto.post(f"{url}/approve", json={"digest": "nonsense"}).status_code == 422
    assert otto.post(f"{url}/withdraw", json={"digest": digest, "reason": "No."}).status_code == 403
    rejected = otto.post(f"{url}/reject", json={"digest": digest, "reason": "No."})
    assert rejected.json()["proposal"] is None
    again = olga.post(url, json={"document": WIDER, "reason": "A try."}).json()["proposal"]
    withdrawn = olga.post(f"{url}/withdraw", json={"digest": again["digest"], "reason": "No."})
    assert (withdrawn.status_code, withdrawn.json()["proposal"]) == (200, None)


def test_two_people_change_a_mapping_on_the_command_line(
    olga: httpx2.Client,
    otto: httpx2.Client,
    sender: httpx2.Client,
    run_as: Casetrail,
    tmp_path: Path,
) -> None:
    used(olga, sender, "typed")
    document = tmp_path / "wider.yaml"
    document.write_text(WIDER)
    tried = run_as("olga", "mapping", "typed", document, "--reason", "A try.", "--dry-run")
    assert "of the newest 2 deliveries: 1 same, 0 changed, 1 newly understood" in tried.stdout
    proposed = run_as("olga", "propose", "typed", document, "--reason", "LOST is known")
    digest = proposed.stdout.split()[2].rstrip(";")
    shown = run_as("otto", "proposal", "typed")
    assert f"little_shop {digest}" in shown.stdout
    assert "1 newly understood" in shown.stdout
    own = run_as("olga", "approve", "typed", digest)
    assert (own.returncode, "another person must decide" in own.stderr) == (1, True)
    approved = run_as("otto", "approve", "typed", digest[:8])
    assert approved.stdout == f"typed is read by little_shop {digest}\n", approved.stderr


def test_a_mapping_that_the_operator_chose_is_listed_until_a_person_confirms_it(
    olga: httpx2.Client,
    otto: httpx2.Client,
    sender: httpx2.Client,
    run_as: Casetrail,
    tmp_path: Path,
) -> None:
    used(olga, sender, "operated")
    document = tmp_path / "wider.yaml"
    document.write_text(WIDER)
    chosen = run_as("olga", "mapping", "operated", document, "--reason", "At once.")
    digest = json.loads(olga.get("/v1/sources/operated").text)["mapping"]["digest"]
    assert f"casetrail sources approve operated {digest}" in chosen.stdout, chosen.stderr
    assert olga.get("/v1/sources/operated").json()["mapping_confirmed"] is False
    assert "(not confirmed)" in run_as("olga", "list").stdout
    confirmed = run_as("otto", "approve", "operated", digest)
    assert confirmed.returncode == 0, confirmed.stderr
    assert otto.get("/v1/sources/operated").json()["mapping_confirmed"] is True


def test_two_people_are_needed_from_the_first_delivery_on(
    olga: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "fresh")
    first = olga.post("/v1/sources/fresh/mapping", json={"document": WIDER, "reason": "Before."})
    assert first.json()["proposal"] is None, "it has taken nothing"
    send(sender, "fresh", placed(order_number()), "order", "o")
    after = olga.post("/v1/sources/fresh/mapping", json={"document": MAPPING, "reason": "After."})
    assert after.json()["proposal"] is not None
