"""A source: a system that sends, the shop that it speaks of, and the mapping document that reads it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, TypeAlias, assert_never
from uuid import NAMESPACE_URL, uuid5

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from domain.orders.signal_body import ShopName
from domain.people import Actor, Reason
from domain.policy.document_types import Name
from domain.sources import mapping_governance as governance
from domain.sources.mapping_choice import MappingChoice as MappingChoice
from domain.sources.mapping_governance import MappingProposal
from domain.sources.names import SourceName as SourceName
from domain.sources.pull_settings import (
    PullSettings,
    SourcePullChosen,
    SourcePullSecretAdded,
    pull_after,
)
from domain.sources.signature_schemes import SignatureScheme
from domain.struct_fields import fill
from domain.texts import one_line, secret

SOURCES_STREAM: Final = uuid5(NAMESPACE_URL, "casetrail:sources")
LARGEST_DOCUMENT: Final = 1 << 18


class SourceAdded(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="source.added"):
    """From here on, what this source sends is taken and read."""

    name: SourceName
    mapping: MappingChoice
    owner: Name
    """The team that has its problems."""
    shop: ShopName | None = None
    """The shop whose orders it speaks of, where its signals do not say."""
    scheme: SignatureScheme | None = None
    """How its deliveries are signed; without one, it has no webhook and is read from files."""
    sender_shop: str | None = None
    """The shop as the sender names it, such as `example.myshopify.com`; others are not read."""


class SourceMappingChosen(Struct, frozen=True, kw_only=True, tag="source.mapping_chosen"):
    """Deliveries are read by this document from here on."""

    name: SourceName
    mapping: MappingChoice
    reason: Reason


class SourceSecretAdded(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag="source.secret_added"
):
    """Deliveries may be signed with this secret; it is beside the other keys, under its own name."""

    name: SourceName
    secret: str
    earlier_until: datetime | None = None
    """Until when the one before is valid as well."""


class SourcePaused(Struct, frozen=True, kw_only=True, tag="source.paused"):
    """What it sends is kept, and not read until it goes on."""

    name: SourceName
    reason: Reason


class SourceResumed(Struct, frozen=True, kw_only=True, tag="source.resumed"):
    name: SourceName
    reason: Reason


SourceChange: TypeAlias = (
    SourceMappingChosen
    | SourceSecretAdded
    | SourcePaused
    | SourceResumed
    | SourcePullChosen
    | SourcePullSecretAdded
    | governance.MappingAct
)
SourceEvent: TypeAlias = SourceAdded | SourceChange


class SourceSecret(Struct, frozen=True):
    """A secret by its name in the key store; `until` is None while none has followed it."""

    name: str
    since: datetime
    until: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        return self.until is None or now < self.until


class Source(Struct, frozen=True, kw_only=True):
    """The state of a source."""

    name: str
    owner: str
    mapping: MappingChoice
    added_at: datetime
    shop: str | None = None
    scheme: SignatureScheme | None = None
    sender_shop: str | None = None
    secrets: tuple[SourceSecret, ...] = ()
    """The newest last."""
    paused_for: str | None = None
    """The reason while it is paused."""
    resumed_at: datetime | None = None
    """When it last went on after a pause."""
    pull: PullSettings | None = None
    """How its lists are pulled; None while they are not."""
    is_used: bool = False
    """Whether it has taken deliveries: then two people change its mapping."""
    proposal: MappingProposal | None = None
    """A mapping that waits for another person."""
    is_confirmed: bool = True
    """False after the operator of the command line has changed the mapping alone, until a person confirms it."""

    def valid_secrets(self, now: datetime) -> tuple[SourceSecret, ...]:
        """The newest first."""
        return tuple(one for one in reversed(self.secrets) if one.is_valid(now))

    def secrets_in_use(self, now: datetime) -> tuple[str, ...]:
        """The names of all secrets that may still be needed; any other may be destroyed."""
        pulled = (self.pull.secret,) if self.pull is not None and self.pull.secret else ()
        return (*(one.name for one in self.valid_secrets(now)), *pulled)

    def after(self, event: SourceChange, at: datetime, by: Actor, version: int) -> Source:
        """`version` is that of the stream with this event."""
        match event:
            case SourceMappingChosen(mapping=mapping):
                return structs.replace(self, mapping=mapping, is_confirmed=not self.is_used)
            case governance.SourceUsed():
                return structs.replace(self, is_used=True)
            case governance.SourceMappingProposed(mapping=mapping, base=base, reason=reason):
                proposal = MappingProposal(mapping, base, reason, by, at, version)
                return structs.replace(self, proposal=proposal)
            case governance.SourceMappingApproved(digest=digest):
                proposed = self.proposal
                if proposed is None or proposed.mapping.digest != digest:
                    return structs.replace(self, is_confirmed=True)
                return structs.replace(
                    self, mapping=proposed.mapping, proposal=None, is_confirmed=True
                )
            case governance.SourceMappingRejected() | governance.SourceMappingWithdrawn():
                return structs.replace(self, proposal=None)
            case SourceSecretAdded(secret=name, earlier_until=until):
                # Of those before, only the newest may stay valid: one that was replaced twice ends at once.
                earlier = tuple(
                    structs.replace(
                        one, until=(until or at) if one.until is None else min(one.until, at)
                    )
                    for one in self.secrets
                )
                return structs.replace(self, secrets=(*earlier, SourceSecret(name, at)))
            case SourcePaused(reason=reason):
                return structs.replace(self, paused_for=reason)
            case SourceResumed():
                return structs.replace(self, paused_for=None, resumed_at=at)
            case SourcePullChosen() | SourcePullSecretAdded():
                return structs.replace(self, pull=pull_after(self.pull, event, at))
            case _:
                assert_never(event)


class Sources(Struct, frozen=True):
    """All sources, by name. They are few and change seldom, so they have one stream."""

    version: int = 0
    by_name: Mapping[str, Source] = {}

    def after(self, event: SourceEvent, at: datetime, by: Actor) -> Sources:
        version = self.version + 1
        if isinstance(event, SourceAdded):
            source = fill(Source, event, added_at=at)
        else:
            source = self.by_name[event.name].after(event, at, by, version)
        return Sources(version, {**self.by_name, event.name: source})


MappingText = Annotated[str, Meta(max_length=LARGEST_DOCUMENT)]


class AddSource(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new source. `mapping` is the name of a document that ships with casetrail, or `document` is one."""

    name: SourceName
    owner: Name
    mapping: str | UnsetType = UNSET
    document: MappingText | UnsetType = UNSET
    shop: ShopName | UnsetType = UNSET
    scheme: SignatureScheme | UnsetType = UNSET
    """Left out, the source has no webhook: it is read from files."""
    secret: Annotated[str, secret(512, least=1)] | UnsetType = UNSET
    """What the sender signs with. It is kept beside the other keys, and never shown again."""
    sender_shop: Annotated[str, one_line(255, least=1)] | UnsetType = UNSET


class ChooseMapping(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Reason
    mapping: str | UnsetType = UNSET
    document: MappingText | UnsetType = UNSET


class ApproveMapping(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`digest` is that of the proposed document, or its beginning: nobody approves another one than they have seen."""

    digest: governance.Digest
    note: governance.Note = ""


class DropMapping(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`digest` is that of the proposed document, or its beginning."""

    digest: governance.Digest
    reason: Reason


class RotateSecret(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another secret. The one before stays valid for `overlap_hours`, so that the sender has time to change."""

    secret: Annotated[str, secret(512, least=1)]
    overlap_hours: Annotated[float, Meta(ge=0, le=24 * 14)] = 24


class PauseSource(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Reason


class SourceReply(Struct, frozen=True):
    """The state of a source after a command."""

    source: Source
    position: int
