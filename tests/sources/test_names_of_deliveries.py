"""Which deliveries are one: by the sender's id and the body, else by everything that a mapping can read."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import httpx2
from msgspec import structs

from api.composition import Desks
from application.sources.delivery_events import incoming
from application.sources.delivery_pieces import Piece, write_of
from application.sources.ports import ListedItem, RawDelivery, ReadDelivery
from application.sources.recorded_signals import Recorded
from domain.people import OPERATOR_ACTOR
from domain.sources.deliveries import NotUnderstoodWhy, delivery_stream
from tests.api.running_service import RunningService
from tests.sources.coded import NOW, Coded
from tests.sources.senders import MAPPING, add, order_number, placed, scan, signed

BY_HEADER_AND_QUERY = MAPPING.replace("topics: [scan]", "topics: [scan, moved]").replace(
    """{$join: ["'scan:'", at]}""",
    """{$join: ['delivery().headers."x-event"', "':'", delivery().query.station, "':'", at]}""",
)


def ask(
    client: httpx2.Client, source: str, body: object, topic: str, station: str, **headers: str
) -> tuple[bool, int]:
    """Whether the delivery was known, and how many signals were recorded."""
    content = json.dumps(body).encode()
    answer = client.post(
        f"/v1/sources/{source}/webhook",
        params={"station": station},
        content=content,
        headers={**signed(content, topic), **headers},
    )
    assert (answer.status_code, answer.json()["reasons"]) == (200, []), answer.text
    return answer.json()["known"], answer.json()["recorded"]


def test_one_body_with_other_headers_or_another_query_is_another_delivery(
    olga: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "two-topics", document=BY_HEADER_AND_QUERY)
    body = scan(order_number(), "MOVING")
    said = [("scan", "1"), ("moved", "1"), ("moved", "2"), ("scan", "2")]
    assert [ask(sender, "two-topics", body, *one) for one in said] == [(False, 1)] * 4
    assert [ask(sender, "two-topics", body, *one) for one in said] == [(True, 0)] * 4


def test_what_a_proxy_adds_to_a_request_makes_no_other_delivery(
    olga: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "behind-proxies", document=BY_HEADER_AND_QUERY)
    body = scan(order_number(), "MOVING")
    first, second = (
        {"X-Request-Id": f"r-{n}", "X-Forwarded-For": f"192.0.2.{n}", "CF-Ray": str(n), "Date": str(n)}
        for n in range(2)
    )  # fmt: skip
    assert ask(sender, "behind-proxies", body, "scan", "1", **first) == (False, 1)
    assert ask(sender, "behind-proxies", body, "scan", "1", **second) == (True, 0)


def test_an_attempt_of_its_own_time_is_known_by_the_id_of_its_sender(
    olga: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, "attempts", document=BY_HEADER_AND_QUERY)
    body = scan(order_number(), "MOVING")
    first, second = ({"X-Delivery": "d-1", "X-Attempt-Timestamp": str(n)} for n in range(2))
    assert ask(sender, "attempts", body, "scan", "1", **first) == (False, 1)
    assert ask(sender, "attempts", body, "scan", "1", **second) == (True, 0)


def test_of_parts_that_are_taken_together_those_with_another_topic_are_others(coded: Coded) -> None:
    body = scan(order_number(), "MOVING")
    results = coded.deliver("shop", ("scan", body), ("other", body), ("scan", body))
    assert [(one.is_known, one.signals, len(one.reasons)) for one in results] == [
        (False, 1, 0),
        (False, 0, 1),
        (True, 1, 0),
    ]
    again = coded.deliver("shop", ("other", body), ("scan", body))
    assert [(one.is_known, one.delivery) for one in again] == [
        (True, results[1].delivery),
        (True, results[0].delivery),
    ]


def test_one_item_in_two_lists_of_a_source_is_read_twice(coded: Coded) -> None:
    """Its id may be that of an order, which both lists tell of."""
    number = order_number()
    body = {**placed(number), **scan(number, "MOVING")}
    items = [
        ListedItem(id=number, at=NOW, raw=part(body, topic), webhook=True)
        for topic in ("order", "scan")
    ]

    def pull() -> list[int]:
        taken = coded.desks.pulls._deliveries.take
        return [one.recorded for one in taken(coded.desks.sources.find("shop"), items, NOW)]

    coded.update_reports()
    assert (pull(), pull()) == ([1, 1], [0, 0])


def test_a_delivery_of_an_older_log_is_known_by_all_that_it_says(
    server: RunningService, olga: httpx2.Client
) -> None:
    """There the body alone names it."""
    desks = server.service.desks
    add(olga, "older")
    body = part(scan(order_number(), "GONE"), "scan")
    old = kept_by_its_body(desks, "older", body)
    other = structs.replace(body, headers={"x-event": "other"})
    new, same = desks.deliveries.take_parts("older", [other, body], OPERATOR_ACTOR, desks.clock())
    assert [(one.is_known, one.delivery == old) for one in (new, same)] == [
        (False, False),
        (True, True),
    ]
    assert [one.why for one in new.reasons] == [NotUnderstoodWhy.UNKNOWN_TOPIC]


def test_an_erased_delivery_of_an_older_log_does_not_come_back(
    server: RunningService, olga: httpx2.Client
) -> None:
    desks = server.service.desks
    add(olga, "older-erased")
    body = part(placed(number := order_number()), "order")
    old = kept_by_its_body(desks, "older-erased", body)
    assert desks.key_ring is not None
    desks.key_ring.destroy(uuid4(), [number])
    taken = desks.deliveries.take_parts("older-erased", [body], OPERATOR_ACTOR, desks.clock())
    assert [(one.is_known, one.delivery) for one in taken] == [(True, old)]


def part(body: object, topic: str) -> RawDelivery:
    return RawDelivery(json.dumps(body).encode(), {"x-event": topic}, {})


def kept_by_its_body(desks: Desks, name: str, raw: RawDelivery) -> UUID:
    """The stream of a delivery that is kept as it was before headers and query were a part of its name."""
    source = desks.sources.find(name)
    came = incoming(raw)
    came = structs.replace(came, named=f"sha256:{came.digest}")
    read = ReadDelivery("scan", (), (), unread_orders=[json.loads(raw.body)["number"]])
    piece = Piece(delivery_stream(name, came.id, came.digest), came, read)
    write = write_of(source, piece, Recorded((), ()), OPERATOR_ACTOR, desks.clock())
    desks.log.append([write])
    return piece.stream
