"""The privacy record of a customer, or of an order whose customer is not known: legal holds and erasures.

The id of a customer's stream is a digest of the customer's id under a secret that is not in the database.
Nothing in the stream says who the customer is.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, TypeAlias, assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct, structs

from domain.cases.evidence import FileDigest
from domain.orders.order_names import OrderKey, describe_order
from domain.people import Actor
from domain.personal_data_errors import NoSuchHold, UnderLegalHold
from domain.struct_fields import fill, replace_where
from domain.texts import lines, one_line

Reason = Annotated[str, lines(2000, least=1)]
"""Kept for ever, so it must not name the customer."""
Reference = Annotated[str, one_line(120)]
"""The number of a request, a proceeding or a ticket."""


_ORDERS_NAMESPACE = uuid5(NAMESPACE_URL, "casetrail:privacy-records-of-orders")


def record_of_order(order: str) -> UUID:
    """The stream of the holds and erasures of an order whose customer is not known."""
    return uuid5(_ORDERS_NAMESPACE, order)


def erasure_id(record: UUID, erasure: int) -> UUID:
    """Names one erasure of one record."""
    return uuid5(record, str(erasure))


class DataSubject(Struct, frozen=True, kw_only=True):
    """Whose data: a customer's, or that of one order, by its key in the log. Exactly one is set."""

    customer: str | None = None
    order: str | None = None

    def __str__(self) -> str:
        if self.order is None:
            return f"Customer {self.customer}"
        return f"Order {describe_order(self.order)}"


class ErasureBasis(StrEnum):
    """The legal ground of an erasure (GDPR, article 17(1))."""

    NO_LONGER_NECESSARY = "no_longer_necessary"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    OBJECTION = "objection"
    UNLAWFUL = "unlawful"
    LEGAL_OBLIGATION = "legal_obligation"


class LegalHoldPlaced(Struct, frozen=True, kw_only=True, tag="privacy.legal_hold_placed"):
    """The customer's data must be kept: for a claim, a proceeding or a legal duty (GDPR, article 17(3))."""

    hold: int
    reason: Reason
    reference: Reference = ""


class LegalHoldReleased(Struct, frozen=True, kw_only=True, tag="privacy.legal_hold_released"):
    hold: int
    reason: Reason


class ErasureOrdered(Struct, frozen=True, kw_only=True, tag="privacy.erasure_ordered"):
    """An erasure was ordered: the personal data of these orders and cases is hidden from here on.

    The keys that seal it, and the files, are destroyed next.
    """

    erasure: int
    basis: ErasureBasis
    orders: tuple[OrderKey, ...]
    cases: tuple[UUID, ...]
    files: tuple[FileDigest, ...] = ()
    """Evidence files that no other customer's case uses."""
    reference: Reference = ""


class ErasureCompleted(Struct, frozen=True, kw_only=True, tag="privacy.erasure_completed"):
    """The keys and files were destroyed, so many of each."""

    erasure: int
    keys: int
    files: int


PrivacyEvent: TypeAlias = LegalHoldPlaced | LegalHoldReleased | ErasureOrdered | ErasureCompleted


class LegalHold(Struct, frozen=True, kw_only=True):
    hold: int
    reason: str
    reference: str
    placed_by: str
    placed_at: datetime
    released_at: datetime | None = None


class Erasure(Struct, frozen=True, kw_only=True):
    erasure: int
    basis: ErasureBasis
    reference: str
    orders: tuple[str, ...]
    cases: tuple[UUID, ...]
    files: tuple[str, ...]
    ordered_by: str
    ordered_at: datetime
    completed_at: datetime | None = None
    keys: int = 0


class PrivacyRecord(Struct, frozen=True, kw_only=True):
    id: UUID
    version: int = 0
    holds: tuple[LegalHold, ...] = ()
    erasures: tuple[Erasure, ...] = ()

    @property
    def unfinished(self) -> Erasure | None:
        """The erasure whose keys may not all be destroyed yet."""
        return next((one for one in self.erasures if one.completed_at is None), None)

    @property
    def next_due(self) -> datetime | None:
        return self.unfinished.ordered_at if self.unfinished is not None else None

    def hold(self, reason: str, reference: str) -> LegalHoldPlaced:
        return LegalHoldPlaced(hold=len(self.holds) + 1, reason=reason, reference=reference)

    def release(self, hold: int, reason: str) -> LegalHoldReleased:
        """Raises NoSuchHold."""
        if any(one.hold == hold for one in self._active_holds):
            return LegalHoldReleased(hold=hold, reason=reason)
        raise NoSuchHold(f"there is no active hold {hold}")

    def require_no_legal_hold(self) -> None:
        """Raises UnderLegalHold."""
        if active := self._active_holds:
            detail = "; ".join(
                f"hold {one.hold} since {one.placed_at.date()} by {one.placed_by}: {one.reason}"
                for one in active
            )
            raise UnderLegalHold(detail, holds=[one.hold for one in active])

    @property
    def _active_holds(self) -> list[LegalHold]:
        return [one for one in self.holds if one.released_at is None]

    def after(self, event: PrivacyEvent, at: datetime, by: Actor) -> PrivacyRecord:
        now = structs.replace(self, version=self.version + 1)
        who = by.person or by.principal
        match event:
            case LegalHoldPlaced():
                placed = fill(LegalHold, event, placed_by=who, placed_at=at)
                return structs.replace(now, holds=(*self.holds, placed))
            case LegalHoldReleased(hold=hold):
                holds = replace_where(self.holds, "hold", hold, released_at=at)
                return structs.replace(now, holds=holds)
            case ErasureOrdered():
                ordered = fill(Erasure, event, ordered_by=who, ordered_at=at)
                return structs.replace(now, erasures=(*self.erasures, ordered))
            case ErasureCompleted(erasure=erasure, keys=keys):
                done = replace_where(self.erasures, "erasure", erasure, completed_at=at, keys=keys)
                return structs.replace(now, erasures=done)
            case _:
                assert_never(event)
