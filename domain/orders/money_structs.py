"""The money of an order: its payments, captures, refunds and disputes."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from domain.money import ZERO
from domain.orders.content import NO_CONTENT, OrderContent, StatedCharge
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
    currency: str | None = None
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
    rate: Decimal | None = None
    """One unit of its currency in the order's currency; None if it is not known."""
    rate_assumed: bool = False
    """The rate assumes that the payment paid what the order cost."""
    authorized_at: datetime | None = None
    is_open: bool = False
    """Its authorization is open; also where no amount was stated."""
    voided: Decimal = ZERO
    """Voided or expired since it was last authorized, as far as an amount was stated."""
    is_amount_unknown: bool = False
    """It was authorized, and nobody stated an amount."""
    given_back: Decimal = ZERO
    """Refunds that were issued and did not fail."""
    reserved: Decimal = ZERO
    """Refunds that were requested and not issued, as far as something is left to give."""
    disputed: Decimal = ZERO
    """Disputes that are open or lost."""
    failed_at: datetime | None = None
    """When its last failure was first stated."""
    failure_open: bool = False
    """Nothing of it was authorized or captured since."""

    @property
    def left(self) -> Decimal:
        """What may still be given back of it."""
        return self.captured - self.given_back - self.reserved - self.disputed


class GoneLine(Struct, frozen=True, kw_only=True):
    """What of a line is not to be delivered: it was cancelled, edited out, or is unavailable."""

    pieces: int
    value: Decimal
    """At the highest value that the line ever had."""
    cost: Decimal
    """The value with freight."""
    kept_pieces: int = 0
    kept_value: Decimal = ZERO
    at: datetime | None
    """When the last of it was cancelled or edited out; None for missing stock."""


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
    of_payment: Decimal = ZERO
    """The amount in the payment's currency."""
    settled: Decimal | None = None
    """The amount in the order's currency; None if no rate is known."""
    too_much: str | None = None
    """Why it is too much, if it is: `twice`, `more_than_captured`, `more_than_line` or `more_than_charge`."""


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
    of_payment: Decimal = ZERO
    """The amount in the payment's currency."""
    settled: Decimal | None = None
    """The amount in the order's currency; None if no rate is known."""

    @property
    def is_open(self) -> bool:
        return self.outcome is None

    @property
    def counts(self) -> bool:
        """Whether it counts as given back: while it is open, and if it was lost. An inquiry moves no money."""
        return self.outcome in (None, "lost") and self.stage != "inquiry"


class OrderMoney(Struct, frozen=True, kw_only=True):
    """The figures of the order are in its currency."""

    currency: str | None = None
    charge: Decimal | None = None
    """What the order costs, without what was cancelled; None while lines are missing."""
    charge_before_cancellation: Decimal | None = None
    """What the order costs with the pieces that were cancelled since its lines were stated."""
    highest_charge: Decimal | None = None
    """The most that any version of the order cost; None if no version is known."""
    earlier_charges: tuple[tuple[datetime | None, Decimal], ...] = ()
    """What earlier versions cost, each with the time of the edit that made it so; None for the first."""
    is_cancelled: bool = False
    """Nothing of the order is left."""
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
    """Issued, requested, failed; each by time."""
    disputes: tuple[DisputeMoney, ...] = ()
    line_refunds: Mapping[str, tuple[int, Decimal]] = {}
    """By line: pieces and amount that were given back (issued)."""
    charge_refunds: Mapping[str, Decimal] = {}
    line_left: Mapping[str, Decimal] = {}
    """By line: its value that may still be given back."""
    charge_left: Mapping[str, Decimal] = {}
    exceeded_lines: frozenset[str] = frozenset()
    """The lines for which more was given back than they cost, or for more pieces than they have."""
    exceeded_charges: frozenset[str] = frozenset()
    removed: OrderContent = NO_CONTENT
    """The lines that edits removed, each as it was last told."""
    removed_charges: tuple[StatedCharge, ...] = ()
    """The charges that edits removed, each at its highest cost."""
    gone: Mapping[str, GoneLine] = {}
    """By line: what of it was cancelled, edited out or is unavailable."""
    taken_for_gone: Decimal | None = None
    """Captured above the cost of all that is to be delivered; None if it cannot be told."""
    notices: tuple[Notice, ...] = ()
