"""Deliveries: what a source sent, kept as it came, and what was read of it. Each has a stream of its own."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, TypeAlias, assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct, structs

from domain.orders.held_signals import HELD_PREFIX
from domain.people import Actor, Reason
from domain.personal_data import ERASED, PERSONAL
from domain.sources.unread_codes import Code

_NAMESPACE: Final = uuid5(NAMESPACE_URL, "casetrail:deliveries")
MOST_REASONS: Final = 50
"""Of one delivery; the others are counted."""


class NotUnderstoodWhy(StrEnum):
    """Why a delivery, or a part of it, became no signal."""

    UNREADABLE_BODY = "unreadable_body"
    """It is not what its media type says."""
    UNKNOWN_TOPIC = "unknown_topic"
    """No rule of the mapping is for it."""
    UNREADABLE_FIELD = "unreadable_field"
    """A field that a signal needs is missing, or is not of its type."""
    UNKNOWN_CODE = "unknown_code"
    """A table of the mapping, or the vocabulary of the carrier, does not list a code."""
    REFUSED_SIGNAL = "refused_signal"
    """A signal was read and refused, such as one whose id was used with other content."""
    OTHER_SHOP = "other_shop"
    """It speaks of another shop than the source."""
    PAUSED = "paused"
    """The source was paused when it came."""
    ERASED = "erased"
    """It speaks of an order, or a customer, that was erased after it came: nothing of it is read."""


class NotUnderstood(Struct, frozen=True, omit_defaults=True):
    """One reason, the JSON Pointer of the signal's field where there is one, and what is wrong in words."""

    why: NotUnderstoodWhy
    detail: Annotated[str, PERSONAL]
    pointer: str = ""
    code: str | None = None
    """The code that is not listed."""
    table: str | None = None
    """Where it is not listed."""


class DeliveryTaken(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="delivery.taken"):
    """A delivery with a valid signature came; it is kept with the signals that it states, or without any."""

    source: str
    delivery: str
    """The sender's own id of the delivery; where there is none, `sha256:` and the digest of its body, headers and
    query (of the body alone, where the line is older than that rule)."""
    digest: str
    """SHA-256 of the body as it came, in hexadecimal."""
    size: int
    """Bytes of the body as it came."""
    media_type: str
    mapping: str
    """The digest of the document that read it."""
    topic: str | None = None
    pulled: bool = False
    """It was read from a list of the source; else its webhook, or a file, brought it."""
    signals: int = 0
    """How many were recorded, held, or known already."""
    orders: tuple[str, ...] = ()
    """The orders, and the held signals, that it speaks of: with one of their keys, that of this line is destroyed."""
    restated: tuple[tuple[str, str], ...] = ()
    """Signals that were read otherwise of an earlier delivery, and replaced by statements that say what this one does:
    the ids that the mapping gives, and those of the statements."""
    reasons: tuple[NotUnderstood, ...] = ()
    further_reasons: int = 0
    body: Annotated[str, PERSONAL]
    """The body as it came: zlib (RFC 1950), in base64."""
    beside: Annotated[str, PERSONAL]
    """Headers and query as JSON, without signatures."""


class DeliveryReadAgain(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag="delivery.read_again"
):
    """A delivery was read again, by another version of the mapping or when its source went on."""

    mapping: str
    topic: str | None = None
    signals: int = 0
    orders: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    """The names of the keys that seal the delivery."""
    restated: tuple[tuple[str, str], ...] = ()
    """Signals that are read otherwise now: the id that the mapping gives, and that of the new statement, which
    replaces the one before."""
    reasons: tuple[NotUnderstood, ...] = ()
    further_reasons: int = 0


class DeliverySettled(Struct, frozen=True, kw_only=True, tag="delivery.settled"):
    """The line's actor set it aside: it need not be understood. It can be read again all the same."""

    reason: Reason


DeliveryEvent: TypeAlias = DeliveryTaken | DeliveryReadAgain | DeliverySettled


class DeliveryState(StrEnum):
    UNDERSTOOD = "understood"
    NOT_UNDERSTOOD = "not_understood"
    """It, or a part of it, became no signal."""
    SETTLED = "settled"
    """The same, and a person set it aside."""

    @staticmethod
    def of(*, understood: bool, settled: bool) -> DeliveryState:
        if understood:
            return DeliveryState.UNDERSTOOD
        return DeliveryState.SETTLED if settled else DeliveryState.NOT_UNDERSTOOD


class Settlement(Struct, frozen=True):
    """Who set a delivery aside, when and why."""

    reason: str
    at: datetime
    by: Actor


class SettleDelivery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a delivery is never to be understood. It is stored for ever, unencrypted: name no customer."""

    reason: Reason


def delivery_stream(source: str, delivery: str, digest: str) -> UUID:
    """By the sender's id and the digest: many senders do not sign the id, so it alone must not hide a delivery."""
    return uuid5(_NAMESPACE, f"{source}\n{delivery}\n{digest}")


def delivery_name(shop: str, source: str, delivery: str) -> str:
    """The name of a delivery in the log, in place of an order; no held signal has such a one."""
    return f"{HELD_PREFIX}{shop}{HELD_PREFIX}{HELD_PREFIX}{source}{HELD_PREFIX}{delivery}"


class KeptDelivery(Struct, frozen=True, kw_only=True):
    """The state of a delivery."""

    taken: DeliveryTaken
    received_at: datetime
    version: int = 1
    reasons: tuple[NotUnderstood, ...] = ()
    signals: int = 0
    mapping: str = ""
    orders: tuple[str, ...] = ()
    """Those that any reading of it names."""
    statements: Mapping[str, tuple[str, ...]] = {}
    """Of signals that were read otherwise later: all ids under which they were stated, the newest last."""

    settled: Settlement | None = None
    codes: tuple[Code, ...] = ()
    """Those that any reading of it did not know."""

    def after(self, event: DeliveryEvent, at: datetime, by: Actor) -> KeptDelivery:
        match event:
            case DeliverySettled(reason=reason):
                settled = Settlement(reason, at, by)
                return structs.replace(self, version=self.version + 1, settled=settled)
            case DeliveryReadAgain():
                return structs.replace(
                    self,
                    version=self.version + 1,
                    reasons=event.reasons,
                    signals=event.signals,
                    mapping=event.mapping,
                    orders=tuple(dict.fromkeys([*self.orders, *event.orders])),
                    statements=self._statements_after(event),
                    codes=tuple(dict.fromkeys([*self.codes, *codes_of(event.reasons)])),
                    settled=self.settled if is_same(self.reasons, event.reasons) else None,
                )
            case DeliveryTaken():
                raise ValueError("a delivery is taken once")
            case _:
                assert_never(event)

    def _statements_after(self, event: DeliveryReadAgain) -> Mapping[str, tuple[str, ...]]:
        found = dict(self.statements)
        for first, newest in event.restated:
            found[first] = (*found.get(first, (first,)), newest)
        return found

    @property
    def is_understood(self) -> bool:
        return not self.reasons

    @property
    def state(self) -> DeliveryState:
        return DeliveryState.of(understood=self.is_understood, settled=self.settled is not None)

    @property
    def readable_reasons(self) -> tuple[NotUnderstood, ...]:
        """None once it was erased: their words are erased with it."""
        return () if self.is_erased else self.reasons

    @property
    def is_erased(self) -> bool:
        return self.taken.beside == ERASED

    @property
    def body(self) -> bytes | None:
        """As it came; None once it was erased."""
        if self.is_erased:
            return None
        return zlib.decompress(base64.b64decode(self.taken.body, validate=True))


def is_same(reasons: Sequence[NotUnderstood], others: Sequence[NotUnderstood]) -> bool:
    """Without their words, which may be erased or name a time: what was set aside stays so while nothing else is wrong."""
    return [(one.why, one.pointer, one.code, one.table) for one in reasons] == [
        (one.why, one.pointer, one.code, one.table) for one in others
    ]


def codes_of(reasons: Iterable[NotUnderstood]) -> list[Code]:
    return [
        (one.table or "", one.code)
        for one in reasons
        if one.why is NotUnderstoodWhy.UNKNOWN_CODE and one.code is not None
    ]


def kept_delivery(taken: DeliveryTaken, received_at: datetime) -> KeptDelivery:
    return KeptDelivery(
        taken=taken,
        received_at=received_at,
        reasons=taken.reasons,
        signals=taken.signals,
        mapping=taken.mapping,
        orders=taken.orders,
        codes=tuple(codes_of(taken.reasons)),
        statements={first: (first, newest) for first, newest in taken.restated},
    )
