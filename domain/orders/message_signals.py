"""What was said to the customer and by the customer, and what the warehouse notes of an order."""

from enum import StrEnum
from typing import Annotated

from domain.orders.signal_body import SignalBody
from domain.personal_data import PERSONAL
from domain.texts import Text, one_line

Summary = Annotated[str, one_line(1000, least=1), PERSONAL]
"""What was said, in short: not the letter itself."""


class Channel(StrEnum):
    EMAIL = "email"
    CHAT = "chat"
    PHONE = "phone"
    SMS = "sms"
    POST = "post"
    PORTAL = "portal"
    OTHER = "other"


class MessageSent(SignalBody, frozen=True, kw_only=True, tag="customer.message_sent"):
    """The customer was told something."""

    channel: Channel
    summary: Summary
    template: Text = ""
    """Which template it was written from."""


class MessageReceived(SignalBody, frozen=True, kw_only=True, tag="customer.message_received"):
    """The customer asked or told us something."""

    channel: Channel
    summary: Summary


class WarehouseNoted(SignalBody, frozen=True, kw_only=True, tag="warehouse.noted"):
    """Somebody at the warehouse wrote something down about the order."""

    note: Summary
    warehouse: Text = ""
