"""Sources, and signals by API, with codes that no mapping reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec

from application.log.caller import operator_caller
from application.orders.batches import Arrival
from application.sources.delivery_desk import DeliveryResult
from application.sources.ports import RawDelivery
from domain.cases.events import Enriched
from domain.cases.exception_case import ExceptionCase
from domain.orders.signals import Signal
from domain.people import OPERATOR_ACTOR, Actor
from domain.policy.decision import FactValue
from domain.sources.source import ChooseMapping
from tests.sources.senders import order_number, scan
from tests.sources.watched import WatchedSources

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
SENDER = Actor("key:test")
_ids = count()


class Coded(WatchedSources):
    """Sources whose deliveries have codes."""

    def deliver(self, name: str, *documents: tuple[str, object]) -> Sequence[DeliveryResult]:
        raws = [
            RawDelivery(json.dumps(body).encode(), {"x-event": topic}, {})
            for topic, body in documents
        ]
        return self.desks.deliveries.take_parts(name, raws, OPERATOR_ACTOR, NOW)

    def scan(self, name: str, *states: str) -> Sequence[DeliveryResult]:
        """One delivery for each code, of orders of their own."""
        return self.deliver(name, *(("scan", scan(order_number(), one)) for one in states))

    def choose(self, name: str, document: str) -> None:
        ask = ChooseMapping(document=document, reason="It is known now.")
        self.desks.mappings.choose(name, ask, operator_caller(NOW))

    def read_again(self, name: str, *results: DeliveryResult) -> None:
        ids = [one.delivery for one in results]
        self.desks.deliveries.read_again(name, ids, operator_caller(NOW + timedelta(hours=1)))

    def codes(self) -> list[tuple[object, str]]:
        """The code and the state of each case."""
        return [(one.about and one.about.code, one.state) for one in self.cases("unknown_code")]

    def signals(self, *bodies: dict[str, Any], at: datetime = NOW) -> None:
        signals = [msgspec.convert(one, Signal) for one in bodies]
        self.desks.intake.take([Arrival(one, at) for one in signals], SENDER)

    def facts(self, case: ExceptionCase) -> dict[str, FactValue]:
        trail = self.desks.log.trail(case.id)
        found = [line.event for line in trail if isinstance(line.event, Enriched)]
        return {one.fact: one.value for one in found[-1].packet}


def scanned(code: str, carrier: str = "dhl", **changes: Any) -> dict[str, Any]:
    body = {
        "type": "shipment.scanned",
        "source": "wms",
        "id": f"scan-{next(_ids)}",
        "event_time": "2026-11-22T08:00:00Z",
        "order": order_number(),
        "carrier": carrier,
        "code": code,
    }
    return {**body, **changes}
