"""The envelope: one line of the log, with stream, version, time, actor, order and cause.

The event inside says only what happened.
"""

from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from msgspec import Struct

from domain.access_refusals import AccessRefused
from domain.access_reviews import AccessReviewEvent
from domain.adjustments.ledger import LedgerEvent
from domain.adjustments.reconciliation import ReconciliationRecorded
from domain.adjustments.refusals import AttemptRefused
from domain.audit import AuditAsked
from domain.backlog.events import RecoveryEvent
from domain.break_glass import BreakGlassEvent
from domain.builds import BuildStarted
from domain.cases.events import CaseEvent
from domain.look_ups.events import LookUpEvent
from domain.losses import LossEvent
from domain.orders.events import OrderEvent
from domain.orders.held_signals import HeldEvent
from domain.people import Actor, PersonEvent
from domain.policy.events import PolicyEvent
from domain.principals import PrincipalEvent
from domain.privacy import PrivacyEvent
from domain.sources.deliveries import DeliveryEvent
from domain.sources.pulls import SourcePulled
from domain.sources.source import SourceEvent
from domain.sources.unread_codes import CodeCaseOpened

Event: TypeAlias = (
    OrderEvent
    | HeldEvent
    | CaseEvent
    | PolicyEvent
    | PersonEvent
    | RecoveryEvent
    | LookUpEvent
    | LedgerEvent
    | AttemptRefused
    | ReconciliationRecorded
    | BreakGlassEvent
    | AccessReviewEvent
    | BuildStarted
    | PrincipalEvent
    | PrivacyEvent
    | AuditAsked
    | AccessRefused
    | LossEvent
    | SourceEvent
    | DeliveryEvent
    | SourcePulled
    | CodeCaseOpened
)


class SealedTexts(Struct, frozen=True, gc=False):
    """The personal texts of a line, encrypted.

    AES-GCM over a JSON array of the texts, with the rest of the envelope as associated data. `text` is
    base64 of a nonce of 12 bytes and the ciphertext.
    """

    key: str
    """The id of the key in the key store."""
    text: str


class RecordedEvent(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One line of the log.

    `version` counts the stream's events from 1, `position` all events of the log from 1 in commit
    order; 0 means not stored yet. `recorded_at` is record time in UTC; an outside event's own time is
    in the event. `cause` names what led to it: `signal:…`, `due:…`, `command:…`.
    """

    stream: UUID
    version: int
    recorded_at: datetime
    actor: Actor
    event: Event
    order: str | None = None
    cause: str | None = None
    position: int = 0
    sealed: SealedTexts | None = None
    """The texts that read `[sealed]` in the event. Last: all fields before it are the associated data."""

    @property
    def type(self) -> str:
        return str(self.event.__struct_config__.tag)
