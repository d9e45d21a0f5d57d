"""Once a customer's data is erased, a digest over it cannot be worked out any more: that is said, and is
not taken for a change."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from msgspec import structs

from api.composition import desks
from application.audit.decisions import seen
from domain.cases.events import Enriched
from domain.cases.reperformance import of_packet
from domain.orders.order import Order
from domain.personal_data import erased
from domain.recorded import Recorded
from infrastructure.personal.vault import vault_of
from tests.audit.world import World, told


@pytest.fixture(scope="module")
def lines(world: World) -> Iterator[list[Recorded]]:
    told(world)
    with desks(world.dsn, vault=vault_of(world.settings)) as working:
        yield working.log.trail(UUID(world.refs["case"]))


def test_what_the_decider_saw_is_told_without_what_was_erased(lines: list[Recorded]) -> None:
    without = [structs.replace(line, event=erased(line.event)) for line in lines]
    whole, later = seen(lines), seen(without)
    assert [one.digest for one in later] == [one.digest for one in whole]
    assert {one.unchanged for one in whole} == {True}
    assert {(one.unchanged, one.recomputed) for one in later} == {(None, None)}
    assert all("c-o-1" not in str(one.packet) for one in later)


def test_a_packet_that_was_altered_is_told_apart_from_one_that_was_erased(
    lines: list[Recorded],
) -> None:
    line = next(line for line in lines if isinstance(line.event, Enriched))
    assert isinstance(line.event, Enriched)
    altered = structs.replace(line.event, packet=line.event.packet[1:])
    others = [structs.replace(one, event=altered) if one is line else one for one in lines]
    assert {one.unchanged for one in seen(others)} == {False}
    gone = {differs.what for differs in of_packet(erased(line.event), Order(id="o-1"))}
    assert not gone & {"packet, customer.id", "packet, digest"}
    assert "packet, digest" in {differs.what for differs in of_packet(altered, Order(id="o-1"))}
