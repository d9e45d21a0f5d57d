"""What was erased does not come back from deliveries that still hold it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2

from application.log.caller import operator_caller
from application.sources.ports import ListedItem, RawDelivery
from domain.privacy import DataSubject, ErasureBasis
from tests.api.running_service import RunningService
from tests.sources.senders import add, order_number, placed, send
from tests.sources.test_read_again import read_again

NOW = datetime.now(UTC)
REASON = {"reason": "It sends nonsense."}


def ordered(number: str, **changes: Any) -> dict[str, Any]:
    """Of today, and nothing is to be paid: it has no case."""
    gift = {"sku": "A", "pieces": 1, "price": "0.00"}
    return placed(number, at=NOW.isoformat(), items=[gift], **changes)


def erase(server: RunningService, whose: DataSubject) -> None:
    desks = server.service.desks
    assert desks.privacy is not None
    by = operator_caller(desks.clock())
    desks.privacy.erase(whose, ErasureBasis.CONSENT_WITHDRAWN, "DSR-1", by)


def keep_unread(olga: httpx2.Client, sender: httpx2.Client, source: str, body: Any) -> Any:
    """A delivery that came while its source was paused: nobody knows of which order it speaks."""
    add(olga, source)
    olga.post(f"/v1/sources/{source}/pause", json=REASON).raise_for_status()
    answer = send(sender, source, body, "order", "unread")
    olga.post(f"/v1/sources/{source}/resume", json=REASON).raise_for_status()
    return answer


def texts_of(server: RunningService, position: int) -> str:
    lines = server.service.desks.log.read(position, 1_000)
    return repr([line.event for line in lines])


def test_an_unread_delivery_of_an_erased_order_is_skipped_and_goes_with_a_further_erasure(
    server: RunningService, olga: httpx2.Client, sender: httpx2.Client, source: str
) -> None:
    number = order_number()
    send(sender, source, ordered(number), "order", f"first-{number}")
    unread = keep_unread(olga, sender, "unread-erased", ordered(number, email="late@example.org"))
    erase(server, DataSubject(order=number))
    head = server.service.desks.log.head()
    found = read_again(olga, "unread-erased", unread)
    assert (found["changed"], found["not_understood"], found["erased"]) == (0, 1, 1)
    assert "example.org" not in texts_of(server, head)
    assert f"c-{number}" not in texts_of(server, head)
    id = UUID(unread.json()["delivery"])
    (reason,) = server.service.desks.deliveries.kept([id])[id].reasons
    assert (reason.why, number in reason.detail) == ("erased", True)

    head = server.service.desks.log.head()
    assert read_again(olga, "unread-erased", unread)["erased"] == 1
    assert server.service.desks.log.head() == head, "it is recorded once"

    erase(server, DataSubject(order=number))
    assert server.service.desks.deliveries.kept([id])[id].body is None


def test_an_unread_order_of_an_erased_customer_is_skipped(
    server: RunningService, olga: httpx2.Client, sender: httpx2.Client, source: str
) -> None:
    number, other = order_number(), order_number()
    send(sender, source, ordered(number), "order", f"first-{number}")
    unread = keep_unread(olga, sender, "unread-customer", ordered(other, buyer=f"c-{number}"))
    erase(server, DataSubject(customer=f"c-{number}"))
    assert read_again(olga, "unread-customer", unread)["erased"] == 1
    assert olga.get(f"/v1/orders/{other}").status_code == 404


def test_what_came_after_an_erasure_is_read(
    server: RunningService, olga: httpx2.Client, sender: httpx2.Client, source: str
) -> None:
    number = order_number()
    send(sender, source, ordered(number), "order", f"first-{number}")
    erase(server, DataSubject(order=number))
    later = keep_unread(olga, sender, "unread-later", ordered(number))
    found = read_again(olga, "unread-later", later)
    assert (found["changed"], found["erased"], found["not_understood"]) == (1, 0, 0)


def test_a_list_brings_back_nothing_that_was_not_changed_since_it_was_erased(
    server: RunningService, olga: httpx2.Client, sender: httpx2.Client, source: str
) -> None:
    number = order_number()
    send(sender, source, ordered(number), "order", f"first-{number}")
    add(olga, "listed-erased")
    erase(server, DataSubject(order=number))
    desks, head = server.service.desks, server.service.desks.log.head()
    body = json.dumps(ordered(number)).encode()

    def pull(**at: Any) -> tuple[int, bool]:
        raw = RawDelivery(body, {"x-event": "order"}, {})
        item = ListedItem(id=number, raw=raw, webhook=True, **at)
        taken = desks.pulls._deliveries.take
        (result,) = taken(desks.sources.find("listed-erased"), [item], desks.clock())
        return result.recorded, result.is_erased

    assert pull(at=NOW - timedelta(days=1)) == (0, True)
    assert pull(at=None) == (0, True)
    assert desks.log.head() == head
    assert pull(at=desks.clock()) == (1, False)
