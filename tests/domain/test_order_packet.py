"""The order packet: every known fact with its source signals, and one digest over all."""

from __future__ import annotations

import hashlib
import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from domain.cases.packet import packet_digest, packet_of
from domain.orders.signals import event_time_key
from domain.policy.decision import to_fact_value
from domain.policy.facts import ORDER_FACTS
from tests.domain.signals import (
    BOUNDED_SETTINGS,
    after,
    cancelled,
    captured,
    order_with,
    placed,
    promising,
    scanned,
    statement_lists,
)


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


@BOUNDED_SETTINGS
@given(story=statement_lists(), chance=st.randoms(use_true_random=False))
def test_the_packet_does_not_depend_on_arrival_order(story, chance) -> None:
    packet = packet_of(order_with(*story))
    facts = order_with(*story).facts
    for packet_fact in packet:
        fact = ORDER_FACTS[packet_fact.fact]
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
