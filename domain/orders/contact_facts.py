"""Facts about what was said to the customer and by the customer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from msgspec import Struct

from domain.orders.fact_metadata import SignalsByType, derived_from, last_event_time
from domain.orders.message_signals import MessageReceived, MessageSent


class ContactFacts(Struct, frozen=True, gc=False):
    messages_sent: Annotated[int, derived_from(MessageSent)] = 0
    """How often the customer was told something."""
    messages_received: Annotated[int, derived_from(MessageReceived)] = 0
    """How often the customer wrote or called."""
    last_sent_at: Annotated[datetime | None, derived_from(MessageSent)] = None
    last_received_at: Annotated[datetime | None, derived_from(MessageReceived)] = None
    unanswered_since: Annotated[datetime | None, derived_from(MessageSent, MessageReceived)] = None
    """The first message of the customer's after our last one."""


NO_CONTACT: Final = ContactFacts()


def contact_facts(told: SignalsByType) -> ContactFacts:
    sent: list[MessageSent] = told.get(MessageSent, [])
    received: list[MessageReceived] = told.get(MessageReceived, [])
    if not sent and not received:
        return NO_CONTACT
    answered_at = last_event_time(told, MessageSent)
    open_ = [m.event_time for m in received if answered_at is None or m.event_time > answered_at]
    return ContactFacts(
        messages_sent=len(sent),
        messages_received=len(received),
        last_sent_at=answered_at,
        last_received_at=last_event_time(told, MessageReceived),
        unanswered_since=open_[0] if open_ else None,
    )
