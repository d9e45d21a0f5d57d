"""The one truth about the money of an order: captured, given back, disputed and left, by part.

Facts, the guard of adjustments, approval sums and reconciliation read these figures and no others.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from msgspec import Struct

from domain.money import ZERO
from domain.orders import payment_signals as payments
from domain.orders.fact_metadata import SignalsByType
from domain.orders.goods import Goods
from domain.orders.notices import Notice


class Capture(Struct, frozen=True, kw_only=True):
    """One capture, by every statement about it."""

    id: str
    amount: Decimal
    at: datetime
    sources: tuple[str, ...]
    """The keys of its statements."""
    settles: Decimal | None = None
    """The amount in the order's currency, where it was taken in another."""
    assumed: bool = False
    """Two sources told it without a common id: that they mean one capture is assumed."""


class PaymentMoney(Struct, frozen=True, kw_only=True):
    """One payment. Amounts are in its own currency."""

    id: str
    currency: str | None = None
    tender: str | None = None
    authorized: Decimal | None = None
    """None if no authorization was stated."""
    open_authorization: Decimal = ZERO
    """Authorized, and neither captured nor voided, expired or final."""
    expires_at: datetime | None = None
    captures: tuple[Capture, ...] = ()
    captured: Decimal = ZERO
    settled: Decimal = ZERO
    """Captured, in the order's currency, by `settles`, else by the captures' own rate."""
    given_back: Decimal = ZERO
    """Refunds that were issued and did not fail."""
    reserved: Decimal = ZERO
    """Refunds that were requested and not issued."""
    disputed: Decimal = ZERO
    """Disputes that are open or lost."""
    failed_at: datetime | None = None
    """When its last failure was first stated."""

    @property
    def left(self) -> Decimal:
        """What may still be given back of it."""
        return self.captured - self.given_back - self.reserved - self.disputed


class RefundState(StrEnum):
    REQUESTED = "requested"
    ISSUED = "issued"
    FAILED = "failed"


class RefundMoney(Struct, frozen=True, kw_only=True):
    """One refund, by every statement about it."""

    id: str
    state: RefundState
    amount: Decimal
    currency: str | None
    at: datetime
    """When it reached its state."""
    requested_at: datetime | None = None
    payment: str | None = None
    tender: str | None = None
    lines: Mapping[str, tuple[int, Decimal]] = {}
    """By line: pieces, and the amount in the order's currency."""
    charges: Mapping[str, Decimal] = {}
    sources: tuple[str, ...] = ()
    assumed: bool = False


class DisputeMoney(Struct, frozen=True, kw_only=True):
    id: str
    payment: str | None
    amount: Decimal
    currency: str | None
    opened_at: datetime
    stage: str | None = None
    respond_by: datetime | None = None
    evidence_sent_at: datetime | None = None
    outcome: str | None = None
    closed_at: datetime | None = None

    @property
    def counts(self) -> bool:
        """Whether it counts as given back: while it is open, and if it was lost."""
        return self.outcome in (None, "lost")


class OrderMoney(Struct, frozen=True, kw_only=True):
    """The figures of the order are in its currency."""

    currency: str | None = None
    charge: Decimal | None = None
    """What the order costs, without what was cancelled; None while lines are missing."""
    unexplained: Decimal | None = None
    """The source's total less lines, charges, discounts and taxes."""
    captured: Decimal = ZERO
    given_back: Decimal = ZERO
    disputed: Decimal = ZERO
    reserved: Decimal = ZERO
    refund_due: Decimal = ZERO
    """Captured above the charge because of a cancellation, an edit, missing stock or a return, and not given back."""
    overpaid: Decimal = ZERO
    """Captured above what was ever charged, and not given back."""
    underpaid: Decimal = ZERO
    payments: tuple[PaymentMoney, ...] = ()
    refunds: tuple[RefundMoney, ...] = ()
    disputes: tuple[DisputeMoney, ...] = ()
    line_refunds: Mapping[str, tuple[int, Decimal]] = {}
    """By line: pieces and amount that were given back (issued)."""
    charge_refunds: Mapping[str, Decimal] = {}
    line_left: Mapping[str, Decimal] = {}
    """By line: its value that may still be given back."""
    charge_left: Mapping[str, Decimal] = {}
    notices: tuple[Notice, ...] = ()


MONEY_FEEDS: Final[frozenset[type]] = frozenset(
    [
        payments.PaymentPending,
        payments.PaymentAuthorized,
        payments.PaymentCaptured,
        payments.PaymentVoided,
        payments.PaymentExpired,
        payments.PaymentFailed,
        payments.RefundRequested,
        payments.RefundIssued,
        payments.RefundFailed,
        payments.DisputeOpened,
        payments.DisputeEvidenceSent,
        payments.DisputeClosed,
        payments.FraudWarned,
    ]
)
"""The signals about money; those about the goods change the money too."""


def money_of(signals: SignalsByType, goods: Goods) -> OrderMoney:
    """The money of the order, by the statements that count."""
    return OrderMoney(currency=goods.content.currency, charge=goods.content.parts_total)
