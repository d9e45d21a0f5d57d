"""Attempts that a rule forbade: what an auditor asks when the question is who could not, and why."""

from __future__ import annotations

from typing import TypeAlias
from uuid import UUID, uuid5

from msgspec import Struct


class AttemptRefused(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="attempt.refused"):
    """Somebody tried, and by this rule may not; nothing of what was asked was recorded."""

    case: UUID
    attempt: str
    """The duty that it would have been."""
    rule: str
    detail: str
    case_version: int
    earlier: int | None = None
    """The version of the case's trail that stands against it."""
    adjustment: UUID | None = None


RefusalEvent: TypeAlias = AttemptRefused


def refusals_stream(case: UUID) -> UUID:
    return uuid5(case, "refusals")
