"""The differences of two states are complete, and contain nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.routes.cases import view_of
from application.cases.history import (
    case_of,
    find_changes,
    find_packet_changes,
    lines_until,
    order_of,
)
from domain.cases.errors import CaseNotFound, NoSuchVersion
from domain.cases.packet import PacketFact
from domain.errors import OrderNotFound
from domain.orders.order import order_stream
from domain.policy.decision import FactValue, is_same_value
from tests.application.in_memory_service import InMemoryService, caller
from tests.application.money_service import MoneyService
from tests.domain.signals import BOUNDED_SETTINGS, ORDER, after, captured, promising, unavailable

NAMES = st.sampled_from(["id", "ref", "a", "b/c", "~", ""])
LEAVES = st.sampled_from([None, True, False, 0, 1, "", "1", "x", "PT60S"])
JSON = st.recursive(
    LEAVES,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(NAMES, part, max_size=3),
    max_leaves=8,
)


def at(value: Any, place: str) -> Any:
    """The value at a JSON Pointer, through lists of named items; `...` if there is none."""
    for step in place.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            value = next(
                (
                    part
                    for part in value
                    for field in ("id", "fact", "ref", "task", "hold", "case")
                    if str(part.get(field, ...)) == name
                ),
                ...,
            )
        else:
            value = value.get(name, ...)
    return value


@BOUNDED_SETTINGS
@given(JSON, JSON)
def test_there_are_no_differences_exactly_when_both_are_equal(one: Any, other: Any) -> None:
    alike = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert ([*find_changes(one, other)] == []) == alike
    places = {change.place for change in find_changes(one, other)}
    assert {change.place for change in find_changes(other, one)} == places
    assert [*find_changes(one, one)] == []


def test_list_items_are_compared_by_name() -> None:
    before = [{"id": "a", "n": 1}, {"id": "b/c", "n": 2}]
    after_it = [{"id": "b/c", "n": True}, {"id": "a", "n": 1}, {"id": "d", "n": 3}]
    changes = {change.place: change for change in find_changes({"x": before}, {"x": after_it})}
    assert changes.keys() == {"/x", "/x/b~1c/n", "/x/d"}
    assert (changes["/x/b~1c/n"].before, changes["/x/b~1c/n"].after) == (2, True)
    assert changes["/x/b~1c/n"].how == "x, b/c, n: 2 → yes"
    assert changes["/x"].how == "x: in the order a, b/c → b/c, a"


def known(fact: str, value: FactValue, *sources: str) -> PacketFact:
    return PacketFact(fact, value, sources or ("shop/1",), after(1))


def test_facts_of_packets_are_compared_by_value_and_told_in_words() -> None:
    before = [
        known("charge.total", "0"),
        known("order.cancelled", True),
        known("customer.tier", "gold"),
        known("parcel:P1.lost_open", True),
        known("parcel:P1.pieces", 2),
        known("payment:p.left", "12.30"),
        known("payment.captured", "10.00"),
    ]
    now = [
        known("payment.captured", "10.01", "psp/2"),
        known("charge.total", "0.00"),
        known("parcel:P2.lost_open", True),
    ]
    found = [change.how for change in find_packet_changes(before, now)]
    assert found == [
        "order.cancelled: was yes, is not known any more",
        "customer.tier: was gold, is not known any more",
        "parcel:P1.lost_open: was yes, is no longer so",
        "parcel:P1.pieces: was 2, is 0 or not known any more",
        "payment:p.left: was 12.30, is 0 or not known any more",
        "payment.captured, value: 10.00 → 10.01",
        "payment.captured, sources: shop/1 → psp/2",
        "parcel:P2.lost_open: new, yes",
    ]
    assert [*find_packet_changes(before, before)] == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("0", "0.00", True),
        ("-1.5", "-1.50", True),
        ("100", "100.0", True),
        ("100", "1000", False),
        ("0.1", "0.01", False),
        ("a", "a", True),
        ("007", "7", False),
        ("1e2", "100", False),
        (1, True, False),
        (0, "0", False),
        (None, "0", False),
        (None, None, True),
    ],
)
def test_amounts_are_compared_by_value_and_texts_as_they_are(
    one: FactValue | None, other: FactValue | None, same: bool
) -> None:
    assert is_same_value(one, other) is is_same_value(other, one) is same


def test_reported_differences_are_the_fields_that_changed() -> None:
    service = MoneyService()
    service.adjusted("o-2", 10)
    lines = service.log.trail(service.of("o-2").id)
    views = [
        json.loads(msgspec.json.encode(view_of(case_of(lines[:n]))))
        for n in range(1, len(lines) + 1)
    ]
    for before, now in pairwise(views):
        found = [*find_changes(before, now)]
        assert "/version" in {change.place for change in found}
        assert {change.place.split("/")[1] for change in found} == {
            name for name in before if before[name] != now[name]
        }
        for change in found:
            if "in the order" not in change.how:
                missing = {True: ..., False: change.before}
                gone = ": new, " in change.how
                assert at(before, change.place) == missing[gone]
    assert views[-1] == json.loads(
        msgspec.json.encode(view_of(case_of(lines_until(lines, len(lines)))))
    )


def test_a_clock_set_back_does_not_reorder_lines() -> None:
    service = InMemoryService()
    service.take(promising(), unavailable(3), at=after(4))
    case = service.only_case("stock_unavailable")
    case = service.desk.note(case.id, case.version, "Late.", caller("ana", after(9))).case
    case = service.desk.note(case.id, case.version, "Set back.", caller("bo", after(5))).case
    lines = service.log.trail(case.id)
    until = lines_until(lines, after(6))
    assert [line.version for line in until] == [*range(1, case.version - 1)]
    assert lines_until(lines, after(9)) == lines


def test_there_is_no_state_before_the_first_line() -> None:
    service = InMemoryService()
    service.take(promising(), captured(2, "1.00"), unavailable(3), at=after(4))
    lines = service.log.trail(service.only_case("stock_unavailable").id)
    with pytest.raises(CaseNotFound):
        lines_until(lines, after(4) - timedelta(microseconds=1))
    for version in (0, -1, len(lines) + 1):
        with pytest.raises(NoSuchVersion):
            lines_until(lines, version)
    trail = service.log.trail(order_stream(ORDER))
    with pytest.raises(OrderNotFound):
        order_of(trail, None, after(3))
    with pytest.raises(OrderNotFound):
        order_of(trail, datetime(2001, 1, 1, tzinfo=UTC), None)
    order, when = order_of(trail, after(2), after(4))
    assert [*order.signals] == [promising().key, captured(2, "1.00").key]
    assert {*when.values()} == {after(4)}
