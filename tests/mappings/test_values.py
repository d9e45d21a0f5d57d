"""Helpers and functions, and what they do with values that they do not expect."""

from typing import Any

import pytest

from tests.mappings.mapped import documents, faults, one_field, quoted, read, value_of


@pytest.mark.parametrize(
    ("parts", "body", "amount"),
    [
        ("amount: a, currency: \"'EUR'\"", {"a": 12}, "12.00"),
        ("amount: a, currency: \"'EUR'\"", {"a": " 12.5 "}, "12.50"),
        ("amount: a, currency: \"'EUR'\"", {"a": [1.1, "2.2", None, [3]]}, "6.30"),
        ('amount: a, currency: "\'EUR\'", minor: "`true`"', {"a": 1230}, "12.30"),
        ('amount: a, currency: "\'JPY\'", minor: "`true`"', {"a": 1230}, "1230"),
        ('amount: a, currency: "\'KWD\'", minor: "`true`"', {"a": 1230}, "1.230"),
        # the system's own exponent, before that of ISO 4217
        ('amount: a, currency: "\'ISK\'", minor: "`true`"', {"a": 1200}, "12"),
        ("amount: a, less: b, currency: \"'EUR'\"", {"a": "10", "b": ["1", 2]}, "7.00"),
        ("amount: a, over: b, currency: \"'EUR'\"", {"a": "10", "b": "4"}, "2.50"),
        # without a number of pieces, the amount is that of one
        ("amount: a, over: b, currency: \"'EUR'\"", {"a": "10"}, "10.00"),
    ],
)
def test_money(parts: str, body: Any, amount: str) -> None:
    found = value_of(f"{{$money: {{{parts}}}}}", body, "amount")
    assert found["amount"] == amount


def test_a_price_is_rounded_to_the_decimals_that_it_may_have() -> None:
    text = (
        one_field("x")
        .replace("payment.voided", "order.placed")
        .replace("          reason: x\n", "")
    )
    text += "          lines: {$each: l, as: {sku: sku, quantity: n, price: {$money: {amount: a, over: n, currency: \"'EUR'\"}}}}\n"
    (placed,) = documents(read(text, {"l": [{"sku": "A", "n": 3, "a": "10"}]}))
    assert placed["lines"][0]["price"]["amount"] == "3.333333"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"a": "x", "c": "EUR"}, "'x' is no amount"),
        ({"a": True, "c": "EUR"}, "true is no amount"),
        ({"a": {"b": 1}, "c": "EUR"}, "is no amount"),
        ({"a": "NaN", "c": "EUR"}, "is no amount"),
        ({"a": "1e999999", "c": "EUR"}, "is no amount"),
        ({"a": "1_0.0_0", "c": "EUR"}, "'1_0.0_0' is no amount"),
        ({"a": "١٢", "c": "EUR"}, "is no amount"),
        ({"a": "Infinity", "c": "EUR"}, "is no amount"),
        ({"a": "9" * 200, "c": "EUR"}, "is no amount"),
        ({"a": "1e18", "c": "EUR"}, "has more than 18 digits"),
        ({"a": "1e27", "c": "EUR"}, "has more than 18 digits"),
        ({"a": ["1e30", "1e30"], "c": "EUR"}, "has more than 18 digits"),
        ({"a": "1e30", "o": "1e-30", "c": "EUR"}, "has more than 18 digits"),
        ({"a": "12", "o": 0, "c": "EUR"}, "the amount 12 is divided by 0"),
        ({"a": "12", "o": "0.00", "c": "EUR"}, "the amount 12 is divided by 0"),
        ({"a": "12"}, "the amount 12 has no currency"),
        ({"a": "12", "c": 7}, "the amount 12 has no currency"),
        ({"a": "12", "c": "XYZ"}, "XYZ is no currency"),
    ],
)
def test_money_that_is_none_is_refused_with_its_reason(body: Any, reason: str) -> None:
    minor = 'minor: "`true`", ' if body.get("c") == "XYZ" else ""
    result = read(
        one_field(f"{{$money: {{amount: a, over: o, {minor}currency: c}}}}", "amount"), body
    )
    ((pointer, detail),) = faults(result)
    assert (pointer, reason in detail) == ("", True), detail
    assert not result.is_understood


@pytest.mark.parametrize(
    ("value", "of", "time"),
    [
        ("{$time: {of: t}}", "2026-11-30T10:00:00.1234567+01:00", "2026-11-30T10:00:00.123456+01:00"),
        ("{$time: {of: t}}", "2026-11-30 10:00:00Z", "2026-11-30T10:00:00Z"),
        ("{$time: {of: t}}", 1700000000, "2023-11-14T22:13:20Z"),
        ("{$time: {of: t}}", "/Date(1700000000000)/", "2023-11-14T22:13:20Z"),
        ("{$time: {of: t, unit: \"'seconds'\"}}", "1700000000", "2023-11-14T22:13:20Z"),
        ("{$time: {of: t, format: \"'%d/%m/%y %I:%M %p'\"}}", "30/11/26 02:05 PM", "2026-11-30T14:05:00"),
        ("{$time: {of: t, format: \"['%d.%m.%Y', '%Y-%m-%d %z']\"}}", "2026-11-30 +0100", "2026-11-30T00:00:00+01:00"),
        # a number with a form is a text
        ("{$time: {of: t, format: \"'%Y%m%d'\"}}", 20261130, "2026-11-30T00:00:00"),
    ],
)  # fmt: skip
def test_times(value: str, of: object, time: str) -> None:
    text = one_field(value, "event_time").replace(
        "          event_time: \"'2026-11-30T10:00:00Z'\"\n", ""
    )
    text += "          time_zone: \"'UTC'\"\n"
    (one,) = documents(read(text, {"t": of}))
    assert one["event_time"] == time


@pytest.mark.parametrize(
    ("value", "of", "reason"),
    [
        ("{$time: {of: t}}", "yesterday", "does not have the form of ISO 8601"),
        ("{$time: {of: t, format: \"['%d.%m.%Y', '%Y']\"}}", "x", "the form %d.%m.%Y or %Y"),
        ("{$time: {of: t}}", 1e300, "is no number of seconds"),
        ("{$time: {of: t}}", True, "does not have the form"),
        ("{$time: {of: t, unit: \"'ticks'\"}}", "9" * 30, "is no number of ticks"),
        ("{$time: {of: t, unit: \"'weeks'\"}}", 1, "neither seconds, milliseconds nor ticks"),
        ("{$time: {of: t, format: \"'%d %d'\"}}", "1 2", "'%d %d' is no form of a time"),
        ("{$time: {of: t, format: \"'%'\"}}", "1 2", "does not have the form %"),
        ("{$time: {of: t, unit: \"'seconds'\"}}", "1_700", "is no number of seconds"),
        ("{$time: {of: t}}", "1" * 5_000, "is no time"),
        ("{$day: {of: t}}", [1], "does not have the form"),
    ],
)
def test_times_that_are_none_are_refused_with_their_reason(
    value: str, of: object, reason: str
) -> None:
    ((_, detail),) = faults(read(one_field(value), {"t": of}))
    assert reason in detail


def test_codes_are_compared_without_case_and_spaces_and_by_their_beginning() -> None:
    value = "{$code: {of: s, table: states}}"
    assert value_of(value, {"s": "OK"}) == "fine"
    assert value_of(value, {"s": "Begins  with\nmore"}) == "beginning"
    assert value_of(value, {"s": None}) is None
    assert value_of("{$code: {of: '[s, t]', table: states}}", {"s": "?", "t": "ok"}) == "fine"


def test_a_code_that_is_not_listed_is_named() -> None:
    result = read(one_field("{$code: {of: s, table: states}}"), {"s": 7})
    assert [(one.table, one.code) for one in result.unknown_codes] == [("states", "7")]
    assert not result.is_understood
    assert "reason" not in documents(result)[0]


def test_a_code_that_no_vocabulary_of_carriers_reads_is_named() -> None:
    text = one_field("\"'UP'\"", "code").replace("payment.voided", "shipment.scanned")
    result = read(text + "          mapping: m\n", {"m": "ups"})
    assert [(one.table, one.code) for one in result.unknown_codes] == [("ups", "UP")]
    assert documents(result)[0]["code"] == "UP"
    assert read(text + "          status: \"'unknown'\"\n", {}).is_understood


@pytest.mark.parametrize(
    ("expression", "body", "value"),
    [
        ("lower(a)", {"a": "AbC"}, "abc"),
        ("upper(a)", {"a": "AbC"}, "ABC"),
        ("cut(a, `2`)", {"a": "abc"}, "ab"),
        ("split(a, '/')[-1]", {"a": "x/y"}, "y"),
        ("replace(a, '-', '')", {"a": "1-2"}, "12"),
        ("to_string(times(a, `10`))", {"a": "1.5"}, "15.0"),
        ("list(a)[0]", {"a": "one"}, "one"),
        ("list(a)[0]", {"a": ["one"]}, "one"),
        ("lower(a)", {}, None),
        ("cut(a, `2`)", {}, None),
        ("split(a, '')", {"a": "x"}, None),
        ("list(a)[0]", {}, None),
        ("a", {"a": "  \n "}, None),
        ("a", {"a": "two\n lines\t"}, "two lines"),
        ("a", {"a": 7}, "7"),
        ("a", {"a": True}, "true"),
    ],
)
def test_functions_and_texts(expression: str, body: Any, value: object) -> None:
    assert value_of(quoted(expression), body) == value


@pytest.mark.parametrize(
    ("expression", "body"),
    [
        ("lower(a)", {"a": 7}),
        ("times(a, `2`)", {"a": "x"}),
        ("times(a, `1e300`)", {"a": "1e300"}),
        ("join(', ', a)", {"a": [1]}),
        ("cut(a, `1e999`)", {"a": "x"}),
        ("sort_by(a, &b)", {"a": [{"b": 1}, {"b": "x"}]}),
    ],
)
def test_an_expression_that_fails_is_named(expression: str, body: Any) -> None:
    ((_, detail),) = faults(read(one_field(quoted(expression)), body))
    assert detail.startswith(f"`{expression}`: ")


NESTED = """
mapping: nested
deliveries:
  - of: [shipments, pieces]
    common: {order: parent().order}
    signals:
      - type: shipment.scanned
        each: [days, scans]
        when: "code != 'skip'"
        fields:
          id: {$join: [root().id, "':'", grandparent().id, "':'", parent().day, "':'", code]}
          event_time: {$join: [parent().day, "'T10:00:00Z'"]}
          status: "'in_transit'"
          lines: {$each: "list(lines)", as: {line: id, quantity: parent().count}}
"""


def test_lists_in_lists_know_what_they_are_in() -> None:
    scans = [{"code": "A", "count": "2", "lines": {"id": 5}}, {"code": "skip"}]
    piece = {"id": "p", "days": {"day": "2026-11-30", "scans": scans}}
    result = read(
        NESTED, {"shipments": [{"order": 1, "pieces": [piece]}, {"order": 2, "pieces": None}]}
    )
    (one,) = documents(result)
    assert (one["order"], one["id"]) == ("1", "p:p:2026-11-30:A")
    assert one["lines"] == [{"line": "5", "quantity": 2}]
    assert result.unread == {"shipments[].order": 2}


def test_a_long_id_is_shortened_with_a_digest_and_stays_another_one() -> None:
    text = "n" * 300
    document = one_field("text").replace("""id: "'1'\"""", "id: text")
    (one,), (other,) = (documents(read(document, {"text": text + end})) for end in "ab")
    assert len(one["id"]) == len(other["id"]) == 200
    assert one["id"] != other["id"]
    assert one["id"].startswith("n" * 183)
