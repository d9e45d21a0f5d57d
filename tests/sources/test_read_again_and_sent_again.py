"""A delivery that was read again by another mapping, and then comes again, or is read once more."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.api.running_service import RunningService
from tests.sources.senders import MAPPING, add, change_mapping, order_number, placed, scan, send
from tests.sources.test_read_again import MINOR, PAID, captured, read_again

BY_TRACKING = MAPPING.replace(
    "          order: number\n          id: {$join: [\"'scan:'\"",
    "          id: {$join: [\"'scan:'\"",
)
BY_TRACKING_WIDER = BY_TRACKING.replace("DONE: delivered", "DONE: delivered, LOST: failure")


def paid(number: str) -> dict[str, Any]:
    return {"number": number, "at": "2026-11-20T10:05:00Z", "paid": "1000"}


def outcome(answer: httpx2.Response) -> tuple[int, bool, int, list[Any]]:
    found = answer.json()
    return answer.status_code, found["known"], found["recorded"], found["reasons"]


@pytest.mark.parametrize("id", ["p", "p-2"])
def test_what_says_the_same_as_the_newest_reading_is_known(
    olga: httpx2.Client, otto: httpx2.Client, sender: httpx2.Client, id: str
) -> None:
    add(olga, source := f"sent-again-{id}", document=PAID)
    number = order_number()
    send(sender, source, placed(number), "order", "o")
    answer = send(sender, source, paid(number), "paid", "p")
    change_mapping(olga, otto, source, MINOR)
    read_again(olga, source, answer)
    again = send(sender, source, paid(number), "paid", id)
    assert outcome(again) == (200, id == "p", 0, [])
    assert captured(olga, number) == "10.00"
    # It was stated by the newer reading alone, and follows the mapping back all the same.
    change_mapping(olga, otto, source, PAID)
    assert read_again(olga, source, again)["changed"] == 1
    assert captured(olga, number) == "1000.00"
    assert read_again(olga, source, answer, again)["not_understood"] == 0
    assert captured(olga, number) == "1000.00"


def test_what_says_otherwise_than_the_newest_reading_is_refused_as_before(
    olga: httpx2.Client, otto: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, source := "sent-otherwise", document=PAID)
    number = order_number()
    send(sender, source, placed(number), "order", "o")
    answer = send(sender, source, paid(number), "paid", "p")
    change_mapping(olga, otto, source, MINOR)
    read_again(olga, source, answer)
    other = send(sender, source, {**paid(number), "paid": "900"}, "paid", "p-2")
    assert [one["why"] for one in other.json()["reasons"]] == ["refused_signal"]


def test_the_newest_reading_is_known_of_a_parcel_that_no_order_has_yet(
    olga: httpx2.Client, otto: httpx2.Client, sender: httpx2.Client
) -> None:
    add(olga, source := "sent-again-held", document=BY_TRACKING)
    lost = scan(order_number(), "LOST")
    answer = send(sender, source, lost, "scan", "s")
    change_mapping(olga, otto, source, BY_TRACKING_WIDER)
    assert read_again(olga, source, answer)["not_understood"] == 0
    assert outcome(send(sender, source, lost, "scan", "s-2"))[2:] == (0, [])


def test_what_gives_nothing_new_is_recorded_once_for_each_mapping(
    server: RunningService, olga: httpx2.Client, otto: httpx2.Client, sender: httpx2.Client
) -> None:
    """A signal that is held, one that is refused, a code that is still unknown, and a delivery without any."""
    add(olga, source := "nothing-new", document=BY_TRACKING)
    number = order_number()
    send(sender, source, placed(number), "order", "o")
    answers = [
        send(sender, source, scan(order_number(), "MOVING"), "scan", "held"),
        send(sender, source, placed(number, buyer="another"), "order", "refused"),
        send(sender, source, placed(order_number(), at="2999-01-01T10:00:00Z"), "order", "ahead"),
        send(sender, source, scan(order_number(), "GONE"), "scan", "unknown"),
        send(sender, source, {"x": 1}, "other", "no rule"),
    ]
    log = server.service.desks.log
    change_mapping(olga, otto, source, BY_TRACKING_WIDER)
    read_again(olga, source, *answers)
    for _ in range(2):
        head = log.head()
        assert read_again(olga, source, *answers)["changed"] == 0
        assert [line.type for line in log.read(head, 100)] == []


def test_long_ids_that_begin_with_the_same_stay_two_statements(
    olga: httpx2.Client, otto: httpx2.Client, sender: httpx2.Client
) -> None:
    by_note = MAPPING.replace("""{$join: ["'scan:'", at]}""", "note")
    add(olga, source := "long-ids", document=by_note)
    number = order_number()
    answers = [
        send(sender, source, scan(number, "LOST", note="n" * 199 + end), "scan", end)
        for end in ("a", "b")
    ]
    change_mapping(olga, otto, source, by_note.replace("DONE: d", "LOST: failure, DONE: d"))
    found = read_again(olga, source, *answers)
    assert (found["changed"], found["not_understood"]) == (2, 0)
