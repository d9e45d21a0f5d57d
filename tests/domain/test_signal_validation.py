"""An invalid signal is refused with all of its faults, each with a pointer to its place."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Fault, Invalid
from domain.orders.reading import faults_of_signal, read_signal
from domain.orders.signals import Signal
from tests.domain.signals import BOUNDED_SETTINGS, signals

BRL = {"amount": "100.00", "currency": "BRL"}
CANCELLED = {
    "type": "order.cancelled",
    "source": "oms",
    "id": "1",
    "order": "A-1",
    "event_time": "2018-01-10T12:00:00Z",
}
CAPTURED = {**CANCELLED, "type": "payment.captured", "amount": BRL}
AUTHORIZED = {**CANCELLED, "type": "payment.authorized", "expires_at": "2018-01-17T12:00:00Z"}
BACKORDERED = {**CANCELLED, "type": "stock.backordered", "expected_on": "2018-01-20"}
STATED = {
    **CANCELLED,
    "type": "system.stated",
    "system": "oms",
    "field": "order_total",
    "value": "12.30 BRL",
}
PLACED = {
    **CANCELLED,
    "type": "order.placed",
    "customer": {"id": "c-1"},
    "lines": [{"sku": "kettle", "price": BRL}],
    "promise": {"delivery_date": "2018-01-20", "time_zone": "America/Sao_Paulo"},
}


def faults(signal: Any) -> dict[str, str]:
    return {fault.pointer: fault.detail for fault in faults_of_signal(signal)}


def changed(signal: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    document = copy.deepcopy(signal)
    *way, last = (int(step) if step.isdigit() else step for step in path.split("/"))
    place: Any = document
    for step in way:
        place = place[step]
    place[last] = value
    return document


@pytest.mark.parametrize("signal", [CANCELLED, CAPTURED, AUTHORIZED, BACKORDERED, STATED, PLACED])
def test_a_valid_signal_has_no_faults(signal) -> None:
    assert faults(signal) == {}


@pytest.mark.parametrize(
    ("signal", "path", "value", "pointer", "says"),
    [
        # times
        (CANCELLED, "event_time", "2018-01-10T12:00:00", "/event_time", "has no offset"),
        (CANCELLED, "event_time", "10.1.2018", "/event_time", "is not a time such as"),
        (CANCELLED, "event_time", "2018-01-10T12:00:60Z", "/event_time", "is not a time such as"),
        (CANCELLED, "event_time", 1515585600, "/event_time", "not 1515585600"),
        (CANCELLED, "event_time", "1970-01-18T13:00:00Z", "/event_time", "unit"),
        (CANCELLED, "event_time", "9999-12-31T23:59:59-14:00", "/event_time", "unit"),
        (CANCELLED, "event_time", "0001-01-01T00:00:00+14:00", "/event_time", "unit"),
        (PLACED, "lines/0/ship_by", "2018-01-10", "/lines/0/ship_by", "is not a time such as"),
        (PLACED, "lines/0/ship_by", "2018-01-10T12:00:00", "/lines/0/ship_by", "has no offset"),
        (PLACED, "lines/0/ship_by", "1970-01-18T13:00:00Z", "/lines/0/ship_by", "unit"),
        (PLACED, "promise/delivery_date", "2018-02-30", "/promise/delivery_date", "date"),
        (PLACED, "promise/delivery_date", "2018-01-20T00:00:00Z", "/promise/delivery_date", "date"),
        (PLACED, "promise/delivery_date", "0018-01-20", "/promise/delivery_date", "1990"),
        (PLACED, "promise/time_zone", "Mars/Olympus", "/promise/time_zone", "Mars/Olympus"),
        (AUTHORIZED, "expires_at", "1970-01-18T13:00:00Z", "/expires_at", "unit"),
        (AUTHORIZED, "expires_at", "2018-01-10T12:00:00", "/expires_at", "has no offset"),
        (BACKORDERED, "expected_on", "0018-01-20", "/expected_on", "1990"),
        # types and fields
        (STATED, "system", "erp", "/system", "erp"),
        (STATED, "field", "colour", "/field", "colour"),
        (STATED, "value", "", "/value", "must not be empty"),
        (PLACED, "max_parcels", 0, "/max_parcels", "must be at least 1"),
        (CANCELLED, "type", "order.exploded", "/type", "order.exploded"),
        (CANCELLED, "type", ["order.cancelled"], "/type", "must be text, not a list"),
        (CANCELLED, "surprise", 1, "/surprise", "unknown field"),
        (PLACED, "lines/0/colour", "red", "/lines/0/colour", "unknown field"),
        (PLACED, "lines/0/quantity", -1, "/lines/0/quantity", "must be at least 0"),
        (PLACED, "lines/0/quantity", 10**30, "/lines/0/quantity", "must be at most 100000"),
        (PLACED, "lines/0/quantity", 1.5, "/lines/0/quantity", "a whole number, not 1.5"),
        (PLACED, "lines/0/quantity", True, "/lines/0/quantity", "not true"),
        (PLACED, "lines", {"0": {}}, "/lines", "must be a list"),
        (PLACED, "lines", [{"sku": "s", "price": BRL}] * 1001, "/lines", "at most 1000 items"),
        (PLACED, "customer", "c-1", "/customer", "must be an object or null, not text"),
        (PLACED, "customer/tier", "VIP!", "/customer/tier", "such as gold"),
        # names
        (CANCELLED, "source", "OMS", "/source", "such as psp"),
        (CANCELLED, "source", "oms\n", "/source", ""),
        (CANCELLED, "order", "", "/order", "give `order`, or `refs`"),
        (CANCELLED, "order", None, "/order", "must be text, not null"),
        (CANCELLED, "order", "A\x1f1", "/order", "none of them a control character"),
        (CANCELLED, "order", "A\x851", "/order", "none of them a control character"),
        (CANCELLED, "order", "A-1\n", "/order", "none of them a control character"),
        (CANCELLED, "order", "A" * 201, "/order", "1 to 200 characters"),
        (CANCELLED, "shop", "", "/shop", "such as default"),
        (CANCELLED, "shop", "two shops", "/shop", "such as default"),
        (CANCELLED, "refs", {"parcel": "1"}, "/refs/parcel", "unknown field"),
        (CANCELLED, "refs", {"payment": ""}, "/refs/payment", "must not be empty"),
        (CANCELLED, "refs", {"tracking": "JJD1"}, "/refs/tracking", "must be an object or null"),
        (CANCELLED, "refs", {"tracking": {"carrier": "dhl"}}, "/refs/tracking/code", "missing"),
        (CANCELLED, "time_zone", "Mars/Olympus", "/time_zone", "Mars/Olympus"),
        (CANCELLED, "id", "", "/id", "must not be empty"),
        (PLACED, "customer/tier", "vip\n", "/customer/tier", ""),
        # PostgreSQL's text and jsonb cannot store NUL: one of them would stop the auditors' view.
        (CANCELLED, "id", "1\0", "/id", ""),
        (CANCELLED, "reason", "1\0", "/reason", ""),
        (PLACED, "customer/id", "\0", "/customer/id", ""),
        (PLACED, "lines/0/sku", "a\0b", "/lines/0/sku", ""),
        (PLACED, "tenders", ["card", "\0"], "/tenders/1", ""),
        # money
        (CAPTURED, "amount/amount", 12.3, "/amount/amount", 'in quotes, as "12.3"'),
        (CAPTURED, "amount/amount", 12, "/amount/amount", 'in quotes, as "12"'),
        (CAPTURED, "amount/amount", "1e3", "/amount/amount", 'an amount such as'),
        (CAPTURED, "amount/amount", "12\n", "/amount/amount", ""),
        (CAPTURED, "amount", "12.30", "/amount", "must be an object, not text"),
        (CAPTURED, "amount", {"amount": "1.234", "currency": "BRL"}, "/amount", "3 decimals"),
        (CAPTURED, "amount", {"amount": "1.5", "currency": "JPY"}, "/amount", "1 decimals"),
        (CAPTURED, "amount", {"amount": "1", "currency": "XYZ"}, "/amount", "ISO 4217"),
        (CAPTURED, "amount", {"amount": "-1", "currency": "BRL"}, "/amount", "negative"),
        (CAPTURED, "amount", {"amount": "1"}, "/amount/currency", "missing"),
        (PLACED, "lines/0/price", {"amount": "1", "currency": "reais"}, "/lines/0/price/currency", ""),
        (PLACED, "lines/0/freight", {"amount": "1", "currency": "USD"}, "/lines", "BRL and USD"),
    ],
)  # fmt: skip
def test_a_fault_has_a_pointer_to_its_place(signal, path, value, pointer, says) -> None:
    found = faults(changed(signal, path, value))
    assert list(found) == [pointer]
    assert says in found[pointer]


USD = {"amount": "1.00", "currency": "USD"}


@pytest.mark.parametrize(
    "field",
    [
        {"total": USD},
        {"tax": USD},
        {"discounts": [{"amount": USD}]},
        {"charges": [{"kind": "shipping", "amount": USD}]},
        {"lines": [{"sku": "kettle", "price": BRL, "tax": USD}]},
    ],
)
@pytest.mark.parametrize("type", ["order.placed", "order.edited"])
def test_an_order_with_amounts_in_two_currencies_is_refused(type, field) -> None:
    (fault,) = faults({**PLACED, "type": type, **field}).values()
    assert "BRL and USD: send an order in one currency" in fault


@pytest.mark.parametrize("field", ["source", "id", "event_time"])
def test_a_missing_field_is_named(field) -> None:
    assert faults({k: v for k, v in CANCELLED.items() if k != field}) == {f"/{field}": "missing"}


@pytest.mark.parametrize("refs", [None, {}, {"payment": None}])
def test_a_signal_names_its_order_or_references(refs) -> None:
    nameless = {k: v for k, v in CANCELLED.items() if k != "order"}
    told = nameless if refs is None else {**nameless, "refs": refs}
    assert faults(told) == {"/order": "give `order`, or `refs` that lead to the order"}
    assert faults({**nameless, "refs": {"payment": "pi_1"}}) == {}


@pytest.mark.parametrize("raw", [None, [], {}, "order.cancelled", 1, {"type": None}, [CANCELLED]])
def test_a_document_that_is_not_a_signal_is_refused(raw) -> None:
    assert len(faults(raw)) >= 1


def test_a_pointer_escapes_slashes_and_tildes() -> None:
    assert faults({**CANCELLED, "a/b~c": 1}).keys() == {"/a~1b~0c"}


def test_all_faults_of_a_signal_are_listed_at_once() -> None:
    bad = changed(PLACED, "lines/0/price", {"amount": 1.5, "currency": "brl"})
    bad = changed(bad, "promise/delivery_date", "someday")
    bad["lines"] += [{"sku": "", "price": {"amount": "-", "currency": "BRL"}}, 7]
    bad |= {"source": "Shop", "event_time": "2018-01-10 12:00", "surprise": 1}
    assert faults(bad).keys() == {
        "/source",
        "/event_time",
        "/surprise",
        "/lines/0/price/amount",
        "/lines/0/price/currency",
        "/lines/1/sku",
        "/lines/1/price/amount",
        "/lines/2",
        "/promise/delivery_date",
    }


def test_an_impossible_time_is_listed_with_the_other_faults() -> None:
    bad = {**CAPTURED, "event_time": "1970-01-18T13:00:00Z", "source": "PSP"}
    assert faults(bad).keys() == {"/event_time", "/source"}


@pytest.mark.parametrize(
    "order", ["#1001", "2026/1001", "A%2FB", "..", "?", "注文 1", "😀", "A" * 200, "a\\b", "ÄÖ"]
)
def test_an_order_id_is_any_text_of_the_shop(order) -> None:
    assert faults({**CANCELLED, "order": order}) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"customer": None},
        {"lines": [{"sku": "deposit", "quantity": 0, "price": {"amount": "-0.25", "currency": "EUR"}}]},
        {"lines": [{"title": "engraving", "price": {"amount": "0.086800", "currency": "EUR"}}]},
        {"shop": "outlet-2", "refs": {"order_number": "#1001", "checkout": "c_1"}},
        {"refs": {"tracking": {"carrier": "dhl", "code": "JJD 1"}}, "replaces": "0"},
        {"revision": 3, "tax": None, "total": {"amount": "1.00", "currency": "BRL"}},
    ],
)  # fmt: skip
def test_words_of_real_orders_are_read(change) -> None:
    assert faults({**PLACED, **change}) == {}


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("2026-11-29T10:00:00+0100", "2026-11-29T09:00:00Z"),
        ("2026-11-29T10:00:00-08", "2026-11-29T18:00:00Z"),
        ("2026-11-29T10:00:00.250+0530", "2026-11-29T04:30:00.25Z"),
        ("2026-11-29T10:00:00,250Z", "2026-11-29T10:00:00.25Z"),
        ("2026-11-29 10:00:00+0100", "2026-11-29T09:00:00Z"),
    ],
)
def test_an_offset_without_a_colon_is_read_in_every_time(told, read) -> None:
    document = changed({**PLACED, "event_time": told, "ship_by": told}, "lines/0/ship_by", told)
    document["terms"] = {"due_at": told}
    signal = read_signal(document)
    again = changed({**PLACED, "event_time": read, "ship_by": read}, "lines/0/ship_by", read)
    assert signal == read_signal({**again, "terms": {"due_at": read}})
    assert document["event_time"] == told, "the sender's document is not changed"


def test_a_text_that_looks_like_a_time_is_kept() -> None:
    told = "2026-11-29T10:00:00+0100"
    signal = read_signal({**CANCELLED, "event_time": told, "reason": told})
    assert msgspec.to_builtins(signal)["reason"] == told


def test_every_local_time_without_a_zone_is_listed() -> None:
    local = "2026-11-29T10:00:00"
    bad = changed({**PLACED, "event_time": local}, "lines/0/ship_by", local)
    assert faults({**bad, "terms": {"due_at": local}}).keys() == {
        "/event_time",
        "/lines/0/ship_by",
        "/terms/due_at",
    }


def test_local_times_are_read_in_the_zone_that_the_signal_names() -> None:
    local = "2026-11-29T10:00:00"
    told = changed({**PLACED, "event_time": local}, "lines/0/ship_by", local)
    signal = msgspec.to_builtins(read_signal({**told, "time_zone": "Europe/Berlin"}))
    assert signal["event_time"] == "2026-11-29T09:00:00Z"
    assert signal["lines"][0]["ship_by"] == "2026-11-29T09:00:00Z"
    assert signal["time_zone"] == "Europe/Berlin"


def test_a_repeated_local_hour_is_the_earlier_one() -> None:
    told = {**CANCELLED, "event_time": "2026-10-25T02:30:00", "time_zone": "Europe/Berlin"}
    assert msgspec.to_builtins(read_signal(told))["event_time"] == "2026-10-25T00:30:00Z"


def test_an_offset_counts_more_than_the_time_zone() -> None:
    told = {**CANCELLED, "event_time": "2026-11-29T10:00:00Z", "time_zone": "Asia/Tokyo"}
    assert msgspec.to_builtins(read_signal(told))["event_time"] == "2026-11-29T10:00:00Z"


def test_a_local_time_out_of_range_has_its_pointer() -> None:
    told = {**CANCELLED, "event_time": "1990-01-01T00:00:00", "time_zone": "Asia/Tokyo"}
    assert "is not between 1990 and 2199" in faults(told)["/event_time"]


# Any document is either refused with faults or accepted, never an internal error.

JUNK: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([-1, 0, 1, 2**63, 2**64, 10**30, 0.5, float("nan"), float("inf")]),
    st.sampled_from(["", "\0", "x\n", "BRL", "JPY", "12.345", "-1", "order.placed", "é", "UTC"]),
    st.sampled_from(["2018-01-10", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]),
    st.sampled_from([[], {}, [{}], [[]], {"a": 1}, {"amount": "1", "currency": "BRL"}]),
    st.text(max_size=4),
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A signal's document with a few fields changed, removed or added."""
    document: Any = msgspec.to_builtins(draw(signals(1)))
    for _ in range(draw(st.integers(1, 3))):
        place = document
        while isinstance(place, dict | list) and place:
            steps = sorted(place) if isinstance(place, dict) else list(range(len(place)))
            step = draw(st.sampled_from(steps))
            deeper = place[step]
            if isinstance(deeper, dict | list) and deeper and draw(st.booleans()):
                place = deeper
                continue
            match draw(st.sampled_from(["spoil", "spoil", "remove", "add"])):
                case "remove":
                    del place[step]
                case "add" if isinstance(place, dict):
                    place[draw(st.text(max_size=3))] = draw(JUNK)
                case _:
                    place[step] = copy.deepcopy(draw(JUNK))
            break
    return document


def refused(raw: Any) -> bool:
    try:
        read_signal(raw)
    except Invalid:
        return True
    return False


@settings(BOUNDED_SETTINGS, max_examples=400)
@given(document=mutated())
def test_there_are_faults_exactly_when_the_decoder_refuses(document) -> None:
    found = faults_of_signal(document)
    assert bool(found) == refused(document)
    for fault in found:
        assert isinstance(fault, Fault)
        assert fault.detail
        assert fault.pointer == "" or fault.pointer.startswith("/")


@settings(BOUNDED_SETTINGS, max_examples=100)
@given(signal=signals(1))
def test_a_signal_survives_encoding_and_decoding(signal) -> None:
    written = msgspec.json.encode(signal)
    assert msgspec.json.decode(written, type=Signal) == signal
    assert faults_of_signal(msgspec.json.decode(written)) == []


@pytest.mark.parametrize(
    "moment", ["2018-01-10T12:00:00Z", "2018-01-10T10:00:00-02:00", "2018-01-11T01:30:00+13:30"]
)
def test_one_moment_is_the_same_signal_in_every_notation(moment) -> None:
    one = msgspec.convert({**CANCELLED, "event_time": moment}, Signal)
    assert one == msgspec.convert(CANCELLED, Signal)
