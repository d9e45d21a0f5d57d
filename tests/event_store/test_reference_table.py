"""The table of references follows from the log: it is written with the events, and can be rebuilt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from api.composition import Desks, desks
from application.orders.batches import Arrival
from domain.orders.message_signals import Channel, MessageReceived
from domain.orders.signal_body import Refs, TrackingRef
from domain.orders.signals import Signal
from domain.people import Actor
from infrastructure.event_store.reference_table import check_references, fill_references
from infrastructure.postgres.datastore import connect
from tests.api.running_service import outside_settings
from tests.conftest import Databases
from tests.domain.signals import after, approved, captured, placed

SENDER = Actor("key:test")
MESSAGE = MessageReceived(
    source="desk",
    id="m-1",
    event_time=after(3),
    channel=Channel.EMAIL,
    summary="I am Ida, where is it?",
    refs=Refs(payment="pi_1", tracking=TrackingRef(code="j 1", carrier="D H L")),
)


@pytest.fixture
def dsn(databases: Databases, template_database: str) -> Iterator[str]:
    with databases.new(template_database) as name:
        yield databases.dsn(name)


@pytest.fixture
def working(dsn: str) -> Iterator[Desks]:
    with desks(dsn, lambda: after(9), vault=outside_settings(dsn)) as working:
        working.ensure_policy()
        yield working


@pytest.fixture
def connection(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(dsn) as connection:
        yield connection


def take(working: Desks, *signals: Signal, at: float = 5) -> list[str]:
    result = working.intake.take([Arrival(one, after(at)) for one in signals], SENDER)
    return [str(receipt.outcome) for receipt in result.receipts]


def rows(connection: psycopg.Connection[Any]) -> set[tuple[str, ...]]:
    found = connection.execute("SELECT kind, value, order_id FROM order_references").fetchall()
    return {tuple(row) for row in found}


def test_references_are_written_with_the_events(working, connection) -> None:
    take(working, placed(refs=Refs(order_number="#1")), approved(payment="pi_1"), captured(3))
    assert rows(connection) == {("order_number", "#1", "o-1"), ("payment", "pi_1", "o-1")}


def test_a_held_signal_has_rows_under_its_own_name(working, connection) -> None:
    assert take(working, MESSAGE) == ["held"]
    name = "\x1f\x1fdesk/m-1"
    assert rows(connection) == {
        ("payment", "pi_1", name),
        ("tracking", "J1", name),
        ("tracking", "J1 dhl", name),
        ("signal", "desk/m-1", name),
    }


def test_a_found_signal_leads_from_its_references_to_its_order(working, connection) -> None:
    take(working, approved(payment="pi_1"))
    assert take(working, captured(3, order="", refs=Refs(payment="pi_1"))) == ["recorded"]
    assert rows(connection) == {("payment", "pi_1", "o-1"), ("found", "payment pi_1", "o-1")}
    assert working.log.recorder.has_referring_signals()


def test_the_table_is_rebuilt_from_the_log(working, connection) -> None:
    take(working, MESSAGE, approved(payment="pi_2"))
    take(working, placed(shop="fr"), approved(payment="pi_1", shop="fr"), at=6)
    written = rows(connection)
    assert [step.missing for step in check_references(connection)][-1] == 0
    connection.execute("DELETE FROM order_references WHERE kind <> 'signal'")
    assert [step.missing for step in check_references(connection)][-1] == len(written) - 1
    last = [*fill_references(connection)][-1]
    assert (last.position, last.missing) == (last.head, len(written) - 1)
    assert rows(connection) == written


def test_the_keys_of_a_held_signal_are_keys_of_the_order_that_it_joins(working, connection) -> None:
    take(working, MESSAGE)
    take(working, placed(), approved(payment="pi_1"), at=6)
    (held,) = connection.execute(
        "SELECT convert_from(state, 'UTF8')::jsonb -> 'sealed' ->> 'key' AS key FROM stored_events "
        "WHERE topic = 'held.signal_held'"
    ).fetchall()
    (key,) = held
    found = connection.execute(
        "SELECT order_id FROM order_keys WHERE key = %s ORDER BY order_id", (key,)
    ).fetchall()
    orders = [order for (order,) in found]
    assert orders == ["\x1f\x1fdesk/m-1", "o-1"]


def test_the_text_of_a_held_signal_is_sealed(working, connection) -> None:
    take(working, MESSAGE)
    states = connection.execute("SELECT state FROM stored_events").fetchall()
    assert states
    assert not any(b"Ida" in state for (state,) in states)
