"""Accepted losses of the log's tail: what was signed or acknowledged and is gone, and who goes on without it."""

from typing import Annotated, Final, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Meta, Struct

from domain.texts import Digest, Text, one_line

LOSSES_STREAM: Final = uuid5(NAMESPACE_URL, "casetrail:losses")
"""The stream of all accepted losses: its version *n* begins origin *n + 1*."""
_ATTACHED_NAMESPACE: Final = uuid5(NAMESPACE_URL, "casetrail:lost-events")
Name = Annotated[str, one_line(300, least=1)]
Position = Annotated[int, Meta(ge=1)]


class LostEvent(Struct, frozen=True, kw_only=True):
    """A missing position whose leaf is known."""

    position: Position
    leaf: Digest


class LostCommand(Struct, frozen=True, kw_only=True):
    """A command that was acknowledged and whose events are missing."""

    position: Position
    """The position of its last event."""
    principal: Name
    key: Name
    """Its Idempotency-Key. If it is sent again, it is carried out again."""


class LossStatement(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One statement about the lost positions, and where it was found."""

    where: Name
    size: Annotated[int, Meta(ge=0)]
    """How many positions it says that there were."""
    digest: Digest | None
    """The root of a checkpoint, or the leaf of an acknowledged position; null if a witness names only a size."""
    is_signed: bool | None = None
    """Whether the log's key has signed it. An acknowledged head or a size that others tell is an unsigned claim: it is
    shown, and proves nothing. Null in events from before this was recorded."""


class LossAccepted(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="log.loss_accepted"):
    """Two people have accepted that the log goes on without its last positions, under a new origin.

    It is the first event after the positions that are left. Later events use the lost positions again.
    """

    origin: Name
    """The origin of the checkpoints from here on: NAME/2, NAME/3 …"""
    before: Name
    """The origin before."""
    kept: Annotated[int, Meta(ge=0)]
    """How many positions are left."""
    kept_root: Digest
    """The root over them."""
    signed: Annotated[int, Meta(ge=0)]
    """The size of the largest checkpoint of the origin before; 0 if there was none."""
    signed_root: Digest
    """Its root."""
    note: str = ""
    """That checkpoint, as it was signed."""
    matched: Annotated[int, Meta(ge=0)] = 0
    """The positions up to this one are proven to be those that were signed or acknowledged before."""
    last: Position
    """The last missing position of which anything is known."""
    missing: tuple[LostEvent, ...] = ()
    commands: tuple[LostCommand, ...] = ()
    statements: tuple[LossStatement, ...] = ()
    reason: Text
    requested_by: Name
    """The person who asked for it."""
    confirmed_by: Name
    """Another person, who confirmed it."""


class LostEventAttached(Struct, frozen=True, kw_only=True, tag="log.lost_event_attached"):
    """A lost event was found again. It is evidence only: nothing follows from it."""

    origin: Name
    """The origin under which it was recorded."""
    position: Position
    """Its position there."""
    leaf: Digest
    envelope: str
    """Its bytes, as they were stored. Sealed texts in it stay sealed."""
    found_in: Name
    proof: Name
    """What shows that it was an event of the log."""


LossEvent: TypeAlias = LossAccepted | LostEventAttached


def attached_stream(origin: str) -> UUID:
    """The stream of the lost events of an origin that were found again."""
    return uuid5(_ATTACHED_NAMESPACE, origin)


def origin_name(base: str, number: int) -> str:
    """The origin of the checkpoints after `number - 1` accepted losses."""
    return base if number == 1 else f"{base}/{number}"


def origin_number(base: str, origin: str) -> int | None:
    """The number of an origin of the log with this base name; None if it is another log's."""
    if origin == base:
        return 1
    digits = origin.removeprefix(f"{base}/")
    is_number = digits != origin and digits.isascii() and digits.isdecimal() and len(digits) <= 4
    return int(digits) if is_number and digits[0] != "0" and int(digits) > 1 else None
