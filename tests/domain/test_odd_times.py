"""Time zones are names of the IANA database; a local time that exists twice or not at all is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from api.http.signal_bodies import parse_items
from application.orders.batches import find_refusal
from domain.errors import Invalid
from domain.orders.events import SignalRecorded
from domain.orders.order import Order
from domain.orders.references import is_same_statement
from domain.orders.signal_times import AssumedTime, Assumption
from domain.orders.signals import Signal

NOW = datetime(2026, 11, 30, tzinfo=UTC)
CAPTURED = {
    "type": "payment.captured",
    "source": "psp",
    "id": "ch_1",
    "order": "A",
    "amount": {"amount": "10.00", "currency": "EUR"},
}


def read(**fields: Any) -> Signal:
    (item,), _ = parse_items(json.dumps({**CAPTURED, **fields}).encode(), "application/json")
    assert not isinstance(item, Exception), item
    return item


def refusal(**fields: Any) -> list[tuple[str, str]]:
    items, _ = parse_items(json.dumps([{**CAPTURED, **fields}]).encode(), "application/json")
    error = items[0]
    if not isinstance(error, Exception):
        error = find_refusal(error, NOW)
    assert isinstance(error, Invalid)
    return [(fault.pointer, fault.detail) for fault in error.faults]


@pytest.mark.parametrize(
    "name",
    [
        *("localtime", "posixrules", "Factory", "right/Europe/Berlin", "posix/Europe/Berlin"),
        *("Mars/Olympus", "", "../../etc/passwd", "GMT+25", "x\0y"),
    ],
)
def test_what_is_no_zone_of_the_database_is_refused(name: str) -> None:
    ((pointer, detail),) = refusal(event_time="2026-11-29T10:00:00", time_zone=name)
    assert pointer == "/time_zone"
    assert "is not a time zone of the IANA database: use a name such as Europe/Berlin" in detail


def test_the_zone_of_a_promise_is_checked_too() -> None:
    promise = {"delivery_date": "2026-12-24", "time_zone": "localtime"}
    line = {"price": CAPTURED["amount"], "promise": promise}
    order = {"type": "order.placed", "lines": [line], "promise": promise}
    sent = {name: value for name, value in CAPTURED.items() if name != "amount"}
    body = json.dumps({**sent, **order, "event_time": "2026-11-29T10:00:00Z"}).encode()
    (item,), _ = parse_items(body, "application/json")
    assert not isinstance(item, Exception)
    error = find_refusal(item, NOW)
    assert isinstance(error, Invalid)
    assert {fault.pointer for fault in error.faults} == {
        "/promise/time_zone",
        "/lines/0/promise/time_zone",
    }
    # What was recorded before is still read.
    assert find_refusal(item, NOW, is_new=False) is None


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "Etc/GMT+3", "America/Sao_Paulo"])
def test_zones_of_the_database_are_read(name: str) -> None:
    assert find_refusal(read(event_time="2026-11-29T10:00:00", time_zone=name), NOW) is None


@pytest.mark.parametrize(
    ("local", "in_utc", "assumption", "words"),
    [
        ("2026-03-29T02:30:00", "2026-03-29T01:30:00+00:00", "offset_before", "does not exist in"),
        ("2026-10-25T02:30:00", "2026-10-25T00:30:00+00:00", "earlier", "exists twice in"),
    ],
)
def test_an_odd_local_time_is_recorded_with_its_assumption_and_told(
    local: str, in_utc: str, assumption: str, words: str
) -> None:
    signal = read(event_time=local, time_zone="Europe/Berlin")
    moment = datetime.fromisoformat(in_utc)
    assert signal.event_time == moment
    assert signal.assumed_times == (
        AssumedTime(
            pointer="/event_time", local=local, read_as=moment, assumption=Assumption(assumption)
        ),
    )
    event = SignalRecorded(signal=signal)
    assert msgspec.json.decode(msgspec.json.encode(event), type=SignalRecorded) == event
    (notice,) = Order(id="A").after(event).notices_about(signal.key)
    assert notice.pointer == "/event_time"
    assert f"{local} {words} Europe/Berlin" in notice.detail
    assert f"read as {moment:%Y-%m-%dT%H:%M:%SZ}" in notice.detail


def test_every_odd_time_of_a_signal_is_told() -> None:
    local = "2026-03-29T02:30:00"
    signal = read(event_time=local, expires_at=local, time_zone="Europe/Berlin")
    notices = Order(id="A").after(SignalRecorded(signal=signal)).notices
    assert [notice.pointer for notice in notices] == ["/event_time", "/expires_at"]


@pytest.mark.parametrize("local", ["2026-03-29T01:59:59", "2026-03-29T03:00:00"])
def test_a_local_time_that_exists_once_is_not_odd(local: str) -> None:
    assert read(event_time=local, time_zone="Europe/Berlin").assumed_times is msgspec.UNSET


def test_the_same_moment_with_an_offset_is_the_same_statement() -> None:
    local = read(event_time="2026-03-29T02:30:00", time_zone="Europe/Berlin")
    assert is_same_statement(local, read(event_time="2026-03-29T01:30:00Z"))


def test_a_sender_cannot_retract_a_statement_of_another_source() -> None:
    fields = {"source": "dhl", "id": "r", "order": "A", "event_time": "2026-11-29T10:00:00Z"}
    body = {"type": "signal.retracted", **fields, "of": "ch_1", "of_source": "psp"}
    (error,), _ = parse_items(json.dumps(body).encode(), "application/json")
    assert isinstance(error, Invalid)
    (fault,) = error.faults
    assert (fault.pointer, fault.detail) == ("/of_source", "is set by the service: leave it out")


def test_a_sender_cannot_state_an_assumption() -> None:
    told = {"pointer": "/x", "local": "x", "read_as": "2026-03-29T01:30:00Z"}
    own = [{**told, "assumption": "earlier"}]
    found = refusal(event_time="2026-11-29T10:00:00Z", assumed_times=own)
    assert found == [("/assumed_times", "is set by the service: leave it out")]
