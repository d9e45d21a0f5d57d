"""The evidence of each case: a person who may read a case may read its files."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from domain.cases.work_events import EvidenceAttached
from domain.recorded_event import RecordedEvent
from projections.projection import Projection


class AttachmentRow(Struct, frozen=True):
    attachment: str
    """The key: `case/ref`."""
    case_id: UUID
    ref: str
    attached_at: datetime


def key(line: RecordedEvent) -> object | None:
    event = line.event
    return (
        _attachment_key(line, event.evidence.ref) if isinstance(event, EvidenceAttached) else None
    )


def fold(row: AttachmentRow | None, line: RecordedEvent) -> AttachmentRow | None:
    if row is not None or not isinstance(line.event, EvidenceAttached):
        return row
    ref = line.event.evidence.ref
    return AttachmentRow(_attachment_key(line, ref), line.stream, ref, line.recorded_at)


def _attachment_key(line: RecordedEvent, ref: str) -> str:
    return f"{line.stream}/{ref}"


ATTACHMENTS = Projection(
    name="attachments", version=1, row=AttachmentRow, key=key, fold=fold, indexes=("(ref)",)
)
