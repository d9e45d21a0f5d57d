"""What is asked of a payment provider, and what it may answer: the same of every provider.

An answer that is lost says nothing. So each refund has a key for life: asked again with it, a
provider gives the money back at most once, and by it we can ask what became of the first attempt.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal, Protocol

from msgspec import Struct

from domain.adjustments.statement import GivenStatus, StatementLine
from domain.money import Money

RefundReason = Literal["", "requested_by_customer", "duplicate", "fraudulent"]


class Refund(Struct, frozen=True, kw_only=True):
    """Money to be given back."""

    key: str
    """Known by it for ever: the id of the adjustment."""
    payment: str
    """The payment that the money came with, as the provider calls it."""
    amount: Money
    order: str
    reason: RefundReason = ""


class Given(Struct, frozen=True, kw_only=True):
    """What the provider has made of a refund. Its amount is what the provider says."""

    reference: str
    amount: Money
    status: GivenStatus
    failure: str = ""


class PaymentProvider(Protocol):
    """A payment provider. Everything here waits for another machine: never call it with a
    transaction open, nor where others wait their turn."""

    @property
    def name(self) -> str:
        """What the trail calls it."""

    def refund(self, refund: Refund) -> Given:
        """Give the money back, once for each key.

        Raises OutcomeUnknown when the answer does not say whether it was done, RefundRefused when
        it was not and will not be, and RefundKeyReused when the key stands for another refund.
        """

    def find(self, refund: Refund) -> Given | None:
        """What became of the refund of this key; None when the provider has none.

        None is about now: a request that is still on its way may yet arrive, so what follows is
        `refund` with the same key, never with another. Raises OutcomeUnknown.
        """

    def statement(self, since: datetime | None = None) -> Iterator[StatementLine]:
        """The provider's own list of refunds, oldest first; with `since`, those from then on.

        All of it or an error: raises OutcomeUnknown before the first line.
        """
