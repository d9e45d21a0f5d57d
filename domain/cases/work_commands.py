"""Commands on a case, as decoded from a request."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from domain.cases.evidence import EvidenceRef
from domain.cases.work_events import ErrorReason, Link, Party, Version
from domain.clock.terms import Dependency
from domain.moments import CommandRequest, Moment
from domain.orders.signal_body import DEFAULT_SHOP, OrderId, ShopName, order_key
from domain.people import PersonName
from domain.policy.document_types import Name
from domain.texts import Note, RequiredNote, one_line

PartKey = Annotated[str, one_line(300, least=1)]


class OpenCase(CommandRequest, frozen=True, kw_only=True):
    order: OrderId
    shop: ShopName = DEFAULT_SHOP
    """The shop in which the order's id is unique."""
    kind: Name
    note: RequiredNote
    """What is wrong, and how it was noticed."""
    queue: Name | None = None
    """Left out, policy routes the case."""
    parts: Annotated[tuple[PartKey, ...], Meta(max_length=1000)] = ()
    """The parts of the order that it is about, such as `parcel:P1`; left out, the whole order."""

    @property
    def order_key(self) -> str:
        """The text that names the order in the log."""
        return order_key(self.order, self.shop)


class HandOff(CommandRequest, frozen=True, kw_only=True):
    """A hand-off; `to_queue`, `to_person` or both are required."""

    note: RequiredNote
    """What was done, and what the next owner is to do."""
    to_queue: Name | None = None
    to_person: PersonName | None = None
    evidence: Annotated[tuple[EvidenceRef, ...], Meta(max_length=50)] = ()


class StartWait(CommandRequest, frozen=True, kw_only=True):
    dependency: Dependency
    party: Party
    """The name of the carrier, the supplier, the customer …"""
    note: Note = ""
    expected_by: Moment | None = None
    """When the wait ends by itself."""


class LinkCase(CommandRequest, frozen=True, kw_only=True):
    link: Link
    case: UUID
    note: Note = ""


class DeclareError(CommandRequest, frozen=True, kw_only=True):
    about: Version
    """The version of the trail that is wrong."""
    reason: ErrorReason
    note: RequiredNote
