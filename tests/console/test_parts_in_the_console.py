"""The parts of a case and of its order in a real browser."""

from __future__ import annotations

from typing import Any

from tests.api.running_service import RunningService
from tests.api.signals import ago, captured, money, order_id, placed, send, signal
from tests.cli.test_case import order_of_two_parcels
from tests.console.conftest import SignedIn

KNOWN = "#parts"


def row_of(page: Any, table: str, name: str) -> str:
    """The text of a row, by its first cell."""
    rows = f"document.querySelectorAll('table[aria-label=\"{table}\"] tbody tr')"
    found = f"[...{rows}].find((row) => row.cells[0].innerText.includes({name!r}))"
    return str(page.value(f"{found}?.innerText ?? ''"))


def test_a_case_shows_its_parts_and_those_of_its_order(
    server: RunningService, as_person: SignedIn
) -> None:
    case, order = order_of_two_parcels(server)
    page = as_person("ana")
    page.value(f"showCase({case!r}, true)")
    page.until(f"openCase?.id === {case!r} && document.activeElement.id === 'case-title'")
    assert "rule by-hand" in row_of(page, "Parts", "parcel:P1")
    assert row_of(page, "Parts", "parcel:P2") == ""
    assert "1 delivered" in row_of(page, "Lines", "tea")
    assert "2 ordered" in row_of(page, "Lines", "tea")
    assert "handed over" in row_of(page, "Parcels", "P1")
    assert "delivered" in row_of(page, "Parcels", "P2")
    assert "20.00 EUR" in row_of(page, "Payments", "pay-1")
    with server.client_as("shop") as shop:
        news = signal("shipment.delivered", order, shipment="P1", event_time=ago(minutes=1))
        send(shop, news)
    page.value(f"showCase({case!r}, true)")
    page.reads(f"storefront/{news['id']}", "#trail")
    assert "delivered" in row_of(page, "Parcels", "P1")
    assert [page.is_within(width) for width in (1400, 400)] == [True, True]


def test_a_case_about_the_whole_order_has_no_table_of_parts(
    server: RunningService, as_person: SignedIn
) -> None:
    order = order_id()
    with server.client_as("shop") as shop:
        sent = send(shop, placed(order, "10.00"), captured(order, "12.50", payment="over"))
    case = sent.json()["items"][1]["cases"][0]["case"]
    page = as_person("ana")
    page.value(f"showCase({case!r}, true)")
    page.until(f"openCase?.id === {case!r} && document.activeElement.id === 'case-title'")
    page.reads("over", KNOWN)
    assert page.value("document.querySelector('table[aria-label=Parts]')") is None
    assert money("12.50")["amount"] in row_of(page, "Payments", "over")
