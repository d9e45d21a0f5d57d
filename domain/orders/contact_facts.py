"""Facts about messages to and from the customer."""

from datetime import datetime
from typing import Annotated, Final

from msgspec import Struct

from domain.orders.fact_metadata import SignalsByType, derived_from, last_event_time
from domain.orders.message_signals import MessageReceived, MessageSent


class ContactFacts(Struct, frozen=True, gc=False):
    messages_sent: Annotated[int, derived_from(MessageSent)] = 0
    """How many messages we sent to the customer."""
    messages_received: Annotated[int, derived_from(MessageReceived)] = 0
    """How many messages the customer sent."""
    last_sent_at: Annotated[datetime | None, derived_from(MessageSent)] = None
    """When we last wrote."""
    last_received_at: Annotated[datetime | None, derived_from(MessageReceived)] = None
    """When the customer last wrote."""
    unanswered_since: Annotated[datetime | None, derived_from(MessageSent, MessageReceived)] = None
    """The first message from the customer after our last one."""


NO_CONTACT: Final = ContactFacts()


def contact_facts(signals: SignalsByType) -> ContactFacts:
    sent: list[MessageSent] = signals.get(MessageSent, [])
    received: list[MessageReceived] = signals.get(MessageReceived, [])
    if not sent and not received:
        return NO_CONTACT
    answered_at = last_event_time(signals, MessageSent)
    unanswered = [
        m.event_time for m in received if answered_at is None or m.event_time > answered_at
    ]
    return ContactFacts(
        messages_sent=len(sent),
        messages_received=len(received),
        last_sent_at=answered_at,
        last_received_at=last_event_time(signals, MessageReceived),
        unanswered_since=unanswered[0] if unanswered else None,
    )
