"""The packet of a case: facts with their sources and times, conflicts, messages, other cases."""

from __future__ import annotations

from tests.api.running_service import RunningService
from tests.api.signals import ago, order_id, send, signal, unavailable


def test_a_packet_shows_each_message_with_its_author(server: RunningService) -> None:
    order = order_id()
    with server.client_as("ana") as ana:
        told = send(
            ana,
            signal(
                "customer.message_received",
                order,
                channel="chat",
                summary="Where is it?",
                event_time=ago(hours=3),
            ),
            signal(
                "customer.message_sent",
                order,
                channel="email",
                summary="We are looking into it.",
                template="we-look",
                event_time=ago(hours=2),
            ),
            signal("warehouse.noted", order, note="The shelf is empty."),
            unavailable(order),
        )
        (touched,) = told.json()["items"][-1]["cases"]
        packet = ana.get(f"/v1/cases/{touched['case']}/packet").json()
        assert [(one["by"], one["channel"], one["said"]) for one in packet["said"]] == [
            ("customer", "chat", "Where is it?"),
            ("us", "email", "We are looking into it."),
            ("warehouse", None, "The shelf is empty."),
        ]
        known = {one["fact"]: one["value"] for one in packet["now"]}
        assert (known["contact.messages_sent"], known["contact.messages_received"]) == (1, 1)
        assert "contact.unanswered_since" not in known
        assert packet["conflicts"] == []


def test_a_packet_shows_conflicting_values_and_the_right_one(server: RunningService) -> None:
    order = order_id()
    with server.client_as("ana") as ana:
        told = send(
            ana,
            *(
                signal("system.stated", order, system=system, field="quantity_shipped", value=value)
                for system, value in (("oms", "3"), ("wms", "2"))
            ),
            *(
                signal("system.stated", order, system=system, field="order_total", value=value)
                for system, value in (("oms", "3.00 EUR"), ("storefront", "3 eur"))
            ),
            unavailable(order),
        )
        (touched,) = told.json()["items"][-1]["cases"]
        (conflict,) = ana.get(f"/v1/cases/{touched['case']}/packet").json()["conflicts"]
        assert (conflict["field"], conflict["owner_team"]) == ("quantity_shipped", "warehouse_desk")
        assert [(one["system"], one["value"], one["of_record"]) for one in conflict["held"]] == [
            ("oms", "3", False),
            ("wms", "2", True),
        ]
