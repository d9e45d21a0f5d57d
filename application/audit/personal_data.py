"""Which personal data is held of an order's customer, and what of it was erased: without reading it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from application.log.event_codec import from_state
from application.log.event_log import EventLog
from application.log.sealing import DataKeys
from application.privacy.privacy_desk import PrivacyDesk
from domain.personal_data import told_in
from domain.privacy import Erasure, LegalHold


class Texts(Struct, frozen=True, kw_only=True):
    """Of one type of event: how many texts there are of each kind."""

    type: str
    held: int
    """Sealed, and their key is there."""
    erased: int
    """Sealed, and their key is gone: nobody can read them."""
    in_the_clear: int
    """Stored before personal data was sealed."""


class PersonalDataHeld(Struct, frozen=True, kw_only=True):
    """Of the customer of an order, all of whose orders and cases are looked at."""

    record: UUID | None
    """The stream of what is recorded of the customer as such."""
    orders: Sequence[str]
    cases: Sequence[UUID]
    texts: Sequence[Texts]
    keys_held: int
    keys_destroyed: int
    last_erased_position: int | None
    """The newest line of which something was erased: each proof of it stays good."""
    files: Sequence[str]
    holds: Sequence[LegalHold]
    erasures: Sequence[Erasure]


class ReadsOf(Struct, frozen=True, kw_only=True):
    """Who was shown the personal data of these orders; `readers` counts, by name."""

    orders: Sequence[str]
    readers: Mapping[str, int]
    reads: Sequence[ReadLine]


class ReadLine(Struct, frozen=True, kw_only=True):
    at: datetime
    who: str
    what: str
    order: str


def personal_data_held(
    log: EventLog, desk: PrivacyDesk, keys: DataKeys, order: str
) -> PersonalDataHeld:
    """Raises OrderNotFound, KeyStoreUnavailable."""
    whose = desk.whose(order)
    states = log.recorder.select_streams([*whose.streams, *whose.cases])
    lines = [from_state(position, state) for position, state in states]
    lines = [line for line in lines if told_in(line.event)]
    named = {line.sealed.key for line in lines if line.sealed is not None}
    there = keys.find(named)
    held: Counter[str] = Counter()
    erased: Counter[str] = Counter()
    clear: Counter[str] = Counter()
    last = 0
    for line in lines:
        many = len(told_in(line.event))
        if line.sealed is None:
            clear[line.type] += many
        elif line.sealed.key in there:
            held[line.type] += many
        else:
            erased[line.type] += many
            last = max(last, line.position)
    return PersonalDataHeld(
        record=whose.record.id if whose.record is not None else None,
        orders=whose.orders,
        cases=whose.cases,
        texts=[
            Texts(type=name, held=held[name], erased=erased[name], in_the_clear=clear[name])
            for name in sorted({*held, *erased, *clear})
        ],
        keys_held=len(there),
        keys_destroyed=len(named) - len(there),
        last_erased_position=last or None,
        files=whose.files,
        holds=whose.record.holds if whose.record is not None else (),
        erasures=whose.record.erasures if whose.record is not None else (),
    )
