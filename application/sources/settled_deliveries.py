"""Sets aside deliveries that are never to be understood."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final
from uuid import UUID

from msgspec import Struct

from application.log import streams
from application.log.caller import Caller
from application.log.event_log import EventLog
from application.log.recorder import VersionTaken
from application.orders.unread_codes import UnreadCodeCases
from application.sources.delivery_codes import code_source
from application.sources.delivery_details import require_delivery
from domain.errors import TooContended
from domain.orders.signal_body import DEFAULT_SHOP
from domain.sources.deliveries import (
    DeliverySettled,
    DeliveryState,
    SettleDelivery,
    Settlement,
    codes_of,
    delivery_name,
)
from domain.sources.errors import DeliveryCannotBeSettled
from domain.sources.source import Source
from domain.sources.unread_codes import Code

ATTEMPTS: Final = 20


class SettlementReply(Struct, frozen=True):
    """A delivery that is set aside; `already_settled`: it was before, and nothing was recorded now."""

    delivery: UUID
    settlement: Settlement
    already_settled: bool
    open_codes: Mapping[Code, UUID]
    """The open cases about its codes. Setting it aside shows nothing about a code, so it clears none of them."""
    position: int


class SettledDeliveries:
    def __init__(self, log: EventLog, codes: UnreadCodeCases) -> None:
        self._log = log
        self._codes = codes

    def settle(
        self, source: Source, delivery: UUID, ask: SettleDelivery, by: Caller
    ) -> SettlementReply:
        """Raises DeliveryNotFound, DeliveryCannotBeSettled, TooContended."""
        if by.actor.is_agent:
            raise DeliveryCannotBeSettled(f"{by.actor.via[-1]} is an agent: a person decides on it")
        for _ in range(ATTEMPTS):
            kept = require_delivery(source, delivery, self._log.trail(delivery))
            if kept.state is DeliveryState.UNDERSTOOD:
                raise DeliveryCannotBeSettled(f"delivery {delivery} is understood")
            known = kept.settled
            found = self._codes.open_cases(code_source(source), codes_of(kept.reasons))
            reply = SettlementReply(
                delivery,
                known or Settlement(ask.reason, by.now, by.actor),
                known is not None,
                found,
                0,
            )
            name = delivery_name(source.shop or DEFAULT_SHOP, source.name, kept.taken.delivery)
            event = DeliverySettled(reason=ask.reason)
            write = by.write(delivery, streams.DELIVERY, kept.version, [event], name)
            with suppress(VersionTaken):
                done = self._log.append([] if known else [write], by.row_of(reply))
                return SettlementReply(
                    delivery, reply.settlement, reply.already_settled, found, done.position
                )
        raise TooContended(f"delivery {delivery} of {source.name}, {ATTEMPTS} attempts")
