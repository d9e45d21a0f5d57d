"""Valid signals: one, an array, NDJSON, late ones, and the cases that they open."""

import json
from urllib.parse import quote

import httpx2
import pytest

from tests.api.running_service import RunningService
from tests.api.signals import (
    JSON,
    NDJSON,
    ago,
    as_ndjson,
    cancelled,
    captured,
    order_id,
    placed,
    send,
    signal,
    unavailable,
)


def test_one_signal_gets_one_result(shop: httpx2.Client) -> None:
    order = order_id()
    told = placed(order)
    answer = shop.post("/v1/signals", json=told)
    assert answer.status_code == 200
    assert answer.json() == {
        "outcome": "recorded",
        "order": order,
        "shop": "default",
        "signal": f"storefront/{told['id']}",
        "cases": [],
    }
    assert int(answer.headers["Casetrail-Position"]) > 0


def test_an_array_gets_a_result_for_each_item_in_order(shop: httpx2.Client) -> None:
    told = [placed(order_id()) for _ in range(5)]
    answer = send(shop, *told, told[2]).json()
    assert [answer[name] for name in ("recorded", "duplicate", "refused")] == [5, 1, 0]
    assert [item["outcome"] for item in answer["items"]] == ["recorded"] * 5 + ["duplicate"]
    assert [item["order"] for item in answer["items"]] == [t["order"] for t in [*told, told[2]]]


@pytest.mark.parametrize(
    "kind", ["application/x-ndjson", "application/jsonl", "APPLICATION/NDJSON"]
)
@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_ndjson_gets_a_result_for_each_line(shop: httpx2.Client, kind: str, ending: bytes) -> None:
    told = [placed(order_id()) for _ in range(3)]
    body = ending.join(json.dumps(t).encode() for t in told) + ending + ending
    answer = shop.post("/v1/signals", content=body, headers={"Content-Type": kind})
    assert answer.json()["recorded"] == 3


def test_one_line_is_a_batch_of_one(shop: httpx2.Client) -> None:
    answer = shop.post("/v1/signals", content=as_ndjson([placed(order_id())]), headers=NDJSON)
    assert answer.json()["recorded"] == 1
    assert len(answer.json()["items"]) == 1


@pytest.mark.parametrize("headers", [JSON, NDJSON])
def test_an_empty_batch_is_accepted(shop: httpx2.Client, headers: dict[str, str]) -> None:
    body = b"[]" if headers is JSON else b"\n"
    answer = shop.post("/v1/signals", content=body, headers=headers)
    assert answer.status_code == 200
    assert answer.json() == {"recorded": 0, "duplicate": 0, "refused": 0, "held": 0, "items": []}


def test_a_body_without_a_content_type_is_read_as_json(shop: httpx2.Client) -> None:
    answer = shop.post("/v1/signals", content=json.dumps(placed(order_id())).encode())
    assert answer.json()["outcome"] == "recorded"


def test_a_thousand_signals_are_accepted_in_one_request(shop: httpx2.Client) -> None:
    told = [cancelled(f"{order_id()}") for _ in range(1_000)]
    assert send(shop, *told).json()["recorded"] == 1_000


def test_the_result_names_the_case_that_the_signal_opened(
    server: RunningService, shop: httpx2.Client
) -> None:
    order = order_id()
    send(shop, placed(order))
    (case,) = shop.post("/v1/signals", json=unavailable(order)).json()["cases"]
    assert (case["kind"], case["event"]) == ("stock_unavailable", "case.routed")
    view = shop.get(f"/v1/cases/{case['case']}").json()
    assert (view["order"], view["state"]) == (order, "open")


def test_one_signal_can_open_several_cases(shop: httpx2.Client) -> None:
    order = order_id()
    answer = send(
        shop,
        placed(order),
        captured(order),
        signal("shipment.handed_over", order),
        cancelled(order),
    ).json()
    named = {case["kind"] for item in answer["items"] for case in item["cases"]}
    assert named == {"refund_due", "cancelled_after_handover"}


def test_a_signal_about_an_open_problem_joins_its_case(shop: httpx2.Client) -> None:
    order = order_id()
    first = send(shop, placed(order), unavailable(order)).json()["items"][1]["cases"][0]
    (again,) = shop.post("/v1/signals", json=unavailable(order)).json()["cases"]
    assert again == {**first, "event": "case.signal_joined"}
    assert shop.get(f"/v1/cases/{first['case']}").json()["signals_joined"] == 1


def test_a_late_signal_opens_the_case_of_a_deadline_already_missed(shop: httpx2.Client) -> None:
    order = order_id()
    told = placed(order, event_time=ago(days=5))
    (case,) = shop.post("/v1/signals", json=told).json()["cases"]
    assert case["kind"] == "payment_stalled"
    view = shop.get(f"/v1/cases/{case['case']}").json()
    assert view["detected_at"] == view["deadline"]


def test_late_evidence_of_a_deadline_met_in_time_resolves_the_case(shop: httpx2.Client) -> None:
    order = order_id()
    told = placed(order, event_time=ago(days=5))
    (opened,) = shop.post("/v1/signals", json=told).json()["cases"]
    late = signal("payment.authorized", order, source="psp", event_time=ago(days=4))
    (cleared,) = shop.post("/v1/signals", json=late).json()["cases"]
    assert cleared == {**opened, "event": "case.resolved"}
    view = shop.get(f"/v1/cases/{opened['case']}").json()
    assert (view["state"], view["cleared"]) == ("resolved", True)
    assert view["left_to_person"] is None
    assert view["resolution"]["reason"] == "source_cleared"
    assert view["resolution"]["evidence"] == [f"psp/{late['id']}"]


def test_late_evidence_of_a_deadline_met_too_late_only_joins_the_case(shop: httpx2.Client) -> None:
    order = order_id()
    told = placed(order, event_time=ago(days=5))
    (opened,) = shop.post("/v1/signals", json=told).json()["cases"]
    late = signal("payment.authorized", order, source="psp", event_time=ago(days=1))
    (joined,) = shop.post("/v1/signals", json=late).json()["cases"]
    assert joined == {**opened, "event": "case.signal_joined"}
    view = shop.get(f"/v1/cases/{opened['case']}").json()
    assert (view["state"], view["cleared"], view["signals_joined"]) == ("open", False, 1)


def test_a_time_with_an_offset_is_stored_in_utc(shop: httpx2.Client) -> None:
    order = order_id()
    shop.post("/v1/signals", json=cancelled(order, event_time="2024-03-01T23:30:00-03:00"))
    (kept,) = shop.get(f"/v1/orders/{order}").json()["signals"]
    assert kept["event_time"] == "2024-03-02T02:30:00Z"


def test_text_in_any_script_is_returned_as_sent(shop: httpx2.Client) -> None:
    order = order_id()
    reason = 'Größe passt nicht – ありがとう 🚚 \u202e \\ " /'
    shop.post("/v1/signals", json=cancelled(order, reason=reason))
    (kept,) = shop.get(f"/v1/orders/{order}").json()["signals"]
    assert kept["reason"] == reason


@pytest.mark.parametrize("order", ["2024/17", "50%", "a+b", "a?b#c", "..", "a/timeline", "%2F"])
def test_every_accepted_order_id_can_be_read_again(shop: httpx2.Client, order: str) -> None:
    told = placed(f"{order_id()}{order}")
    answer = shop.post("/v1/signals", json=told)
    if answer.status_code == 422:
        assert answer.json()["errors"][0]["pointer"] == "/order"
        return
    assert answer.json()["outcome"] == "recorded"
    address = f"/v1/orders/{quote(told['order'], safe='')}"
    assert shop.get(address).json().get("id") == told["order"]
    assert shop.get(f"{address}/timeline").json().get("order") == told["order"]
