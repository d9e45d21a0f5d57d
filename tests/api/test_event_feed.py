"""The event feed: every position once, in order, none skipped during concurrent writes (I7)."""

import threading

import httpx2
import pytest

from tests.api.running_service import RunningService
from tests.api.signals import JsonObject, captured, open_case, order_id, placed, send, unavailable

WRITERS = 8
BATCHES = 25


def follow(
    client: httpx2.Client, after: int, limit: int, enough: threading.Event
) -> list[JsonObject]:
    """Read the feed with `next_after` until its end."""
    seen: list[JsonObject] = []
    while True:
        done = enough.is_set()
        feed = client.get(f"/v1/events?after={after}&limit={limit}").json()
        seen += feed["items"]
        assert feed["head"] >= feed["next_after"]
        if feed["items"]:
            assert feed["next_after"] == feed["items"][-1]["position"]
        elif done:
            return seen
        after = feed["next_after"]


def test_a_reader_sees_every_position_once_during_concurrent_writes(server: RunningService) -> None:
    written: list[JsonObject] = []
    enough = threading.Event()

    def write() -> None:
        with server.client_as("shop") as client:
            for n in range(BATCHES):
                order = order_id()
                told = [placed(order), unavailable(order)][: 1 + n % 2]
                answer = send(client, *told)
                assert answer.status_code == 200
                written.extend(told)

    with server.client_as("ana") as client:
        start = client.get("/v1/events").json()["head"]
        threads = [threading.Thread(target=write) for _ in range(WRITERS)]
        seen: dict[int, list[JsonObject]] = {}

        def read(limit: int) -> None:
            with server.client_as("ana") as reader:
                seen[limit] = follow(reader, start, limit, enough)

        readers = [threading.Thread(target=read, args=(limit,)) for limit in (3, 200)]
        for thread in threads + readers:
            thread.start()
        for thread in threads:
            thread.join()
        enough.set()
        for thread in readers:
            thread.join()
        head = client.get("/v1/events").json()["head"]
    for lines in seen.values():
        assert [line["position"] for line in lines] == list(range(start + 1, head + 1))
    told = [line["event"]["signal"] for line in seen[3] if "signal" in line["event"]]
    assert sorted(s["id"] for s in told) == sorted(s["id"] for s in written)
    assert seen[3] == seen[200]


def test_the_feed_begins_with_the_first_event(ana: httpx2.Client) -> None:
    feed = ana.get("/v1/events?limit=1").json()
    assert [line["position"] for line in feed["items"]] == [1]
    assert feed["next_after"] == 1


def test_each_stream_is_numbered_without_gaps(ana: httpx2.Client) -> None:
    open_case(ana)
    enough = threading.Event()
    enough.set()
    versions: dict[str, list[int]] = {}
    for line in follow(ana, 0, 200, enough):
        versions.setdefault(line["stream"], []).append(line["version"])
    for found in versions.values():
        assert found == list(range(1, len(found) + 1))


def test_the_next_link_also_works_at_the_end(ana: httpx2.Client) -> None:
    answer = ana.get("/v1/events?after=0&limit=2")
    while answer.json()["items"]:
        answer = ana.get(answer.links["next"]["url"])
    told = captured(order_id())
    ana.post("/v1/signals", json=told)
    (line,) = ana.get(answer.links["next"]["url"]).json()["items"]
    assert line["event"]["signal"]["id"] == told["id"]


@pytest.mark.parametrize("beyond", [1, 10**6, 10**18])
def test_the_head_is_that_of_the_log_for_any_position(ana: httpx2.Client, beyond: int) -> None:
    """A reader that is ahead of the log (its tail was lost) must be able to notice that."""
    head = ana.get("/v1/events").json()["head"]
    feed = ana.get(f"/v1/events?after={head + beyond}").json()
    assert feed["items"] == []
    assert feed["head"] == head


@pytest.mark.parametrize("wrong", ["-1", "x", "", "1.5", "9" * 30])
def test_an_invalid_position_is_refused(ana: httpx2.Client, wrong: str) -> None:
    answer = ana.get(f"/v1/events?after={wrong}")
    if wrong.isdigit():  # larger than any log: an empty page is also right
        assert answer.status_code in (200, 400)
    else:
        assert answer.status_code == 400


def test_an_acknowledged_write_is_in_the_feed_at_its_position(ana: httpx2.Client) -> None:
    for _ in range(10):
        told = captured(order_id())
        position = int(ana.post("/v1/signals", json=told).headers["Casetrail-Position"])
        (line,) = ana.get(f"/v1/events?after={position - 1}&limit=1").json()["items"]
        assert line["position"] == position
        assert line["event"]["signal"]["id"] == told["id"]
