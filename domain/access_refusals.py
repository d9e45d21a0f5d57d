"""Requests that were refused because no grant of the principal gives the permission, or none reaches that far.

They are counted: an event tells how often which route was asked, and never an address, an id or a body of a request.
"""

from datetime import date, datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct

from domain.people import Actor, Role

ACCESS_NAMESPACE = uuid5(NAMESPACE_URL, "casetrail:access")


class CheckedGrant(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A valid grant of the person that was checked; empty queues or regions mean all."""

    grant: str
    role: Role
    queues: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    case: UUID | None = None
    under: str | None = None
    """The break-glass that gave it (`break-glass:…`)."""


class RefusedRequests(Struct, frozen=True, kw_only=True):
    """Requests of one kind, and how many were refused between two times."""

    method: str
    route: str
    """The template of the path, such as `/v1/cases/{case_id}`."""
    permission: str
    """The permission that no grant gives, or none gives there."""
    problem: str
    """The problem type of the answer. One such as `case-not-found` was given for something out of scope."""
    count: int
    first_at: datetime
    last_at: datetime


class AccessRefused(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="access.refused"):
    """Requests of a principal were refused. The service counts them, and records the counts together.

    `key_…` are the limits of the key; null is no limit.
    """

    by: Actor
    """Who asked. `system:service` stands for all principals beyond those that are counted one by one."""
    grants: tuple[CheckedGrant, ...] = ()
    key_permissions: tuple[str, ...] | None = None
    key_queues: tuple[str, ...] | None = None
    key_regions: tuple[str, ...] | None = None
    refused: tuple[RefusedRequests, ...]
    others: int = 0
    """Further requests, of more kinds than are counted one by one."""

    @property
    def count(self) -> int:
        return sum(one.count for one in self.refused) + self.others


def access_stream(principal: str, at: datetime | date) -> UUID:
    """The stream of a principal and a day in UTC."""
    return uuid5(ACCESS_NAMESPACE, f"{at:%Y-%m-%d} {principal}")
