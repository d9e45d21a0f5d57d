"""A batch that several processes share is answered as if one had processed it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import pytest

from api.http.process_client import Answer
from api.http.signal_partitions import (
    Partitions,
    SignalPartitioning,
    _array_of,
    _items_of,
    _lines_of,
    _merged,
)
from tests.api.signals import order_id, placed

JSON = "application/json"
NDJSON = "application/x-ndjson"


def batch() -> list[dict[str, Any]]:
    """Signals, of which some are refused: for a wrong type, a missing name, an id that is another signal's."""
    good = [placed(order_id()) for _ in range(6)]
    wrong = {**good[0], "type": "nonsense", "id": "w1"}
    unnamed = {key: value for key, value in good[1].items() if key != "source"}
    reused = {**good[2], "currency": "SEK"}
    return [*good[:4], wrong, good[4], unnamed, reused, good[5]]


def encode(signals: list[dict[str, Any]], kind: str) -> bytes:
    if kind == JSON:
        return json.dumps(signals).encode()
    lines = [json.dumps(one) for one in signals]
    return "\n".join(["", *lines[:3], "  ", "", *lines[3:], ""]).encode()


def ask(shop: httpx2.Client, body: bytes, kind: str) -> httpx2.Response:
    answer = shop.post("/v1/signals", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("kind", [JSON, NDJSON])
def test_a_refused_signal_of_a_batch_is_named_by_its_place_and_its_id(
    shop: httpx2.Client, kind: str
) -> None:
    signals = batch()
    items = ask(shop, encode(signals, kind), kind).json()["items"]
    refused = {item["index"]: item for item in items if item["outcome"] == "refused"}
    assert refused.keys() == {4, 6, 7}
    assert all(items[n] is item for n, item in refused.items())
    assert [item.get("line") for item in refused.values()] == (
        [None] * 3 if kind == JSON else [8, 10, 11]
    )
    for n, item in refused.items():
        assert item["order"] == signals[n]["order"]
    ids = [f"{signals[n]['source']}/{signals[n]['id']}" if n != 6 else None for n in refused]
    assert [item.get("signal") for item in refused.values()] == ids
    assert not any("index" in item for item in items if item["outcome"] != "refused")


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (b'{"source": "oms", "id": "1", "order": 7}', "oms/1"),
        (b'{"source": "oms", "id": ' + b'"%s"}' % (b"x" * 500), None),
        (b'["oms", "1"]', None),
        (b'{"source": "oms", "id": "1"', None),
    ],
)
def test_an_unreadable_name_is_left_out(shop: httpx2.Client, line: bytes, name: str | None) -> None:
    (item,) = ask(shop, line, NDJSON).json()["items"]
    assert (item["index"], item["line"], item.get("signal")) == (0, 1, name)
    assert "order" not in item


@pytest.mark.parametrize("kind", [JSON, NDJSON])
def test_the_parts_of_a_split_batch_name_the_places_of_the_whole(
    shop: httpx2.Client, kind: str
) -> None:
    body = encode(batch(), kind)
    whole = ask(shop, body, kind).json()["items"]
    items = _items_of(body, is_lines=kind == NDJSON)
    places = [[0, 3, 6, 8], [1, 2, 4, 5, 7]]
    part = _lines_of if kind == NDJSON else _array_of
    found = [ask(shop, part(body, items, own), kind) for own in places]
    answers = [
        Answer(
            one.status_code,
            [(key.encode(), value.encode()) for key, value in one.headers.items()],
            one.content,
        )
        for one in found
    ]
    merged = json.loads(_merged(answers, places).body)["items"]
    assert [one for one in merged if "index" in one] == [one for one in whole if "index" in one]


def test_a_dry_run_is_not_split() -> None:
    """Each part would not see the others, and the parts' answers are put together without their cases."""
    partitions = Partitions(["127.0.0.1:1", "127.0.0.1:2"], own=0)
    given: list[Any] = []

    async def answer_here(scope: Any, receive: Any, send: Any) -> None:
        given.append((scope, await receive()))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": encode(batch(), JSON), "more_body": False}

    async def send(_: Any) -> None:
        raise AssertionError("the handler answers")

    scope = {"server": ("127.0.0.1", 80), "query_string": b"dry%5Frun=true", "headers": []}
    middleware = SignalPartitioning(partitions, 1 << 20)
    handling = middleware.handle(scope, receive, send, answer_here)  # type: ignore[arg-type]
    asyncio.run(handling)  # type: ignore[arg-type]
    ((seen, message),) = given
    assert seen is scope
    assert len(json.loads(message["body"])) == len(batch())
