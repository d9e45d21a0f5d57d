"""What people ask of a case, as it is decoded from a request."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from domain.cases.evidence import EvidenceRef
from domain.cases.work_events import ErrorReason, Link, Note, Party, SaidNote, Version
from domain.clock.terms import Dependency
from domain.orders.signals import OrderId
from domain.people import PersonName
from domain.policy.parts import Name


class Ask(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Strict: a field that we do not know may be one that the sender counts on."""


class OpenCase(Ask, frozen=True, kw_only=True):
    order: OrderId
    kind: Name
    note: SaidNote
    """What is wrong, and how it was noticed."""
    queue: Name | None = None
    """Left out, policy routes it."""


class HandOff(Ask, frozen=True, kw_only=True):
    """At least one of `to_queue` and `to_person`."""

    note: SaidNote
    """What was done, and what the next owner is to do."""
    to_queue: Name | None = None
    to_person: PersonName | None = None
    evidence: Annotated[tuple[EvidenceRef, ...], Meta(max_length=50)] = ()


class StartWait(Ask, frozen=True, kw_only=True):
    dependency: Dependency
    party: Party
    """Who, by name: the carrier, the supplier, the customer."""
    note: Note = ""
    expected_by: Annotated[datetime, Meta(tz=True)] | None = None
    """Then the case comes back by itself."""


class LinkTo(Ask, frozen=True, kw_only=True):
    link: Link
    case: UUID
    note: Note = ""


class DeclareError(Ask, frozen=True, kw_only=True):
    about: Version
    """The version of the trail that is wrong."""
    reason: ErrorReason
    note: SaidNote
