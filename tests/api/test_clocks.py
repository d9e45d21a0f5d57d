"""The clocks of cases over HTTP: due times, one clock in full, and a stream of changes."""

from __future__ import annotations

import json

import httpx2

from tests.api.running_service import RunningService
from tests.api.signals import order_id, send, unavailable


def open_case_with_clock(client: httpx2.Client) -> tuple[str, str]:
    """Open a `stock_unavailable` case; return it with the position that the report must reach."""
    told = send(client, unavailable(order_id()))
    (touched,) = told.json()["items"][0]["cases"]
    return touched["case"], told.headers["Casetrail-Position"]


def test_cases_are_sorted_by_due_time_and_waiting_cases_have_none(server: RunningService) -> None:
    with server.client_as("ana") as ana:
        case, position = open_case_with_clock(ana)
        seen = {"Casetrail-Min-Position": position}
        rows = ana.get("/v1/views/sla?queue=allocation_failure_review&limit=200", headers=seen)
        dues = [row["due_next"] for row in rows.json()["items"]]
        assert dues == sorted(dues, key=lambda due: due or "9")
        (mine,) = [row for row in rows.json()["items"] if row["case"] == case]
        assert mine["first_action_due"] == mine["due_next"]
        assert mine["service"] == "exceptions"

        body = {"dependency": "customer", "party": "C1"}
        etag = ana.get(f"/v1/cases/{case}").headers["ETag"]
        waits = ana.post(f"/v1/cases/{case}/wait", json=body, headers={"If-Match": etag})
        assert waits.json()["state"] == "waiting"
        seen = {"Casetrail-Min-Position": waits.headers["Casetrail-Position"]}
        rows = ana.get("/v1/views/sla?queue=allocation_failure_review&limit=200", headers=seen)
        (mine,) = [row for row in rows.json()["items"] if row["case"] == case]
        assert (mine["paused"], mine["due_next"], mine["waits_for"]) == (True, None, "customer/C1")

        clock = ana.get(f"/v1/cases/{case}/clock").json()
        assert clock["terms"]["calendar"]["time_zone"] == "Europe/Berlin"
        standing = {one["measure"]: one for one in clock["measures"]}
        assert standing["first_action"]["met_at"] is not None
        assert standing["resolution"]["paused"]
        elapsed = clock["attribution"]["elapsed"]
        assert sum(elapsed["parts"].values()) == elapsed["seconds"]


def test_claim_next_first_returns_own_work_whose_wait_has_ended(server: RunningService) -> None:
    with server.client_as("bo") as bo:
        case, _ = open_case_with_clock(bo)
        open_case_with_clock(bo)
        body = {"to_queue": "return_authorization_support", "to_person": "bo", "note": "Mine."}
        for command, told in (
            ("hand-off", body),
            ("wait", {"dependency": "carrier", "party": "dhl"}),
            ("resume", {}),
        ):
            etag = bo.get(f"/v1/cases/{case}").headers["ETag"]
            answer = bo.post(f"/v1/cases/{case}/{command}", json=told, headers={"If-Match": etag})
            assert answer.status_code == 200, answer.text
        seen = {"Casetrail-Min-Position": answer.headers["Casetrail-Position"]}
        address = "/v1/queues/return_authorization_support/claim-next"
        got = bo.post(address, headers=seen)
        assert got.status_code == 200, got.text
        assert got.json()["id"] == case


def test_a_view_streams_its_changes(server: RunningService) -> None:
    with server.client_as("ana") as ana:
        with ana.stream("GET", "/v1/views/queue/stream") as events:
            assert events.headers["Content-Type"].startswith("text/event-stream")
            lines = events.iter_lines()
            first = next(json.loads(one[6:]) for one in lines if one.startswith("data: "))
            with server.client_as("ana") as other:
                _, position = open_case_with_clock(other)
            for one in lines:
                if one.startswith("data: ") and json.loads(one[6:])["position"] >= int(position):
                    break
            assert first["view"] == "queue"
        assert ana.get("/v1/views/nonsense/stream").status_code == 404
