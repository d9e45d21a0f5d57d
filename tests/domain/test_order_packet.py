"""The order packet: every known fact with its source signals, and one digest over all."""

from __future__ import annotations

import hashlib
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cases.packet import PacketFact, packet_digest, packet_of
from domain.orders.facts import OrderFacts
from domain.orders.parts import split_part_key
from domain.orders.signal_body import LinePieces
from domain.orders.signals import event_time_key
from domain.policy.decision import to_fact_value
from domain.policy.facts import ORDER_FACTS
from tests.domain.signals import (
    BOUNDED_SETTINGS,
    after,
    cancelled,
    captured,
    delivered,
    handed_over,
    line,
    order_with,
    placed,
    promising,
    refunded,
    scanned,
    statement_lists,
)

PIECE_OF_1 = (LinePieces(line="1", quantity=1),)


def test_a_fact_names_its_signals_in_time_order_and_the_latest_time() -> None:
    packet = packet_of(
        order_with(captured(9, id="late"), placed(), captured(2, id="early"), scanned())
    )
    facts = {fact.fact: fact for fact in packet}
    assert facts["milestones.paid_at"].value == "2018-01-10T14:00:00Z"
    assert facts["milestones.paid_at"].sources == ("test/early", "test/late")
    assert facts["milestones.paid_at"].event_time == after(9)
    assert facts["payment.captured"].sources == ("test/placed", "test/early", "test/late")


def test_unknown_facts_are_left_out() -> None:
    known = {fact.fact for fact in packet_of(order_with(cancelled()))}
    assert known >= {"order.cancelled", "milestones.cancelled_at"}
    assert not {fact for fact in known if fact.startswith(("customer.", "promise.", "charge."))}


def test_amounts_days_and_times_are_written_as_text() -> None:
    facts = {fact.fact: fact.value for fact in packet_of(order_with(promising(), captured()))}
    assert facts["payment.captured"] == "100.00"
    assert facts["promise.delivery_date"] == "2018-01-20"
    assert facts["promise.delivery_day_ends"] == "2018-01-21T00:00:00Z"
    assert facts["payment.received"] is True


def assert_fact_of_a_part(fact: PacketFact, facts: OrderFacts) -> None:
    key, _, field = fact.fact.rpartition(".")
    kind, id = split_part_key(key) or pytest.fail(f"{key} is no part")
    (part,) = (one for one in facts.parts.of(kind) if one.id == id)
    assert fact.value == to_fact_value(getattr(part, field))
    assert fact.sources


def test_a_fact_of_a_part_names_the_signals_about_that_part() -> None:
    facts = {
        fact.fact: fact
        for fact in packet_of(
            order_with(
                placed(lines=(line(id="1", quantity=2), line(id="2"))),
                handed_over(20, id="h1", shipment="P1", carrier="dhl", lines=PIECE_OF_1),
                handed_over(21, id="h2", shipment="P2", carrier="gls"),
                delivered(60, shipment="P1"),
            )
        )
    }
    arrived = facts["parcel:P1.delivered_at"]
    assert (arrived.value, arrived.event_time) == ("2018-01-13T00:00:00Z", after(60))
    assert arrived.sources == ("test/placed", "test/h1", "test/delivered")
    assert facts["parcel:P2.carrier"].sources == ("test/placed", "test/h2")
    assert "parcel:P2.delivered_at" not in facts
    assert "test/h1" not in facts["line:2.ordered"].sources


def test_zeros_of_a_part_are_left_out_but_not_what_is_left() -> None:
    paid = (captured(payment="p1"), captured(2, "5.00", id="more", payment="p2"))
    given = refunded(6, "5.00", payment="p2")
    facts = {fact.fact: fact.value for fact in packet_of(order_with(placed(), *paid, given))}
    assert (facts["payment:p1.left"], facts["payment:p2.left"]) == ("100.00", "0.00")
    assert "payment:p1.refunded" not in facts
    assert "payment:p1.too_much" not in facts


def test_an_only_part_does_not_repeat_the_facts_of_its_order() -> None:
    known = {f.fact for f in packet_of(order_with(placed(), captured(payment="p1")))}
    assert "payment.captured" in known
    assert "payment:p1.captured" not in known
    assert {"line:kettle.ordered", "payment:p1.captures"} <= known


@BOUNDED_SETTINGS
@given(story=statement_lists(), chance=st.randoms(use_true_random=False))
def test_the_packet_does_not_depend_on_arrival_order(story, chance) -> None:
    packet = packet_of(order_with(*story))
    facts = order_with(*story).facts
    for packet_fact in packet:
        if (fact := ORDER_FACTS.get(packet_fact.fact)) is None:
            assert_fact_of_a_part(packet_fact, facts)
            continue
        resting_on = sorted((s for s in story if s.type in fact.sources), key=event_time_key)
        assert packet_fact.value == to_fact_value(fact.read(facts))
        assert packet_fact.sources == tuple(signal.key for signal in resting_on)
        assert packet_fact.event_time == resting_on[-1].event_time
    again = packet_of(order_with(*chance.sample(story, len(story))))
    assert (again, packet_digest(again)) == (packet, packet_digest(packet))


def test_the_digest_can_be_recomputed_from_the_json_alone() -> None:
    # `jsonb` and other readers may reorder the fields, so the bytes must not depend on the order.
    packet = packet_of(order_with(promising(), captured()))
    read = json.loads(msgspec.json.encode(packet))
    canonical = json.dumps(read, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert packet_digest(packet) == hashlib.sha256(canonical.encode()).hexdigest()


def test_the_digest_changes_with_a_fact_and_with_a_source() -> None:
    digests = {
        packet_digest(packet_of(order_with(placed(), captured(2, amount, id=name))))
        for amount in ("100.00", "100.01")
        for name in ("a", "b")
    }
    assert len(digests) == 4
