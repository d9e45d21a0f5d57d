"""The record of auditors' questions: each answer that was given is an event of the log."""

from collections.abc import Mapping
from datetime import date, datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct

from domain.texts import Digest

AUDIT_NAMESPACE = uuid5(NAMESPACE_URL, "casetrail:audit")


class AuditAsked(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="audit.asked"):
    """An auditor's question was answered. The line's actor asked it."""

    asked: str
    """`question 5`, `export`, `population`, `sample` or `reperform`."""
    parameters: Mapping[str, str] = {}
    position: int
    """How far the log reached when it was answered."""
    answer: Digest
    """SHA-256 of the answer, or of a bundle's manifest."""
    account: str | None = None
    """The operating system account, where the question was asked on the database directly."""


def audit_stream(at: datetime | date) -> UUID:
    """The stream of a day in UTC. One stream a day keeps streams short and spreads the writes."""
    return uuid5(AUDIT_NAMESPACE, f"{at:%Y-%m-%d}")
