"""Signals about messages to and from the customer, and notes of the warehouse."""

from enum import StrEnum
from typing import Annotated

from domain.orders.signal_body import SignalBody
from domain.personal_data import PERSONAL
from domain.texts import Text, one_line

Summary = Annotated[str, one_line(1000, least=1), PERSONAL]
"""A short summary, not the message itself."""


class Channel(StrEnum):
    EMAIL = "email"
    CHAT = "chat"
    PHONE = "phone"
    SMS = "sms"
    POST = "post"
    PORTAL = "portal"
    OTHER = "other"


class MessageSent(SignalBody, frozen=True, kw_only=True, tag="customer.message_sent"):
    """A message was sent to the customer."""

    channel: Channel
    summary: Summary
    template: Text = ""
    """The template that the message was made from."""


class MessageReceived(SignalBody, frozen=True, kw_only=True, tag="customer.message_received"):
    """The customer wrote or called."""

    channel: Channel
    summary: Summary


class WarehouseNoted(SignalBody, frozen=True, kw_only=True, tag="warehouse.noted"):
    """The warehouse made a note about the order."""

    note: Summary
    warehouse: Text = ""
