"""How the lists of a source are pulled: from which address, by which document, how often, with which secret."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from domain.errors import Fault, Invalid
from domain.people import Reason
from domain.sources.names import SourceName
from domain.texts import form, secret

LARGEST_PULL_DOCUMENT: Final = 1 << 16
GRACE_MINUTES: Final = 5
Address = Annotated[
    str,
    form(
        r"https?://[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~-]{1,100}){0,10}/?",
        "an address such as https://example.myshopify.com/admin/api/2026-10, without a query and a user",
        "Where its lists are.",
    ),
]
EveryMinutes = Annotated[
    int, Meta(ge=1, le=7 * 24 * 60, description="The worker pulls every so many minutes.")
]
GraceMinutes = Annotated[
    int,
    Meta(
        ge=0,
        le=24 * 60,
        description="What is younger is left to its webhook, and pulled the next time.",
    ),
]
ApiSecret = Annotated[str, secret(1_000, least=1)]


class PullChoice(Struct, frozen=True):
    """One version of a pull document, as a whole."""

    name: str
    digest: str
    """SHA-256 of the document's text, in hexadecimal."""
    document: str


class SourcePullChosen(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag="source.pull_chosen"
):
    """From here on, the lists of the source are pulled from this address, as the document says."""

    name: SourceName
    pull: PullChoice
    address: str
    reason: Reason
    every_minutes: int | None = None
    """How often the worker pulls; None: only a command does."""
    grace_minutes: int = GRACE_MINUTES


class SourcePullSecretAdded(Struct, frozen=True, kw_only=True, tag="source.pull_secret_added"):
    """Pulls send this secret from here on; it is beside the other keys, under its own name."""

    name: SourceName
    secret: str


class PullSettings(Struct, frozen=True, kw_only=True):
    """How a source is pulled now."""

    document: PullChoice
    address: str
    every_minutes: int | None
    grace_minutes: int
    begun_at: datetime
    """When pulls were set up first: without a pull before it, the worker begins here."""
    secret: str | None = None
    """The name of the secret in the key store."""
    secret_since: datetime | None = None


def pull_after(
    settings: PullSettings | None, event: SourcePullChosen | SourcePullSecretAdded, at: datetime
) -> PullSettings:
    """Raises ValueError for a secret before the settings."""
    if isinstance(event, SourcePullChosen):
        known = settings or PullSettings(
            document=event.pull,
            address=event.address,
            every_minutes=None,
            grace_minutes=GRACE_MINUTES,
            begun_at=at,
        )
        return structs.replace(
            known,
            document=event.pull,
            address=event.address,
            every_minutes=event.every_minutes,
            grace_minutes=event.grace_minutes,
        )
    if settings is None:
        raise ValueError(f"{event.name} has a secret for pulls, and no pulls")
    return structs.replace(settings, secret=event.secret, secret_since=at)


class ChoosePull(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a source is pulled. `pull` is the name of a document that ships with casetrail, or `document` is one."""

    reason: Reason
    pull: str | UnsetType = UNSET
    document: Annotated[str, Meta(max_length=LARGEST_PULL_DOCUMENT)] | UnsetType = UNSET
    address: Address | UnsetType = UNSET
    """Left out, the one of the document, if it names one."""
    secret: ApiSecret | UnsetType = UNSET
    """What the system knows us by, such as its access token. Left out, it stays the one that it is. It is kept
    beside the other keys, and never shown again."""
    every_minutes: EveryMinutes | UnsetType | None = UNSET
    """Left out, only a command pulls."""
    grace_minutes: GraceMinutes | UnsetType = UNSET
    """Left out: 5, or 0 for a source without a webhook."""


class RotatePullSecret(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another secret for pulls, from now on; the one before is destroyed."""

    secret: ApiSecret


def check_api_secret(secret: str) -> None:
    """Raise Invalid unless the secret can be sent in a header. The error never repeats it."""
    if not secret.isascii() or not secret.isprintable() or secret != secret.strip():
        detail = "must be printable ASCII without spaces around it: copy it again"
        raise Invalid([Fault("/secret", detail)], "the secret")
