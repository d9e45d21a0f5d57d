"""Signals about returns."""

from enum import StrEnum
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from domain.money import PositiveMoney
from domain.orders.signal_body import LinePieces, ReasonText, SignalBody
from domain.texts import Text, one_line


class GoodsCondition(StrEnum):
    SELLABLE = "sellable"
    DAMAGED = "damaged"
    INCOMPLETE = "incomplete"
    OTHER = "other"


class ReturnFee(Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """A fee that is kept back from the refund, such as restocking.

    Of each return, the last statement that tells `fees` counts; null or an empty list takes them back.
    """

    kind: Annotated[str, one_line(64, least=1)]
    amount: PositiveMoney


class ReturnedPieces(LinePieces, frozen=True, kw_only=True, omit_defaults=True):
    """Pieces of a return, with the condition of these pieces where it differs."""

    condition: GoodsCondition | None = None


ReturnedLines = Annotated[tuple[ReturnedPieces, ...], Meta(max_length=1000)]
Fees = Annotated[tuple[ReturnFee, ...], Meta(max_length=50)]


class ReturnRequested(SignalBody, frozen=True, kw_only=True, tag="return.requested"):
    """The customer wants to send something back."""

    rma: Text = ""
    reason: ReasonText = ""
    lines: ReturnedLines | UnsetType = UNSET
    condition: GoodsCondition | UnsetType = UNSET
    fees: Fees | UnsetType | None = UNSET


class ReturnAuthorized(SignalBody, frozen=True, kw_only=True, tag="return.authorized"):
    """The shop agreed to the return."""

    rma: Text = ""
    lines: ReturnedLines | UnsetType = UNSET
    condition: GoodsCondition | UnsetType = UNSET
    fees: Fees | UnsetType | None = UNSET
    reason: ReasonText | UnsetType = UNSET


class ReturnRefused(SignalBody, frozen=True, kw_only=True, tag="return.refused"):
    """The return was refused, and the customer was informed."""

    rma: Text = ""
    reason: ReasonText = ""
    lines: ReturnedLines | UnsetType = UNSET
    condition: GoodsCondition | UnsetType = UNSET
    fees: Fees | UnsetType | None = UNSET


class ReturnLabelCreated(SignalBody, frozen=True, kw_only=True, tag="return.label_created"):
    """The customer has a label for the parcel back."""

    rma: Text = ""
    carrier: Text = ""
    tracking: Text = ""
    lines: ReturnedLines | UnsetType = UNSET
    condition: GoodsCondition | UnsetType = UNSET
    fees: Fees | UnsetType | None = UNSET
    reason: ReasonText | UnsetType = UNSET


class ReturnLabelFailed(SignalBody, frozen=True, kw_only=True, tag="return.label_failed"):
    """No label could be made for the parcel back."""

    rma: Text = ""
    reason: Text = ""
    lines: ReturnedLines | UnsetType = UNSET
    condition: GoodsCondition | UnsetType = UNSET
    fees: Fees | UnsetType | None = UNSET


class ReturnReceived(SignalBody, frozen=True, kw_only=True, tag="return.received"):
    """The pieces are back with us."""

    rma: Text = ""
    lines: ReturnedLines | UnsetType = UNSET
    condition: GoodsCondition | UnsetType = UNSET
    fees: Fees | UnsetType | None = UNSET
    reason: ReasonText | UnsetType = UNSET


class ReturnCancelled(SignalBody, frozen=True, kw_only=True, tag="return.cancelled"):
    """The customer keeps the pieces after all."""

    rma: Text = ""
    reason: ReasonText = ""
    lines: ReturnedLines | UnsetType = UNSET
    condition: GoodsCondition | UnsetType = UNSET
    fees: Fees | UnsetType | None = UNSET


class ReturnClosed(SignalBody, frozen=True, kw_only=True, tag="return.closed"):
    """Nothing more is expected of the return."""

    rma: Text = ""
    reason: ReasonText = ""
    lines: ReturnedLines | UnsetType = UNSET
    condition: GoodsCondition | UnsetType = UNSET
    fees: Fees | UnsetType | None = UNSET
