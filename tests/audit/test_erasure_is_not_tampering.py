"""After an erasure, a digest over the erased data cannot be recomputed: that is reported as erased and not as
a change."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from msgspec import structs

from api.composition import desks
from application.audit.decisions import find_seen_packets
from domain.cases.earlier_readings import compare_packet
from domain.cases.events import Enriched
from domain.orders.order import Order
from domain.personal_data import erase_personal
from domain.recorded_event import RecordedEvent
from infrastructure.personal.vault import vault_of
from tests.audit.world import World, build_world


@pytest.fixture(scope="module")
def lines(world: World) -> Iterator[list[RecordedEvent]]:
    build_world(world)
    with desks(world.dsn, vault=vault_of(world.settings)) as working:
        yield working.log.trail(UUID(world.refs["case"]))


def test_the_packet_seen_is_shown_without_erased_texts(lines: list[RecordedEvent]) -> None:
    without = [structs.replace(line, event=erase_personal(line.event)) for line in lines]
    whole, later = find_seen_packets(lines), find_seen_packets(without)
    assert [one.digest for one in later] == [one.digest for one in whole]
    assert {one.unchanged for one in whole} == {True}
    assert {(one.unchanged, one.recomputed) for one in later} == {(None, None)}
    assert all("c-o-1" not in str(one.packet) for one in later)


def test_an_altered_packet_is_distinguished_from_an_erased_one(lines: list[RecordedEvent]) -> None:
    line = next(line for line in lines if isinstance(line.event, Enriched))
    assert isinstance(line.event, Enriched)
    altered = structs.replace(line.event, packet=line.event.packet[1:])
    others = [structs.replace(one, event=altered) if one is line else one for one in lines]
    assert {one.unchanged for one in find_seen_packets(others)} == {False}
    gone = {differs.what for differs in compare_packet(erase_personal(line.event), Order(id="o-1"))}
    assert not gone & {"packet, customer.id", "packet, digest"}
    assert "packet, digest" in {
        differs.what for differs in compare_packet(altered, Order(id="o-1"))
    }
