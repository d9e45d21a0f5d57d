"""Facts about what was said to the customer and by the customer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from msgspec import Struct

from domain.orders.fact_marks import Told, last, rests_on
from domain.orders.message_signals import MessageReceived, MessageSent


class ContactFacts(Struct, frozen=True, gc=False):
    messages_sent: Annotated[int, rests_on(MessageSent)] = 0
    """How often the customer was told something."""
    messages_received: Annotated[int, rests_on(MessageReceived)] = 0
    """How often the customer wrote or called."""
    last_sent_at: Annotated[datetime | None, rests_on(MessageSent)] = None
    last_received_at: Annotated[datetime | None, rests_on(MessageReceived)] = None
    unanswered_since: Annotated[datetime | None, rests_on(MessageSent, MessageReceived)] = None
    """The first message of the customer's after our last one."""


NO_CONTACT: Final = ContactFacts()


def contact_facts(told: Told) -> ContactFacts:
    sent: list[MessageSent] = told.get(MessageSent, [])
    received: list[MessageReceived] = told.get(MessageReceived, [])
    if not sent and not received:
        return NO_CONTACT
    answered_at = last(told, MessageSent)
    open_ = [m.event_time for m in received if answered_at is None or m.event_time > answered_at]
    return ContactFacts(
        messages_sent=len(sent),
        messages_received=len(received),
        last_sent_at=answered_at,
        last_received_at=last(told, MessageReceived),
        unanswered_since=open_[0] if open_ else None,
    )
