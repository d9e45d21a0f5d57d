"""A document is refused with every fault, each at its pointer and line; a delivery with its reasons."""

from typing import Any

import pytest

from infrastructure.mappings.documents import parse_mapping
from tests.mappings.mapped import documents, faults, one_field, read, refused

LINE = 11
"""Of the value in `one_field`."""


@pytest.mark.parametrize(
    ("value", "pointer", "detail"),
    [
        ("{$mony: {amount: a}}", "/$mony", "is not one of: $code, $day, $each, $first, $join, $money, $time"),
        ("{$money: {amount: a}}", "/$money/currency", "missing: an amount has a currency"),
        ("{$money: a}", "/$money", "must be an object of amount, less, over, currency, minor"),
        ("{$money: {currency: c}}", "/$money/amount", "missing"),
        ("{$money: {amount: a, currency: c, tax: t}}", "/$money/tax", "is not one of"),
        ("{$money: {amount: a, currency: c}, more: b}", "/more", "is not one of: $money"),
        ("{$code: {of: a, table: nope}}", "/$code/table", "is not one of: states"),
        ("{$join: a}", "/$join", "must be a list of values"),
        ("{$first: {}}", "/$first", "must be a list of values"),
        ("{$each: a}", "/as", "is no value"),
        ("{$each: 7, as: a}", "/$each", "must be an expression in quotes, not 7"),
        ("7", "", 'write an expression in quotes, such as "`1`"'),
        ("{}", "", "is no value"),
        ("'a ||'", "", "not an expression of JMESPath"),
        ("'shout(a)'", "", "no function shout; known are: abs"),
        ("'!a.b'", "", "write `!(a.b)`"),
        ("'" + "a" * 1_001 + "'", "", "longer than 1000 characters"),
        ("'" + "[" * 900 + "'", "", "not an expression of JMESPath"),
    ],
)  # fmt: skip
def test_a_fault_of_a_value_stands_at_its_place(value: str, pointer: str, detail: str) -> None:
    found = refused(one_field(value))
    place = f"/deliveries/0/signals/0/fields/reason{pointer}"
    assert [(at, text) for at, text in found if at == place and detail in text] != [], found
    assert all(text.startswith(f"line {LINE}: ") for at, text in found if at == place)


@pytest.mark.parametrize(
    ("text", "pointer", "detail"),
    [
        (one_field("a", "weight"), "/deliveries/0/signals/0/fields/weight", "is not one of: amount, event_time"),
        (one_field("a").replace("payment.voided", "payment.lost"), "/deliveries/0/signals/0/type", "line 6: 'payment.lost' is not known"),
        (one_field("a", "source"), "/deliveries/0/signals/0/fields/source", "is the one that sends it"),
        (one_field("a", extra="topik: x\n"), "/topik", "line 4"),
        (one_field("a", extra="topic: 'a |'\n"), "/topic", "line 4: not an expression"),
        (one_field("a").replace("  - signals", "  - of: [a, 'b ?']\n    signals"), "/deliveries/0/of/1", "not an expression"),
        (one_field("a").replace("mapping: one", "mapping: One!"), "/mapping", "line 1"),
        ("mapping: one\ndeliveries: []\n", "/deliveries", "line 2"),
        ("mapping: one\ndeliveries: 7\n", "/deliveries", "line 2"),
        ("mapping: one\ntables: {t: {1: {2: a}}, 3: {4: 5}}\ndeliveries: [7]\n", "/tables/t/1", "line 2"),
        ("[]", "", "an object"),
        ("7", "", "an object"),
        ("", "", "it is empty"),
        ("mapping: one\nmapping: two\n", "", "duplicate key 'mapping'"),
        ("mapping: [one\n", "", "not readable as YAML"),
        ("mapping: one\n" + "# " * 140_000, "", "larger than 262144 bytes"),
    ],
)  # fmt: skip
def test_a_fault_of_a_document_stands_at_its_place(text: str, pointer: str, detail: str) -> None:
    found = refused(text)
    assert [1 for at, what in found if at == pointer and detail in what], found


def test_all_faults_of_a_document_are_told_at_once() -> None:
    text = one_field("{$money: {amount: 'a |', currency: \"shout(c)\"}}", "amount", "topic: '?'\n")
    assert len(refused(text)) == 3


def test_faults_of_the_shape_and_of_the_values_are_told_together() -> None:
    text = one_field("{$cod: {of: a}}").replace("payment.voided", "payment.voidd")
    text = text.replace("event_time:", "event_tim:").replace("  - signals", "  - off: 'parnt()'\n    ov: a\n    when: parnt()\n    signals")  # fmt: skip
    found = [pointer.removeprefix("/deliveries/0") for pointer, _ in refused(text)]
    signal = "/signals/0"
    fields = f"{signal}/fields"
    assert sorted(found) == sorted(
        ["/off", "/ov", "/when", f"{signal}/type", f"{fields}/event_tim", f"{fields}/reason/$cod"]
    )


def test_anchors_that_expand_without_end_are_refused_soon() -> None:
    levels = "\n".join(f"  l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 5))
    text = one_field("*l4", extra=f"pieces:\n  l0: &l0 [a, b]\n{levels}\n")
    assert any("has more than 20000 values" in detail for _, detail in refused(text))


def test_a_field_that_a_delivery_does_not_have_is_refused_where_the_signal_needs_it() -> None:
    text = one_field("a").replace("\"'2026-11-30T10:00:00Z'\"", "happened")
    assert documents(read(text, {"happened": "2026-11-30T10:00:00Z"})) != []
    result = read(text, {"hapened": "2026-11-30T10:00:00Z"})
    assert [pointer for pointer, _ in faults(result)] == ["/event_time"]
    assert result.unread == {"hapened": "2026-11-30T10:00:00Z"}


def test_two_signals_with_one_id_are_refused_unless_they_are_the_same() -> None:
    text = one_field("'@'").replace("        fields:", "        each: r\n        fields:")
    assert faults(read(text, {"r": ["a", "a"]})) == []
    ((pointer, detail),) = faults(read(text, {"r": ["a", "b"]}))
    assert (pointer, detail) == (
        "/id",
        "the delivery states two signals with the id 1: each needs its own",
    )


def test_endless_lists_are_refused_with_their_length() -> None:
    text = one_field("a").replace("        fields:", "        each: r\n        fields:")
    ((_, detail),) = faults(read(text, {"r": [{}] * 10_001}))
    assert detail == "`r` has 10001 items; at most 10000 are read"
    two = text.replace("each: r", "each: [r, r]")
    ((_, detail),) = faults(read(two, {"r": [{"r": [{}] * 101}] * 100}))
    assert detail == "it states more than 10000 signals: send it in parts"
    ((_, detail),) = faults(read(text, {"r": "abc"}))
    assert detail == "`r` is no list"


RULES = """
mapping: rules
topic: headers."x-topic"
deliveries:
  - topics: [order.made]
    signals: []
    unused: [a]
  - topics: ["stock.*"]
    when: level > `0`
    signals: []
unused: ["*.id"]
"""


@pytest.mark.parametrize(
    ("topic", "body", "is_known"),
    [
        ("order.made", {}, True),
        ("order.madeup", {}, False),
        ("stock.counted", {"level": 1}, True),
        ("stock.counted", {"level": "x"}, False),
        ("stock", {"level": 1}, False),
        (None, {}, False),
    ],
)
def test_topics_and_conditions_choose_the_rules(
    topic: str | None, body: Any, is_known: bool
) -> None:
    headers = {"x-topic": topic} if topic else {}
    result = read(RULES, body, headers)
    assert (result.is_known, result.is_understood, result.topic) == (is_known, is_known, topic)


def test_a_topic_that_fails_is_none() -> None:
    assert read(RULES.replace('headers."x-topic"', "lower(body)"), {}).topic is None


def test_leaves_that_nobody_read_are_named_but_for_the_unused() -> None:
    body = {"a": 1, "b": {"id": 2, "c": [{"d": 3}, {"d": 4}]}, "e": "", "f": None, "g": []}
    assert read(RULES, body, {"x-topic": "order.made"}).unread == {"b.c[].d": 3}
    assert read(RULES, {"a": 1}, {"x-topic": "nope"}).unread == {"a": 1}


TABLE = """
mapping: one
tables:
  states: {MOVING: in_transit, DONE: delivred, NOT: null, OFF: off}
deliveries:
  - signals:
      - type: shipment.scanned
        fields: {id: a, event_time: b, code: c, status: STATUS}
      - type: shipment.scanned
        fields: {id: d, event_time: b, code: {$code: {of: c, table: states}}, status: STATUS}
"""


@pytest.mark.parametrize(
    "status",
    [
        "{$code: {of: c, table: states}}",
        "{$first: [{$code: {of: c, table: states}}, \"'unknown'\"]}",
    ],
)
def test_a_table_lists_only_what_its_field_can_be(status: str) -> None:
    found = refused(TABLE.replace("STATUS", status))
    assert [at for at, _ in found] == ["/tables/states/DONE", "/tables/states/OFF"]
    assert "line 4: 'delivred' is not one of: available_for_pickup" in found[0][1]
    assert found[0][1].endswith("; did you mean delivered?")
    right = TABLE.replace("STATUS", status).replace("delivred", "delivered")
    assert parse_mapping(right.replace("OFF: off", "OFF: unknown")).deliveries


@pytest.mark.parametrize(
    ("text", "pointer", "detail"),
    [
        (
            one_field("{$code: {of: state, table: states}, other: state}"),
            "/deliveries/0/signals/0/fields/reason/other",
            "'other' is not one of: $code",
        ),
        (
            one_field("{$code: {of: state, table: states}, $join: [state]}"),
            "/deliveries/0/signals/0/fields/reason/$join",
            "'$join' is not one of: $code",
        ),
        (
            one_field("state").replace(
                "  - signals:", "  - common: {$code: {of: state, table: states}}\n    signals:"
            ),
            "/deliveries/0/common/$code",
            "fields have names: write the helper as the value of one",
        ),
        (
            one_field("state").replace("ok: fine", "ok: {$first: [state]}"),
            "/tables/states/ok",
            "a table has values: no helper is evaluated in it",
        ),
    ],
)
def test_a_helper_where_it_means_nothing_is_refused(text: str, pointer: str, detail: str) -> None:
    found = dict(refused(text))
    assert detail in found[pointer]
