"""A case from start to end: detected, queued, claimed, resolved and reopened, with its trail."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx2

from tests.api.running_service import RunningService, serve
from tests.api.signals import (
    RESOLUTION,
    JsonObject,
    ago,
    captured,
    in_future,
    money,
    open_case,
    order_id,
    placed,
    send,
    signal,
    unavailable,
    version_of,
)

QUEUE = "allocation_failure_review"
MIN = "Casetrail-Min-Position"


def counts(client: httpx2.Client, seen: dict[str, str] | None = None) -> JsonObject:
    queues = client.get("/v1/queues", headers=seen).json()["items"]
    (found,) = [queue for queue in queues if queue["queue"] == QUEUE]
    return {name: found[name] for name in ("open", "claimed")}


def after(answer: httpx2.Response) -> dict[str, str]:
    assert answer.status_code in (200, 204), answer.text
    return {MIN: answer.headers["Casetrail-Position"]}


def claim_all_open_cases(client: httpx2.Client) -> None:
    """Claim all cases that earlier tests left in the queue."""
    head = client.get("/v1/events").json()["head"]
    while (
        client.post(f"/v1/queues/{QUEUE}/claim-next", headers={MIN: str(head)}).status_code == 200
    ):
        head = client.get("/v1/events").json()["head"]


def test_a_case_is_opened_claimed_resolved_and_reopened(
    shop: httpx2.Client, ana: httpx2.Client, bo: httpx2.Client
) -> None:
    claim_all_open_cases(ana)
    order = order_id()
    before = counts(ana)
    told = [
        placed(order, customer={"id": "c-7", "tier": "vip"}, event_time=ago(hours=3)),
        unavailable(order, event_time=ago(hours=2), skus=["tea"]),
    ]
    sent = send(shop, *told)
    (touched,) = sent.json()["items"][1]["cases"]
    case = touched["case"]
    assert counts(ana, after(sent)) == {**before, "open": before["open"] + 1}

    (waiting,) = ana.get(f"/v1/queues/{QUEUE}", headers=after(sent)).json()["items"][-1:]
    assert (waiting["case_id"], waiting["order_id"], waiting["person"]) == (case, order, None)

    claimed = ana.post(f"/v1/queues/{QUEUE}/claim-next", headers=after(sent))
    view = claimed.json()
    assert (view["id"], view["state"], view["owner"]) == (case, "claimed", "ana")
    assert claimed.headers["ETag"] == f'"{view["version"]}"'
    assert counts(ana, after(claimed)) == {"open": before["open"], "claimed": before["claimed"] + 1}
    nothing = bo.post(f"/v1/queues/{QUEUE}/claim-next", headers=after(claimed))
    assert (nothing.status_code, nothing.content) == (204, b"")

    resolved = ana.post(
        f"/v1/cases/{case}/resolve", json=RESOLUTION, headers={"If-Match": claimed.headers["ETag"]}
    )
    assert resolved.json()["state"] == "resolved"
    assert resolved.json()["resolution"] == RESOLUTION
    assert counts(ana, after(resolved)) == before

    reopened = bo.post(
        f"/v1/cases/{case}/reopen",
        json={"note": "the other warehouse has none either"},
        headers={"If-Match": resolved.headers["ETag"]},
    )
    view = reopened.json()
    assert (view["state"], view["reopened"], view["resolution"]) == ("open", 1, None)
    assert view["owner"] == "inventory_desk"
    assert counts(ana, after(reopened)) == {**before, "open": before["open"] + 1}
    again = bo.post(f"/v1/queues/{QUEUE}/claim-next", headers=after(reopened)).json()
    assert (again["id"], again["owner"]) == (case, "bo")

    lines = ana.get(f"/v1/cases/{case}/trail").json()["lines"]
    assert [(line["event"]["type"], line["actor"].get("person")) for line in lines] == [
        ("case.detected", None),
        ("case.enriched", None),
        ("case.routed", None),
        ("case.claimed", "ana"),
        ("case.resolved", "ana"),
        ("case.reopened", "bo"),
        ("case.routed", "bo"),
        ("case.claimed", "bo"),
    ]
    assert [line["version"] for line in lines] == list(range(1, 9))
    assert all(line["order"] == order and line["stream"] == case for line in lines)
    positions = [line["position"] for line in lines]
    assert positions == sorted(positions)


def test_the_trail_has_the_policy_and_each_verdict_with_the_values_read(
    shop: httpx2.Client,
) -> None:
    order = order_id()
    answer = send(shop, placed(order, "10.00"), captured(order, "12.50"))
    (touched,) = answer.json()["items"][1]["cases"]
    lines = shop.get(f"/v1/cases/{touched['case']}/trail").json()["lines"]
    events = {line["event"]["type"]: line["event"] for line in lines}
    decision = events["case.detected"]["decision"]
    assert (decision["policy"], decision["rule"]) == ("5", "payments-differ-from-charge")
    verdicts = {(v["fact"], v["test"]): (v["read"], v["passed"]) for v in decision["verdicts"]}
    assert verdicts == {
        ("payment.complete", "is true"): (True, True),
        ("payment.overpaid", "above 0.01"): ("2.50", True),
        ("payment.underpaid", "above 0.01"): ("-2.50", False),
        ("payment.currency_conflict", "is true"): (False, False),
    }
    routing = events["case.routed"]["decision"]
    assert (routing["policy"], routing["rule"]) == ("5", "payments")
    assert routing["verdicts"][-1] == {
        "fact": "case.bucket",
        "test": "is payment_mismatch",
        "read": "payment_mismatch",
        "passed": True,
    }
    assert [v["passed"] for v in routing["verdicts"]] == [False, False, False, True]


def test_the_packet_has_the_sources_and_times_of_each_fact(shop: httpx2.Client) -> None:
    order = order_id()
    placing = placed(order, "10.00", event_time="2026-01-05T10:00:00Z", source="web")
    paying = captured(order, "12.50", event_time="2026-01-05T11:00:00Z", source="psp")
    answer = send(shop, placing, paying)
    cases = {c["kind"]: c["case"] for i in answer.json()["items"] for c in i["cases"]}
    handing = signal(
        "shipment.handed_over", order, event_time="2026-01-06T09:30:00Z", source="carrier"
    )
    shop.post("/v1/signals", json=handing)
    packet = shop.get(f"/v1/cases/{cases['payment_mismatch']}/packet").json()
    assert packet["order"] == order
    then = {fact["fact"]: fact for fact in packet["decided_on"]}
    now = {fact["fact"]: fact for fact in packet["now"]}
    assert then["payment.overpaid"] == {
        "fact": "payment.overpaid",
        "value": "2.50",
        "sources": [f"web/{placing['id']}", f"psp/{paying['id']}"],
        "event_time": "2026-01-05T11:00:00Z",
    }
    assert then["charge.total"]["sources"] == [f"web/{placing['id']}"]
    assert "milestones.handed_over_at" not in then
    fresh = now["milestones.handed_over_at"]
    assert 0 <= fresh.pop("age_seconds") < 60
    assert fresh.pop("record_time") > fresh["event_time"]
    assert fresh == {
        "fact": "milestones.handed_over_at",
        "value": "2026-01-06T09:30:00Z",
        "sources": [f"carrier/{handing['id']}"],
        "event_time": "2026-01-06T09:30:00Z",
    }
    assert len(packet["digest"]) == 64


def test_an_order_shows_its_facts_signals_and_cases(shop: httpx2.Client) -> None:
    order = order_id()
    told = [
        captured(order, event_time=ago(hours=1)),
        placed(order, event_time=ago(hours=2)),
        unavailable(order, event_time=ago(minutes=30)),
    ]
    send(shop, *told)
    view = shop.get(f"/v1/orders/{order}").json()
    assert [s["id"] for s in view["signals"]] == [told[n]["id"] for n in (1, 0, 2)]
    assert set(view["cases"]) == {"stock_unavailable", "refund_due"}
    facts = {fact["fact"]: fact["value"] for fact in view["facts"]}
    assert (facts["charge.total"], facts["payment.captured"]) == ("10.00", "10.00")
    for kind, case in view["cases"].items():
        assert shop.get(f"/v1/cases/{case}").json()["kind"] == kind


def test_the_timeline_lists_the_order_and_its_cases_by_position(
    shop: httpx2.Client, ana: httpx2.Client
) -> None:
    order = order_id()
    send(shop, placed(order), unavailable(order))
    case = shop.get(f"/v1/orders/{order}").json()["cases"]["stock_unavailable"]
    ana.post(f"/v1/cases/{case}/claim", headers={"If-Match": '"3"'})
    send(shop, captured(order))
    lines = shop.get(f"/v1/orders/{order}/timeline").json()["lines"]
    assert [line["event"]["type"] for line in lines] == [
        "order.signal_recorded",
        "order.signal_recorded",
        "order.problem_detected",
        "case.detected",
        "case.enriched",
        "case.routed",
        "case.claimed",
        "order.signal_recorded",
        "order.problem_detected",
        "case.detected",
        "case.enriched",
        "case.routed",
    ]
    assert [line["position"] for line in lines] == sorted(line["position"] for line in lines)
    assert all(line["cause"] for line in lines)


def test_a_missed_deadline_opens_a_case_without_a_signal(shop: httpx2.Client) -> None:
    order = order_id()
    due = in_future(seconds=1)
    line = {"sku": "tea", "price": money("10.00"), "ship_by": due}
    answer = send(shop, placed(order, lines=[line]))
    assert answer.json()["items"][0]["cases"] == []
    deadline = time.monotonic() + 8
    while not (cases := shop.get(f"/v1/orders/{order}").json()["cases"]):
        assert time.monotonic() < deadline, "nobody noticed"
        time.sleep(0.05)
    view = shop.get(f"/v1/cases/{cases['ship_by_missed']}").json()
    assert datetime.fromisoformat(view["detected_at"]) == datetime.fromisoformat(due)
    assert view["deadline"] == view["detected_at"]
    assert datetime.fromisoformat(view["opened_at"]) - datetime.fromisoformat(due) < timedelta(
        seconds=5
    )
    lines = shop.get(f"/v1/cases/{view['id']}/trail").json()["lines"]
    assert {line["cause"].partition(":")[0] for line in lines} == {"due"}


def test_a_problem_that_returns_soon_reopens_its_case(
    shop: httpx2.Client, ana: httpx2.Client
) -> None:
    order = order_id()
    send(shop, placed(order), captured(order, "12.00"))
    case = shop.get(f"/v1/orders/{order}").json()["cases"]["payment_mismatch"]
    etag = ana.post(f"/v1/cases/{case}/claim", headers={"If-Match": '"3"'}).headers["ETag"]
    ana.post(f"/v1/cases/{case}/resolve", json=RESOLUTION, headers={"If-Match": etag})
    (touched,) = shop.post("/v1/signals", json=captured(order, "3.00")).json()["cases"]
    assert touched == {"case": case, "kind": "payment_mismatch", "event": "case.routed"}
    view = shop.get(f"/v1/cases/{case}").json()
    assert (view["state"], view["reopened"], view["occurrence"]) == ("open", 1, 1)


def test_a_problem_that_returns_late_opens_a_linked_case(
    server: RunningService, shop: httpx2.Client, ana: httpx2.Client
) -> None:
    order = order_id()
    send(shop, placed(order), captured(order, "12.00"))
    first = shop.get(f"/v1/orders/{order}").json()["cases"]["payment_mismatch"]
    etag = ana.post(f"/v1/cases/{first}/claim", headers={"If-Match": '"3"'}).headers["ETag"]
    ana.post(f"/v1/cases/{first}/resolve", json=RESOLUTION, headers={"If-Match": etag})
    later = datetime.now(UTC) + timedelta(days=40)
    with serve(server.dsn, lambda: later) as (url, _), server.client_as("shop") as there:
        there.base_url = url
        touched = there.post("/v1/signals", json=captured(order, "3.00")).json()["cases"]
    (again,) = [case for case in touched if case["kind"] == "payment_mismatch"]
    assert again["case"] != first
    view = shop.get(f"/v1/cases/{again['case']}").json()
    assert (view["occurrence"], view["recurrence_of"]) == (2, first)
    assert shop.get(f"/v1/cases/{first}").json()["state"] == "resolved"
    lines = shop.get(f"/v1/orders/{order}/timeline").json()["lines"]
    told = {line["stream"] for line in lines if line["event"]["type"].startswith("case.")}
    assert {first, again["case"]} <= told, "the timeline leaves out a case of the order"


def test_the_next_case_is_the_most_urgent_one(shop: httpx2.Client, ana: httpx2.Client) -> None:
    claim_all_open_cases(ana)
    orders = {tier: order_id() for tier in ("standard", "vip", "gold")}
    told = [
        item
        for tier, order in orders.items()
        for item in (placed(order, customer={"id": "c", "tier": tier}), unavailable(order))
    ]
    seen = after(send(shop, *told))
    claimed = [
        ana.post(f"/v1/queues/{QUEUE}/claim-next", headers=seen).json()["order"] for _ in range(3)
    ]
    assert claimed == [orders["vip"], orders["gold"], orders["standard"]]


def test_concurrent_requests_for_the_next_case_get_different_cases(
    server: RunningService, shop: httpx2.Client
) -> None:
    people = 12
    with server.client_as("ana") as ana:
        claim_all_open_cases(ana)
    cases = {open_case(shop) for _ in range(people)}
    head = str(shop.get("/v1/events").json()["head"])
    with server.client_as("bo") as bo, ThreadPoolExecutor(people + 3) as pool:
        answers = list(
            pool.map(
                lambda _: bo.post(f"/v1/queues/{QUEUE}/claim-next", headers={MIN: head}),
                range(people + 3),
            )
        )
    claimed = [answer.json()["id"] for answer in answers if answer.status_code == 200]
    assert sorted(claimed) == sorted(cases)
    assert [answer.status_code for answer in answers].count(204) == 3


def test_the_next_case_is_found_after_another_server_changed_it(
    server: RunningService, shop: httpx2.Client, ana: httpx2.Client
) -> None:
    """A cached case must not keep a server from returning it as the next one."""
    claim_all_open_cases(ana)
    with serve(server.dsn) as (url, _), server.client_as("bo") as there:
        there.base_url = url
        case = open_case(shop)  # cached here as it was opened …
        order = shop.get(f"/v1/cases/{case}").json()["order"]
        sent = there.post(
            "/v1/signals", json=unavailable(order)
        )  # … and changed by the other server
        assert ana.get(f"/v1/queues/{QUEUE}", headers=after(sent)).json()["items"][-1:]
        answer = ana.post(f"/v1/queues/{QUEUE}/claim-next", headers=after(sent))
        assert answer.status_code == 200, "an open case is in the queue"
        assert answer.json()["id"] == case


def test_the_next_case_is_found_after_another_server_released_it(
    server: RunningService, shop: httpx2.Client, ana: httpx2.Client
) -> None:
    claim_all_open_cases(ana)
    with serve(server.dsn) as (url, _), server.client_as("ana") as there:
        there.base_url = url
        case = open_case(shop)
        etag = ana.post(f"/v1/cases/{case}/claim", headers={"If-Match": '"3"'}).headers["ETag"]
        released = there.post(f"/v1/cases/{case}/release", json={}, headers={"If-Match": etag})
        answer = ana.post(f"/v1/queues/{QUEUE}/claim-next", headers=after(released))
        assert answer.status_code == 200, "an open case is in the queue"
        assert answer.json()["id"] == case


def test_the_lists_agree_with_the_case(shop: httpx2.Client, ana: httpx2.Client) -> None:
    case = open_case(shop)
    bodies: list[tuple[str, JsonObject | None]] = [
        ("claim", None),
        ("release", {}),
        ("claim", None),
        ("resolve", RESOLUTION),
        ("reopen", {"note": "again"}),
    ]
    for command, body in bodies:
        etag = f'"{version_of(ana, case)}"'
        done = ana.post(f"/v1/cases/{case}/{command}", json=body, headers={"If-Match": etag})
        view = done.json()
        order = f"/v1/cases?order={view['order']}"
        (row,) = ana.get(order, headers=after(done)).json()["items"]
        both = set(view) & set(row)
        assert {name: row[name] for name in both} == {name: view[name] for name in both}, command


def test_every_kind_of_exception_can_be_opened_over_http(shop: httpx2.Client) -> None:
    long_ago = ago(days=10)
    promised = {"delivery_date": (datetime.now(UTC) - timedelta(days=3)).date().isoformat()}
    late_line = [{"sku": "tea", "price": money("10.00"), "ship_by": ago(days=5)}]
    told = {
        "delivery_late": [placed("", event_time=long_ago, promise=promised)],
        "ship_by_missed": [placed("", event_time=long_ago, lines=late_line)],
        "payment_stalled": [placed("", event_time=long_ago)],
        "payment_mismatch": [placed("", "10.00"), captured("", "9.98")],
        "payment_missing": [placed("", tenders=[])],
        "stock_unavailable": [unavailable("")],
        "refund_due": [captured(""), signal("order.cancelled", "")],
        "cancelled_after_handover": [
            signal("shipment.handed_over", ""),
            signal("order.cancelled", ""),
        ],
        "milestones_out_of_order": [
            signal("shipment.delivered", "", event_time=ago(hours=5)),
            signal("shipment.handed_over", "", event_time=ago(hours=4)),
        ],
    }
    for kind, signals in told.items():
        order = order_id()
        send(shop, *({**s, "order": order} for s in signals))
        assert kind in shop.get(f"/v1/orders/{order}").json()["cases"], kind


def test_an_order_without_a_problem_opens_no_case(shop: httpx2.Client) -> None:
    order = order_id()
    today = datetime.now(UTC).date().isoformat()
    told = [
        placed(order, event_time=ago(hours=40), promise={"delivery_date": today}),
        signal("payment.authorized", order, event_time=ago(hours=39)),
        captured(order, event_time=ago(hours=39)),
        signal("shipment.handed_over", order, event_time=ago(hours=30)),
        signal("shipment.scanned", order, status="in_transit", event_time=ago(hours=20)),
        signal("shipment.delivered", order, event_time=ago(hours=2)),
    ]
    answer = send(shop, *reversed(told)).json()
    assert [item["cases"] for item in answer["items"]] == [[]] * len(told)
    assert shop.get(f"/v1/orders/{order}").json()["cases"] == {}
