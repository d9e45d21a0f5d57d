"""What the desks of sources need from outside: secrets, and the readers of mapping documents."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol, TypeAlias

from msgspec import Struct

from domain.orders.signals import Signal
from domain.sources.deliveries import NotUnderstood
from domain.sources.pull_settings import PullChoice, PullSettings
from domain.sources.pulls import PullEnd
from domain.sources.signature_schemes import SignatureScheme
from domain.sources.source import MappingChoice


class FilePlace(Struct, frozen=True, omit_defaults=True):
    """Where a delivery stood that was read from a file."""

    file: str
    """The name of the file, without its folder."""
    line: int | None = None
    """Its line or row, from 1; None for a file that is one delivery."""
    fault: str = ""
    """Why it cannot be read by any mapping, such as a row with too many fields."""
    file_id: str = ""
    """Names a file that cannot be read, by its content."""

    @property
    def in_words(self) -> str:
        """Such as `stock.csv:3`."""
        return self.file if self.line is None else f"{self.file}:{self.line}"


class RawDelivery(Struct, frozen=True):
    """A request as it came: the body's bytes, headers by name in lower case, and the query; or a part of a file."""

    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str]
    place: FilePlace | None = None
    shop: str | None = None
    """The shop as the sender of a webhook names it; empty if it names none. None of what was no webhook."""


class VerifiedDelivery(Struct, frozen=True):
    """What the signature scheme says of a delivery that is signed."""

    delivery_id: str | None
    """The sender's own id of the delivery."""
    shop: str | None = None
    """The shop as the sender names it."""


class ReadDelivery(Struct, frozen=True):
    """What a mapping document reads of a delivery."""

    topic: str | None
    signals: Sequence[Signal]
    reasons: Sequence[NotUnderstood] = ()
    may_change: Sequence[Collection[str]] = ()
    """For each signal, the fields whose first value counts when the sender states it again."""
    vocabularies: Collection[str] = ()
    """Those that do not list a code of the delivery, and are none of the document's tables."""
    unread_orders: Sequence[str] = ()
    """The names in the log of orders with unreadable fields: an erasure of one covers the delivery."""
    codes: Collection[str] = ()
    """The codes that a table or a vocabulary lists, as they are compared."""


class Secrets(Protocol):
    """The secrets of sources, beside the other keys. All methods raise KeyStoreUnavailable."""

    def keep(self, secret: str) -> str:
        """Store a secret; return its name."""

    def find(self, name: str) -> str | None:
        """The secret of this name; None once it is destroyed, or if the store has lost it."""

    def destroy(self, name: str) -> None: ...

    def names(self) -> Collection[str]:
        """All secrets that are stored and not destroyed, also of commands that were killed."""


class Verify(Protocol):
    def __call__(
        self,
        scheme: SignatureScheme,
        raw: RawDelivery,
        secrets: Sequence[str | None],
        now: datetime,
    ) -> VerifiedDelivery:
        """`secrets`: all that are valid; None for one that the key store has lost. Raises SignatureRefused, and
        KeyStoreUnavailable if it may be signed by the lost one."""


class Mappings(Protocol):
    def choose(self, name: str | None, document: str | None) -> MappingChoice:
        """The version of a document that ships, by name, or a document as it is now. Raises Invalid."""

    def read(
        self, mapping: MappingChoice, raw: RawDelivery, source: str, shop: str | None
    ) -> ReadDelivery:
        """What the document reads of a delivery. Nothing is raised."""


class PullFailed(Exception):
    """A list cannot be read on: why, in words with what to do, and until when the system wants no request."""

    def __init__(self, end: PullEnd, detail: str, not_before: datetime | None = None) -> None:
        super().__init__(detail)
        self.end = end
        self.detail = detail
        self.not_before = not_before


class PullStopped(Exception):
    """The pull was stopped by its caller."""


class PullRequest(Struct, frozen=True, kw_only=True):
    """What to list: the items that were changed between two times."""

    settings: PullSettings
    secret: str | None
    since: datetime
    until: datetime


class ListedItem(Struct, frozen=True, kw_only=True):
    """An item of a list, as the mapping reads it."""

    id: str | None
    """The system's id of it, or of what it tells."""
    at: datetime | None
    """When it, or what it is a part of, was changed last, where the list tells."""
    raw: RawDelivery
    webhook: bool
    """The same comes by a webhook."""


class ListedPage(Struct, frozen=True, kw_only=True):
    """Items that are listed together."""

    items: Sequence[ListedItem]
    until: datetime
    """The end of the time that is listed, by the system's clock if that is behind ours."""
    answers: int
    """How many answers of the system were read for it."""
    notice: str = ""
    """What cannot be listed."""


Wait: TypeAlias = Callable[[float], bool]
"""Waits for so many seconds; returns whether the pull must stop. Raises PullFailed if its source is not to be pulled
any more."""


class Listing(Protocol):
    def pages(self, request: PullRequest, wait: Wait) -> Iterator[ListedPage]:
        """At least one page. Raises PullFailed, PullStopped."""


ChoosePullDocument: TypeAlias = Callable[[str | None, str | None], tuple[PullChoice, str | None]]
"""The version of a pull document that ships, by name, or a document as it is now, and the address that it names.
Raises Invalid."""
PullLock: TypeAlias = Callable[[str], AbstractContextManager[bool]]
"""Within the context, no other process pulls the source of this name; False if one does already."""
