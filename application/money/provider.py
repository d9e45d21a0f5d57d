"""The interface of a payment provider, the same for every provider.

If an answer is lost, its outcome is unknown. So each refund has a permanent idempotency key: a provider
pays at most once for a key, and reports by key what became of an earlier request.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal, Protocol

from msgspec import Struct

from domain.adjustments.provider_statement import RefundStatus, StatementEntry
from domain.money import Money
from domain.orders.signal_body import DEFAULT_SHOP

RefundReason = Literal["", "requested_by_customer", "duplicate", "fraudulent"]


class RefundRequest(Struct, frozen=True, kw_only=True):
    """A refund to make."""

    key: str
    """The idempotency key, which never changes: the id of the adjustment."""
    payment: str
    """The provider's id of the payment to refund."""
    amount: Money
    order: str
    shop: str = DEFAULT_SHOP
    reason: RefundReason = ""


class RefundResult(Struct, frozen=True, kw_only=True):
    """A refund as the provider reports it, with the provider's amount."""

    reference: str
    amount: Money
    status: RefundStatus
    failure: str = ""


class PaymentProvider(Protocol):
    """A payment provider. Every call waits for another machine: never call it inside a transaction or
    while holding a lock."""

    @property
    def name(self) -> str:
        """The name of the provider in the log."""

    def refund(self, refund: RefundRequest) -> RefundResult:
        """Pay the money back, once for each key.

        Raises OutcomeUnknown if the answer does not say whether it was paid, RefundRefused if it was not
        and never will be, RefundKeyReused if the key belongs to another refund.
        """

    def find(self, refund: RefundRequest) -> RefundResult | None:
        """The refund with this key; None if the provider has none.

        After None an earlier request may still arrive, so call `refund` with the same key, never with
        another. Raises OutcomeUnknown.
        """

    def statement(self, since: datetime | None = None) -> Iterator[StatementEntry]:
        """The provider's statement: its refunds, oldest first, from `since` on if it is given.

        It is complete, or OutcomeUnknown is raised before the first line. A refund that cannot be read is
        named in its place, and hides no other.
        """
