"""Refused attempts: acts that a rule forbade. Auditors read them to see who could not act, and why."""

from uuid import UUID, uuid5

from msgspec import Struct


class AttemptRefused(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="attempt.refused"):
    """The rule refused the actor's attempt; nothing else of the request was recorded."""

    case: UUID
    attempt: str
    """The duty that the act would have been."""
    rule: str
    detail: str
    case_version: int
    earlier: int | None = None
    """The version of the earlier act in the case's trail that forbids it."""
    adjustment: UUID | None = None


def refusals_stream(case: UUID) -> UUID:
    return uuid5(case, "refusals")
