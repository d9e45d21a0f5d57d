"""A webhook as it arrives, and what is known of it once its signature is verified."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Self

from msgspec import Struct


class WebhookRequest(Struct, frozen=True, kw_only=True):
    body: bytes
    """Exactly as it was received: not unpacked, not decoded."""
    headers: Mapping[str, str]
    """By name in lower case. The values are the bytes that were received, read as Latin-1."""
    query: Mapping[str, str] = {}

    @classmethod
    def received(
        cls, body: bytes, headers: Iterable[tuple[bytes, bytes]], query: Mapping[str, str]
    ) -> Self:
        """From the raw headers of ASGI. One that came several times has all its values, with `, ` between them
        (RFC 9110, 5.3): so none of them passes for the only one."""
        values: dict[str, str] = {}
        for raw_name, raw_value in headers:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            values[name] = f"{values[name]}, {value}" if name in values else value
        return cls(body=body, headers=values, query=query)


class Verified(Struct, frozen=True, kw_only=True):
    """A webhook that comes from its sender. docs/webhook-signatures.md says what of it is signed."""

    secret: int
    """The index of the secret that fitted: of several, the last one that was needed."""
    delivery_id: str | None = None
    """The sender's id of the delivery, the same each time it is sent; None if it has none that can be relied on.
    Then the digest of the body names the delivery."""
    topic: str | None = None
    """What it is about, as the sender names it."""
    shop: str | None = None
    """The shop or account that it is about, as the sender names it."""
    sent_at: datetime | None = None
    """When it was signed, in UTC; None if no time is signed."""
