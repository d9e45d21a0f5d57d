"""Signals about stock and about the release to the warehouse."""

from datetime import date
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from domain.money import PositiveMoney
from domain.orders.signal_body import PiecesOfLines, ReasonText, SignalBody, Sku, Skus, given
from domain.orders.signal_times import check_day
from domain.texts import Text

Level = Annotated[int, Meta(ge=-10_000_000, le=10_000_000)]
Count = Annotated[int, Meta(ge=0, le=10_000_000)]


class StockAllocated(SignalBody, frozen=True, kw_only=True, tag="stock.allocated"):
    warehouse: Text = ""
    skus: Skus = ()
    lines: PiecesOfLines | UnsetType = UNSET
    reason: Text | UnsetType = UNSET


class StockUnavailable(SignalBody, frozen=True, kw_only=True, tag="stock.unavailable"):
    warehouse: Text = ""
    skus: Skus = ()
    lines: PiecesOfLines | UnsetType = UNSET
    reason: Text | UnsetType = UNSET


class AllocationFailed(SignalBody, frozen=True, kw_only=True, tag="stock.allocation_failed"):
    """Stock could not be allocated for some products, or for the whole order if none is named."""

    warehouse: Text = ""
    skus: Skus = ()
    reason: Text = ""
    lines: PiecesOfLines | UnsetType = UNSET


def is_about_nothing(signal: StockUnavailable | AllocationFailed) -> bool:
    """Whether it names lines, and 0 pieces of each."""
    pieces = given(signal.lines)
    return bool(pieces) and not signal.skus and all(one.quantity == 0 for one in pieces or ())


class StockLevelTold(SignalBody, frozen=True, kw_only=True, tag="stock.level_told"):
    """The stock level of a product, sent to each order that it affects."""

    sku: Sku
    on_hand: Level
    allocated: Count | None = None
    warehouse: Text = ""


class StockCounted(SignalBody, frozen=True, kw_only=True, tag="stock.counted"):
    """A count of a product, with the level that the system had."""

    sku: Sku
    counted: Count
    system: Level
    warehouse: Text = ""


class Backordered(SignalBody, frozen=True, kw_only=True, tag="stock.backordered"):
    """The goods come later: on a day, or on one that is not known yet."""

    skus: Skus = ()
    expected_on: Annotated[date, Meta(extra={"check": check_day})] | None = None
    warehouse: Text = ""
    lines: PiecesOfLines | UnsetType = UNSET

    def __post_init__(self) -> None:
        SignalBody.__post_init__(self)
        if self.expected_on is not None:
            check_day(self.expected_on)


class SubstitutionProposed(
    SignalBody, frozen=True, kw_only=True, tag="stock.substitution_proposed"
):
    """The warehouse does not have the product, and proposes to send another."""

    sku: Sku
    substitute: Sku
    price: PositiveMoney | None = None
    reason: Text = ""


class SubstitutionDecided(SignalBody, frozen=True, kw_only=True, tag="stock.substitution_decided"):
    """The substitute for a product was accepted or refused."""

    sku: Sku
    approved: bool
    reason: ReasonText = ""


class Released(SignalBody, frozen=True, kw_only=True, tag="fulfilment.released"):
    """The order was released to the warehouse."""

    warehouse: Text = ""
    skus: Skus | UnsetType = UNSET
    lines: PiecesOfLines | UnsetType = UNSET


class FulfilmentHeld(SignalBody, frozen=True, kw_only=True, tag="fulfilment.held"):
    """The warehouse holds pieces, or the whole order if none are named."""

    warehouse: Text = ""
    skus: Skus = ()
    lines: PiecesOfLines = ()
    reason: Text = ""


class FulfilmentUnheld(SignalBody, frozen=True, kw_only=True, tag="fulfilment.unheld"):
    """The warehouse no longer holds them."""

    warehouse: Text = ""
    skus: Skus = ()
    lines: PiecesOfLines = ()
    reason: Text = ""


class FulfilmentRejected(SignalBody, frozen=True, kw_only=True, tag="fulfilment.rejected"):
    """The warehouse refuses to send pieces, or the whole order if none are named."""

    warehouse: Text = ""
    skus: Skus = ()
    lines: PiecesOfLines = ()
    reason: Text = ""
