"""Personal data of customers: what is held of one, legal holds, and erasure.

An erasure is recorded first, with each order and case that it is about, in one append; then the keys are
destroyed, and then it is recorded that they are. Whatever cuts it off in between, a tick goes on with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from eventsourcing.persistence import PersistenceError
from msgspec import Struct

from application.log.caller import Caller
from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.repository import Repository
from application.log.streams import PRIVACY, privacy_records
from application.privacy.customer_data import CustomerData, HeldData, WhoseOrder, customer_data
from domain.cases.exception_case import ExceptionCase
from domain.errors import OrderNotFound, TooContended
from domain.orders.events import OrderDataErased
from domain.orders.order import Order, order_stream
from domain.people import ERASER, Actor
from domain.personal_data_errors import CustomerUnknown, KeyStoreUnavailable
from domain.privacy import (
    Erasure,
    ErasureBasis,
    ErasureCompleted,
    ErasureOrdered,
    PrivacyEvent,
    PrivacyRecord,
)

ATTEMPTS = 20
_logger = logging.getLogger("casetrail.privacy")


class Whose(Protocol):
    """Which orders are whose, and their keys."""

    def subject_of(self, customer: str) -> UUID:
        """The name of the customer's record. Raises KeyStoreUnavailable."""

    def orders_of(self, subject: UUID) -> list[str]:
        """Orders that were recorded as the customer's, and not erased since."""

    def subject_with(self, order: str) -> UUID | None:
        """Whose order it is, if that was recorded and not erased since."""

    def destroy(self, subject: UUID, orders: Collection[str]) -> int:
        """All keys of these orders; how many. Raises KeyStoreUnavailable."""


class Files(Protocol):
    """Evidence that was uploaded."""

    def of_others(self, refs: Collection[str], cases: Collection[UUID]) -> Collection[str] | None:
        """Those of them that are attached to other cases than these; None if it is not known yet."""

    def erase(self, refs: Collection[str]) -> int:
        """So that nobody can read them; how many there were."""


class Noted(Struct, frozen=True):
    """The customer's record after the command, and the log's position."""

    record: PrivacyRecord
    position: int


class PrivacyDesk:
    def __init__(
        self,
        log: EventLog,
        orders: Repository[Order],
        cases: Repository[ExceptionCase],
        whose: Whose,
        files: Files,
    ) -> None:
        self._log = log
        self._records = privacy_records(log)
        self._orders = orders
        self._cases = cases
        self._whose = whose
        self._files = files

    def held(self, customer: str) -> HeldData:
        """Raises CustomerUnknown, KeyStoreUnavailable."""
        record, names = self._known(customer)
        theirs = self._theirs(names)
        return HeldData(record, names, [*theirs.cases], theirs.texts(self._log), theirs.files)

    def whose(self, order: str) -> WhoseOrder:
        """Raises OrderNotFound."""
        lines = self._log.trail(order_stream(order))
        if not lines:
            raise OrderNotFound(f"no order {order}")
        told = [line.event.record for line in lines if isinstance(line.event, OrderDataErased)]
        subject = told[-1] if told else self._whose.subject_with(order)
        if subject is None:
            record, names = None, [order]
        else:
            record = self.record(subject)
            gone = {name for erasure in record.erasures for name in erasure.orders}
            names = sorted({order, *gone, *self._whose.orders_of(subject)})
        theirs = self._theirs(names)
        return WhoseOrder(record, names, [*theirs.cases], theirs.files)

    def orders_of(self, customer: str) -> list[str]:
        """Raises KeyStoreUnavailable."""
        return self._whose.orders_of(self._whose.subject_of(customer))

    def hold(self, customer: str, reason: str, reference: str, by: Caller) -> Noted:
        """A hold may be placed before anything is known of the customer. Raises KeyStoreUnavailable."""
        return self._act(customer, by, lambda record: record.hold(reason, reference))

    def release(self, customer: str, hold: int, reason: str, by: Caller) -> Noted:
        """Raises NoSuchHold, KeyStoreUnavailable."""
        return self._act(customer, by, lambda record: record.release(hold, reason))

    def erase(self, customer: str, basis: ErasureBasis, reference: str, by: Caller) -> Noted:
        """Order the erasure of all that is personal in what is recorded of the customer, and carry it
        out; what cannot be carried out now is before long.

        Raises CustomerUnknown, UnderLegalHold, CustomerStillServed, StoredInTheClear, KeyStoreUnavailable.
        """
        for _ in range(ATTEMPTS):
            record, names = self._known(customer)
            record.must_not_be_held()
            theirs = self._theirs(names)
            theirs.must_be_done()
            theirs.must_be_sealed(self._log)
            number = len(record.erasures) + 1
            ordered = ErasureOrdered(
                erasure=number,
                basis=basis,
                reference=reference,
                orders=tuple(names),
                cases=tuple(theirs.cases),
                files=theirs.files,
            )
            try:
                done = self._record(record, ordered, by, [*theirs.erased(record.id, number, by)])
            except VersionTaken:
                continue
            self._orders.forget(theirs.orders)
            self._cases.forget(theirs.cases)
            try:
                self.tick(record.id, by.now)
            except (KeyStoreUnavailable, PersistenceError) as error:
                _logger.warning("an erasure will be carried out when it can be: %s", error)
            return done
        raise TooContended(f"the record of a customer, {ATTEMPTS} attempts")

    def tick(self, stream: UUID, now: datetime) -> None:
        """Carry out what was ordered and is not done. Raises KeyStoreUnavailable."""
        record = self.record(stream)
        ordered = record.unfinished
        if ordered is None:
            return
        shared = self._files.of_others(ordered.files, ordered.cases)
        if shared is None:
            return  # which files others rest on is not known yet
        keys = self._whose.destroy(stream, ordered.orders)
        files = self._files.erase([ref for ref in ordered.files if ref not in shared])
        completed = ErasureCompleted(erasure=ordered.erasure, keys=keys, files=files)
        after = record.after(completed, now, ERASER)
        write = _write(record, after, [(ERASER, completed)], now, f"erasure:{ordered.erasure}")
        try:
            self._log.append([write])
        except VersionTaken:
            return  # somebody else carried it out, or placed a hold that comes too late for it

    def _known(self, customer: str) -> tuple[PrivacyRecord, list[str]]:
        subject = self._whose.subject_of(customer)
        names = self._whose.orders_of(subject)
        record = self.record(subject)
        if not names:
            told = _erased_before(record.erasures)
            raise CustomerUnknown(f"no order of this customer is known{told}")
        return record, names

    def record(self, subject: UUID) -> PrivacyRecord:
        """What is recorded of a customer as such; nothing, if nobody ever did."""
        return self._records.current([subject]).get(subject) or PrivacyRecord(id=subject)

    def _theirs(self, names: Collection[str]) -> CustomerData:
        return customer_data(names, self._orders, self._cases)

    def _act(
        self, customer: str, by: Caller, decide: Callable[[PrivacyRecord], PrivacyEvent]
    ) -> Noted:
        subject = self._whose.subject_of(customer)
        for _ in range(ATTEMPTS):
            record = self.record(subject)
            try:
                return self._record(record, decide(record), by)
            except VersionTaken:
                continue
        raise TooContended(f"the record of a customer, {ATTEMPTS} attempts")

    def _record(
        self, record: PrivacyRecord, event: PrivacyEvent, by: Caller, also: Sequence[Write] = ()
    ) -> Noted:
        after = record.after(event, by.now, by.actor)
        write = _write(record, after, [(by.actor, event)], by.now, by.cause)
        row = by.row(after) if by.row is not None else None
        return Noted(after, self._log.append([write, *also], row).position)


def _write(
    before: PrivacyRecord,
    after: PrivacyRecord,
    events: Sequence[tuple[Actor, PrivacyEvent]],
    now: datetime,
    cause: str,
) -> Write:
    return Write(
        stream=before.id,
        kind=PRIVACY,
        expected=before.version,
        events=events,
        recorded_at=now,
        cause=cause,
        next_due=after.next_due,
    )


def _erased_before(erasures: Sequence[Erasure]) -> str:
    if not erasures:
        return ""
    return f"; what there was was erased on {erasures[-1].ordered_at.date()}"
