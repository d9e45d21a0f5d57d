"""What was asked of the log, and by whom: whoever looks is looked at as well."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Meta, Struct

from domain.texts import PATTERN_END

AUDIT_NAMESPACE = uuid5(NAMESPACE_URL, "casetrail:audit")


class AuditAsked(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="audit.asked"):
    """An auditor's question was answered. Who asked is the line's actor."""

    asked: str
    """`question 5`, `export`, `population`, `sample` or `reperform`."""
    parameters: Mapping[str, str] = {}
    position: int
    """How far the log reached when it was answered."""
    answer: Annotated[str, Meta(pattern="^[0-9a-f]{64}" + PATTERN_END)]
    """SHA-256 of the answer, or of the manifest of a bundle."""
    account: str | None = None
    """The account of the machine, where it was asked beside the database."""


AuditEvent: TypeAlias = AuditAsked


def audit_stream(at: datetime | date) -> UUID:
    """A stream for each day in UTC: none grows for ever, and none is written by all at once."""
    return uuid5(AUDIT_NAMESPACE, f"{at:%Y-%m-%d}")
