"""Queues over HTTP: owners, leases, clock bands, and queues that have fallen behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from msgspec import structs

from domain.policy.document import Backlog, ClockBands
from domain.policy.rulebook import Rulebook
from infrastructure.policies.files import load_policy
from tests.api.running_service import RunningService
from tests.api.signals import order_id, placed, send, signal, unavailable
from tests.application.policy_changes import change_policy

QUEUE = "allocation_failure_review"


def open_queued_case(client: httpx2.Client) -> tuple[str, dict[str, str]]:
    """Open a case; return it with the headers that wait until the reports have it."""
    told = send(client, unavailable(order_id()))
    (touched,) = told.json()["items"][0]["cases"]
    return touched["case"], {"Casetrail-Min-Position": told.headers["Casetrail-Position"]}


def line_of(client: httpx2.Client, case: str, seen: dict[str, str]) -> dict[str, object]:
    client.get("/v1/views/sla?limit=1", headers=seen).raise_for_status()
    address = f"/v1/queues/{QUEUE}?limit=200"
    while address:
        page = client.get(address, headers=seen)
        for row in page.json()["items"]:
            if row["case_id"] == case:
                found: dict[str, object] = row
                return found
        address = page.links["next"]["url"] if "next" in page.links else ""
    raise AssertionError(f"{case} is not in the queue")


def test_a_queued_case_has_an_owner_a_lease_and_a_clock_band(server: RunningService) -> None:
    with server.client_as("ana") as ana:
        case, seen = open_queued_case(ana)
        row = line_of(ana, case, seen)
        assert (row["person"], row["lease_until"], row["band"]) == (None, None, "on_track")
        assert row["due_next"]
        claimed = ana.post(f"/v1/cases/{case}/claim", headers={"If-Match": '"3"'})
        seen = {"Casetrail-Min-Position": claimed.headers["Casetrail-Position"]}
        row = line_of(ana, case, seen)
        assert (row["person"], row["lease_until"]) == ("ana", claimed.json()["lease_until"])
        ask = {"dependency": "customer", "party": "C1"}
        waits = ana.post(f"/v1/cases/{case}/wait", json=ask, headers={"If-Match": '"4"'})
        seen = {"Casetrail-Min-Position": waits.headers["Casetrail-Position"]}
        row = line_of(ana, case, seen)
        assert (row["band"], row["due_next"], row["lease_until"]) == ("paused", None, None)


def test_the_bands_of_a_queue_follow_the_clock(server: RunningService) -> None:
    reports = server.service.reports
    with server.client_as("ana") as ana:
        case, seen = open_queued_case(ana)
        row = line_of(ana, case, seen)
        due = datetime.fromisoformat(str(row["due_next"]))
    bands = {}
    for at in (datetime.now(UTC), due, due + timedelta(seconds=1)):
        lines = reports.queue({"queue": QUEUE}, None, 1000, at)
        (mine,) = [line for line in lines if str(line.case_id) == case]
        bands[at] = mine.band
        counted = reports.queue_counts(at)[QUEUE]
        assert counted.at_risk == sum(line.band == "at_risk" for line in lines)
        assert counted.breached == sum(line.band == "breached" for line in lines)
    assert [*bands.values()] == ["on_track", "at_risk", "breached"]


def test_cases_are_filtered_by_due_time(server: RunningService) -> None:
    with server.client_as("ana") as ana:
        case, seen = open_queued_case(ana)
        due = str(line_of(ana, case, seen)["due_next"])
        before = (datetime.fromisoformat(due) - timedelta(microseconds=1)).isoformat()

        def found(by: str) -> bool:
            query = {"queue": QUEUE, "due": by, "limit": 200}
            items = ana.get("/v1/cases", params=query, headers=seen).json()["items"]
            return case in {row["case_id"] for row in items}

        assert found(due)
        assert not found(before)
        refused = ana.get("/v1/cases", params={"due": "2026-11-21T12:00:00"})
        assert refused.status_code == 400
        assert "offset" in refused.json()["detail"]


@pytest.fixture
def strict_policy(server: RunningService) -> Rulebook:
    """The shipped policy with very low limits for every queue."""
    document = load_policy().document
    limits = Backlog(volume=1, recovered_volume=0)
    queues = {
        name: structs.replace(queue, backlog=limits if name == QUEUE else None)
        for name, queue in document.queues.items()
    }
    return Rulebook(structs.replace(document, version="strict", queues=queues))


def test_a_queue_that_falls_behind_gets_a_recovery_plan(
    server: RunningService, strict_policy: Rulebook
) -> None:
    change_policy(
        server.service.desks.policy, strict_policy, datetime.now(UTC), people=("author", "approver")
    )
    with server.client_as("ana") as ana:
        _, seen = open_queued_case(ana)
        _, seen = open_queued_case(ana)
        ana.get(f"/v1/queues/{QUEUE}", headers=seen).raise_for_status()
        assert server.service.desks.recovery.look(datetime.now(UTC)) == 1

        plan = ana.get(f"/v1/queues/{QUEUE}/recovery")
        told = plan.json()
        assert (told["owner"], told["causes"], told["closed_at"]) == (
            "inventory_desk",
            ["volume"],
            None,
        )
        assert told["measured"]["cases"] >= 2
        assert told["measured"]["position"] >= int(seen["Casetrail-Min-Position"])

        at = f"/v1/queues/{QUEUE}/recovery"
        version = {"If-Match": plan.headers["ETag"]}
        nobody = ana.post(f"{at}/owner", json={"owner": "nobody.at.all"}, headers=version)
        assert (nobody.status_code, nobody.json()["errors"][0]["pointer"]) == (422, "/owner")
        key = {**version, "Idempotency-Key": order_id()}
        mine = ana.post(f"{at}/owner", json={"owner": "ana"}, headers=key)
        again = ana.post(f"{at}/owner", json={"owner": "ana"}, headers=key)
        assert (again.content, again.headers["Idempotent-Replayed"]) == (mine.content, "true")
        late = ana.post(f"{at}/actions", json={"title": "Help"}, headers=version)
        assert (late.status_code, late.json()["type"]) == (412, "/problems/recovery-changed")
        version = {"If-Match": late.headers["ETag"]}
        added = ana.post(f"{at}/actions", json={"title": "Help"}, headers=version)
        assert added.json()["actions"][0]["owner"] == "ana"

        seen = {"Casetrail-Min-Position": added.headers["Casetrail-Position"]}
        (line,) = [
            row
            for row in ana.get("/v1/recovery-plans", headers=seen).json()["items"]
            if row["queue"] == QUEUE
        ]
        assert (line["owner"], line["actions"], line["closed_at"]) == ("ana", 1, None)
        queues = {row["queue"]: row for row in ana.get("/v1/queues").json()["items"]}
        assert queues[QUEUE]["recovering_since"] == line["opened_at"]
        assert queues["refund_validation"]["recovering_since"] is None
        none = ana.get("/v1/queues/return_authorization_support/recovery")
        assert (none.status_code, none.json()["type"]) == (404, "/problems/recovery-not-found")


def test_the_next_case_is_an_urgent_one_before_a_valuable_one(server: RunningService) -> None:
    with server.client_as("ana") as ana:
        cases = []
        for tier, broken in (
            ("vip", ("stock.counted", {"sku": "tea", "counted": 1, "system": 2})),
            ("gold", ("stock.unavailable", {})),
        ):
            order = order_id()
            first = placed(order, customer={"id": order, "tier": tier})
            told = send(ana, first, signal(broken[0], order, **broken[1]))
            (touched,) = told.json()["items"][-1]["cases"]
            cases.append(touched["case"])
        seen = {"Casetrail-Min-Position": told.headers["Casetrail-Position"]}
        rows = [line_of(ana, case, seen) for case in cases]
    vip, gold = cases
    assert rows[0]["priority"] < rows[1]["priority"]
    due = datetime.fromisoformat(str(rows[0]["due_next"]))
    assert due < datetime.fromisoformat(str(rows[1]["due_next"]))

    def order_at(now: datetime, **pressing: int) -> list[str]:
        bands = ClockBands(**pressing)
        found = server.service.reports.next_case_for("cy", (), QUEUE, 1000, now, bands)
        return [str(case) for case in found if str(case) in cases]

    now, late = datetime.now(UTC), due + timedelta(microseconds=1)
    assert order_at(now, at_risk=150, breached=300) == [gold, vip]
    assert order_at(late, at_risk=150, breached=300) == [vip, gold]
    assert order_at(late) == [gold, vip]


def test_the_next_case_can_come_from_the_end_of_the_queue(server: RunningService) -> None:
    reports = server.service.reports
    with server.client_as("ana") as ana:
        case, seen = open_queued_case(ana)
        due = datetime.fromisoformat(str(line_of(ana, case, seen)["due_next"]))
    (first,) = reports.next_case_for("cy", (), QUEUE, 1, due + timedelta(days=9), ClockBands())
    lines = reports.queue({"queue": QUEUE}, None, 1, due)
    assert first == lines[0].case_id
    assert reports.next_case_for("cy", ("no_such_skill",), QUEUE, 9, due, ClockBands()) == []
