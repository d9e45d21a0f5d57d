"""Access reviews through the API: opened, decided and completed by people, with what is overdue."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx2

from domain.people import Role
from tests.api.running_service import RunningService
from tests.api.signals import JsonObject


def problem(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"]


def decisions(items: list[JsonObject], verdict: str = "keep") -> JsonObject:
    given = [
        {"person": one["grant"]["person"], "grant": one["grant"]["grant"]}
        | {"verdict": verdict, "reason": "As it is."}
        for one in items
    ]
    return {"decisions": given}


def test_a_review_is_opened_decided_by_others_and_completed(server: RunningService) -> None:
    people, now = server.service.desks.people, datetime.now(UTC)
    for name in ("rita", "rolf"):
        people.add(name, [Role.OPS_MANAGER], now)
        server.tokens[name] = people.issue_token(name, now)
    with server.client_as("rita") as rita, server.client_as("rolf") as rolf:
        rita.post("/v1/people", json={"name": "rosa", "roles": ["auditor"]})
        assert problem(rita.get("/v1/access-reviews/r9"))[0] == 404
        key = {"Idempotency-Key": "open-a-review"}
        opened = rita.post("/v1/access-reviews", headers=key)
        assert opened.status_code == 200, opened.text
        assert rita.post("/v1/access-reviews", headers=key).json() == opened.json()
        assert problem(rita.post("/v1/access-reviews")) == (409, "/problems/access-review-moved")
        review = opened.json()
        at = f"/v1/access-reviews/{review['review']}"
        assert review["left"] == review["grants"] == len(review["items"])
        assert problem(rita.post(f"{at}/complete"))[0] == 409

        mine = [one for one in review["items"] if one["grant"]["person"] == "rita"]
        of_rosa = [one for one in review["items"] if one["grant"]["person"] == "rosa"]
        others = [x for x in review["items"] if x not in (*mine, *of_rosa)]
        for own in (mine, of_rosa):
            refused = rita.post(f"{at}/decide", json=decisions(own))
            assert problem(refused) == (403, "/problems/another-person-needed")
        with server.client_as("ana") as ana:
            assert ana.post(f"{at}/decide", json=decisions(others)).status_code == 403
            assert ana.post("/v1/access-reviews").status_code == 403
        assert rita.post(f"{at}/decide", json={"decisions": []}).status_code == 422
        assert rita.post(f"{at}/decide", json=decisions(others)).json()["left"] == 2
        done = rolf.post(f"{at}/decide", json=decisions(of_rosa, "revoke")).json()
        assert (done["left"], done["revoked"]) == (1, 1)
        assert done["items"][0]["left_for"] == "nobody has decided yet"
        rosa = rita.get("/v1/people/rosa").json()["grants"][0]
        assert (rosa["status"], rosa["revoked_by"]) == ("ended", "rolf")
        rolf.post(f"{at}/decide", json=decisions(mine))
        completed = rita.post(f"{at}/complete").json()
        assert completed["completed_by"] == "rita"
        assert completed["digest"] == review["digest"]
        listed = rita.get("/v1/access-reviews").json()
        assert listed["schedule"] is None
        summary = {name: value for name, value in completed.items() if name != "items"}
        assert listed["items"][0] == summary
        assert rita.get(at).json() == completed
