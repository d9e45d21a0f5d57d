"""What is never to be understood is set aside by a person, with a reason; nothing else changes by that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from application.log.caller import operator_caller, system_caller
from domain.people import Actor
from domain.principals import KeyScope
from domain.sources.deliveries import DeliveryState, SettleDelivery
from domain.sources.errors import DeliveryCannotBeSettled
from tests.api.running_service import RunningService
from tests.sources.coded import NOW, Coded
from tests.sources.senders import (
    MAPPING,
    WIDER,
    add,
    change_mapping,
    order_number,
    placed,
    scan,
    send,
)
from tests.sources.test_one_delivery import detail
from tests.sources.test_read_again import read_again
from tests.sources.test_webhooks import deliveries

WHY = {"reason": "A test of the sender."}


def settle(client: httpx2.Client, source: str, answer: httpx2.Response, reason: str = "") -> Any:
    path = f"/v1/sources/{source}/deliveries/{answer.json()['delivery']}/settle"
    return client.post(path, json={"reason": reason or WHY["reason"]})


def test_it_leaves_the_list_of_what_is_not_understood(
    olga: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "set-aside")
    first = send(sender, "set-aside", {"ping": 1}, "ping", "p-1")
    second = send(sender, "set-aside", {"ping": 2}, "ping", "p-2")
    done = settle(olga, "set-aside", first)
    assert (done.status_code, done.json()["already_settled"]) == (200, False), done.text
    left = deliveries(olga, "set-aside", done, state="not_understood")
    assert [one["delivery"] for one in left] == [second.json()["delivery"]]
    (aside,) = deliveries(olga, "set-aside", done, state="settled")
    assert (aside["delivery"], aside["state"]) == (first.json()["delivery"], "settled")
    assert aside["reasons"], "why it is not understood stays"
    assert olga.get("/v1/sources/set-aside").json()["not_understood"] == 1
    settled = detail(olga, "set-aside", first)["settled"]
    assert (settled["reason"], settled["by"]) == (WHY["reason"], "olga")


def test_set_aside_twice_the_first_reason_counts_and_nothing_is_recorded(
    server: RunningService,
    olga: httpx2.Client,
    otto: httpx2.Client,
    sender: httpx2.Client,
    source: str,
) -> None:
    answer = send(sender, source, {"ping": 3}, "ping", "p-3")
    settle(olga, source, answer)
    head = server.service.desks.log.head()
    again = settle(otto, source, answer, "Another reason.").json()
    assert (again["already_settled"], again["by"], again["reason"]) == (True, "olga", WHY["reason"])
    assert server.service.desks.log.head() == head


def test_it_is_read_again_by_its_id_alone_and_then_understood(
    olga: httpx2.Client, otto: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "later", document=MAPPING.replace("topics: [order]", "topics: [sale]"))
    number = order_number()
    answer = send(sender, "later", placed(number), "order", "l")
    settle(olga, "later", answer)
    change_mapping(olga, otto, "later", MAPPING)
    all_of_them = olga.post("/v1/sources/later/read-again", json={}).json()
    assert all_of_them["looked_at"] == 0
    assert read_again(olga, "later", answer)["changed"] == 1
    found = detail(olga, "later", answer)
    assert (found["state"], found["settled"]) == ("understood", None)
    assert olga.get(f"/v1/orders/{number}").status_code == 200
    refused = settle(olga, "later", answer)
    assert (refused.status_code, refused.json()["type"]) == (
        409,
        "/problems/delivery-cannot-be-settled",
    )


def test_another_reason_than_that_which_was_set_aside_is_listed_again(
    server: RunningService, olga: httpx2.Client, otto: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "other-reason", document=MAPPING.replace("topics: [order]", "topics: [sale]"))
    answer = send(sender, "other-reason", placed(order_number(), at="then"), "order", "l")
    settle(olga, "other-reason", answer)
    change_mapping(olga, otto, "other-reason", MAPPING.replace("topics: [order]", "topics: [buy]"))
    read_again(olga, "other-reason", answer)
    assert detail(olga, "other-reason", answer)["state"] == "settled", "the same reason"
    change_mapping(olga, otto, "other-reason", MAPPING)
    read_again(olga, "other-reason", answer)
    found = detail(olga, "other-reason", answer)
    assert (found["state"], found["reasons"][0]["why"]) == ("not_understood", "unreadable_field")
    head = {"Casetrail-Min-Position": str(server.service.desks.log.head()), "Prefer": "wait=10"}
    path = "/v1/sources/other-reason/deliveries?state=not_understood"
    (listed,) = olga.get(path, headers=head).json()["items"]
    assert listed["delivery"] == answer.json()["delivery"]


def test_who_may_not_manage_sources_and_who_gives_no_reason_is_refused(
    server: RunningService,
    olga: httpx2.Client,
    ana: httpx2.Client,
    sender: httpx2.Client,
    source: str,
) -> None:
    answer = send(sender, source, {"ping": 4}, "ping", "p-4")
    assert settle(ana, source, answer).status_code == 403
    path = f"/v1/sources/{source}/deliveries/{answer.json()['delivery']}/settle"
    assert olga.post(path, json={}).status_code == 422
    desks, now = server.service.desks, datetime.now(UTC)
    desks.principals_desk.register_agent("olga", "helper", now)
    limits = KeyScope(permissions=frozenset({"sources.manage"}))
    server.tokens["helper"] = desks.people.issue_token("olga", now, agent="helper", scope=limits)
    with server.client_as("helper") as helper:
        refused = settle(helper, source, answer)
    assert refused.status_code == 403


def test_the_case_about_a_code_stays_open_and_is_named(coded: Coded) -> None:
    (lost,) = coded.scan("shop", "LOST")
    (case,) = coded.cases("unknown_code")
    desk, source = coded.desks.settled_deliveries, coded.desks.sources.find("shop")
    done = desk.settle(
        source, lost.delivery, SettleDelivery(reason="A test."), operator_caller(NOW)
    )
    assert done.open_codes == {("states", "LOST"): case.id}
    assert coded.codes() == [("LOST", "open")]
    coded.choose("shop", WIDER)
    coded.read_again("shop", lost)
    assert coded.codes() == [("LOST", "resolved")], "a mapping that reads it clears the case"


def test_an_agent_sets_nothing_aside(coded: Coded) -> None:
    (lost,) = coded.scan("shop", "LOST")
    by = system_caller(Actor("key:1", "olga", via=("helper",)), NOW, "command:x")
    with pytest.raises(DeliveryCannotBeSettled, match="helper is an agent"):
        coded.desks.settled_deliveries.settle(
            coded.desks.sources.find("shop"), lost.delivery, SettleDelivery(reason="It."), by
        )
    assert coded.desks.deliveries.kept([lost.delivery])[lost.delivery].state is (
        DeliveryState.NOT_UNDERSTOOD
    )


def test_reading_again_goes_on_where_the_answer_says(
    olga: httpx2.Client, sender: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(olga, "goes-on")
    answers = [send(sender, "goes-on", scan("x", "LOST", at=f"then {n}"), "scan") for n in range(5)]
    monkeypatch.setattr("infrastructure.reports.deliveries.MOST_AGAIN", 2)
    monkeypatch.setattr("api.routes.deliveries.MOST_AGAIN", 2)
    path, seen = "/v1/sources/goes-on/read-again", list[int]()
    after: str | None = None
    for _ in range(3):
        done = olga.post(path, json={"after": after}).json()
        seen.append(done["looked_at"])
        after = done["next_after"]
    assert (seen, after) == ([2, 2, 1], None)
    both = {"after": answers[0].json()["delivery"], "deliveries": [answers[0].json()["delivery"]]}
    refused = olga.post(path, json=both)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/after")
