"""Personal data of customers: what is held of one, legal holds, and erasure.

An erasure has three steps: record the order to erase, with each order and case of the customer, in one append;
destroy the keys; record that they are destroyed. If it is interrupted, a timer tick continues it.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from eventsourcing.persistence import PersistenceError
from msgspec import Struct

from application.log.caller import Caller, system_caller
from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.repository import Repository
from application.log.streams import PRIVACY, privacy_records
from application.privacy.customer_data import (
    CustomerData,
    HeldData,
    OrderCustomer,
    load_customer_data,
)
from domain.cases.exception_case import ExceptionCase
from domain.errors import OrderNotFound, TooContended
from domain.orders.events import OrderDataErased
from domain.orders.order import Order, order_stream
from domain.people import ERASER_ACTOR
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


class CustomerKeys(Protocol):
    """The orders of each customer, and their keys."""

    def subject_of(self, customer: str) -> UUID:
        """The id of the customer's record. Raises KeyStoreUnavailable."""

    def orders_of(self, subject: UUID) -> list[str]:
        """The orders of the customer that were not erased."""

    def subject_of_order(self, order: str) -> UUID | None:
        """The customer of an order; None if that was never recorded, or erased."""

    def destroy(self, subject: UUID, orders: Collection[str]) -> int:
        """Destroy all keys of these orders; return how many. Raises KeyStoreUnavailable."""


class EvidenceFiles(Protocol):
    """Uploaded evidence files."""

    def attached_elsewhere(
        self, refs: Collection[str], cases: Collection[UUID]
    ) -> Collection[str] | None:
        """Those of the files that other cases use too; None if that is not known yet."""

    def erase(self, refs: Collection[str]) -> int:
        """Make the files unreadable; return how many there were."""


class PrivacyResult(Struct, frozen=True):
    """The customer's record after the command, and the log's position."""

    record: PrivacyRecord
    position: int


class PrivacyDesk:
    def __init__(
        self,
        log: EventLog,
        orders: Repository[Order],
        cases: Repository[ExceptionCase],
        keys: CustomerKeys,
        files: EvidenceFiles,
    ) -> None:
        self._log = log
        self._records = privacy_records(log)
        self._orders = orders
        self._cases = cases
        self._keys = keys
        self._files = files

    def held(self, customer: str) -> HeldData:
        """All personal data held of a customer. Raises CustomerUnknown, KeyStoreUnavailable."""
        record, names = self._known(customer)
        theirs = self._load_customer_data(names)
        return HeldData(record, names, [*theirs.cases], theirs.texts(self._log), theirs.files)

    def customer_of_order(self, order: str) -> OrderCustomer:
        """What is recorded of the customer of an order. Raises OrderNotFound."""
        lines = self._log.trail(order_stream(order))
        if not lines:
            raise OrderNotFound(f"no order {order}")
        erased = [line.event.record for line in lines if isinstance(line.event, OrderDataErased)]
        subject = erased[-1] if erased else self._keys.subject_of_order(order)
        if subject is None:
            record, names = None, [order]
        else:
            record = self.record(subject)
            gone = {name for erasure in record.erasures for name in erasure.orders}
            names = sorted({order, *gone, *self._keys.orders_of(subject)})
        theirs = self._load_customer_data(names)
        return OrderCustomer(record, names, [*theirs.cases], theirs.files)

    def orders_of(self, customer: str) -> list[str]:
        """Raises KeyStoreUnavailable."""
        return self._keys.orders_of(self._keys.subject_of(customer))

    def hold(self, customer: str, reason: str, reference: str, by: Caller) -> PrivacyResult:
        """Place a legal hold, also on a customer without orders. Raises KeyStoreUnavailable."""
        return self._act(customer, by, lambda record: record.hold(reason, reference))

    def release(self, customer: str, hold: int, reason: str, by: Caller) -> PrivacyResult:
        """Release a legal hold. Raises NoSuchHold, KeyStoreUnavailable."""
        return self._act(customer, by, lambda record: record.release(hold, reason))

    def erase(
        self, customer: str, basis: ErasureBasis, reference: str, by: Caller
    ) -> PrivacyResult:
        """Order the erasure of a customer's personal data, and carry it out, now or as soon as possible.

        Raises CustomerUnknown, UnderLegalHold, CustomerStillServed, StoredInTheClear, KeyStoreUnavailable.
        """
        for _ in range(ATTEMPTS):
            record, names, theirs = self._erasable(customer)
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
                result = self._record(
                    record, ordered, by, [*theirs.erasure_writes(record.id, number, by)]
                )
            except VersionTaken:
                continue
            self._orders.forget(theirs.orders)
            self._cases.forget(theirs.cases)
            try:
                self.tick(record.id, by.now)
            except (KeyStoreUnavailable, PersistenceError) as error:
                _logger.warning("an erasure is ordered and will be retried: %s", error)
            return result
        raise TooContended(f"the record of a customer, {ATTEMPTS} attempts")

    def preview_erasure(self, customer: str) -> CustomerData:
        """The orders and cases that `erase` would affect. Raises what `erase` raises."""
        return self._erasable(customer)[2]

    def _erasable(self, customer: str) -> tuple[PrivacyRecord, list[str], CustomerData]:
        record, names = self._known(customer)
        record.require_no_legal_hold()
        theirs = self._load_customer_data(names)
        theirs.require_all_closed()
        theirs.require_sealed(self._log)
        return record, names, theirs

    def tick(self, stream: UUID, now: datetime) -> None:
        """Carry out an erasure that was ordered and is not complete. Raises KeyStoreUnavailable."""
        record = self.record(stream)
        ordered = record.unfinished
        if ordered is None:
            return
        shared = self._files.attached_elsewhere(ordered.files, ordered.cases)
        if shared is None:
            return  # not known yet which files other cases use
        keys = self._keys.destroy(stream, ordered.orders)
        files = self._files.erase([ref for ref in ordered.files if ref not in shared])
        completed = ErasureCompleted(erasure=ordered.erasure, keys=keys, files=files)
        by = system_caller(ERASER_ACTOR, now, f"erasure:{ordered.erasure}")
        try:
            self._record(record, completed, by)
        except VersionTaken:
            return  # another process carried it out, or somebody placed a hold too late

    def _known(self, customer: str) -> tuple[PrivacyRecord, list[str]]:
        subject = self._keys.subject_of(customer)
        names = self._keys.orders_of(subject)
        record = self.record(subject)
        if not names:
            erased = _describe_last_erasure(record.erasures)
            raise CustomerUnknown(f"no order of this customer is known{erased}")
        return record, names

    def record(self, subject: UUID) -> PrivacyRecord:
        """The customer's own record of holds and erasures; an empty one if there is none."""
        return self._records.current([subject]).get(subject) or PrivacyRecord(id=subject)

    def _load_customer_data(self, names: Collection[str]) -> CustomerData:
        return load_customer_data(names, self._orders, self._cases)

    def _act(
        self, customer: str, by: Caller, decide: Callable[[PrivacyRecord], PrivacyEvent]
    ) -> PrivacyResult:
        subject = self._keys.subject_of(customer)
        for _ in range(ATTEMPTS):
            record = self.record(subject)
            try:
                return self._record(record, decide(record), by)
            except VersionTaken:
                continue
        raise TooContended(f"the record of a customer, {ATTEMPTS} attempts")

    def _record(
        self, record: PrivacyRecord, event: PrivacyEvent, by: Caller, also: Sequence[Write] = ()
    ) -> PrivacyResult:
        after = record.after(event, by.now, by.actor)
        write = by.write(record.id, PRIVACY, record.version, [event], next_due=after.next_due)
        return PrivacyResult(after, self._log.append([write, *also], by.row_of(after)).position)


def _describe_last_erasure(erasures: Sequence[Erasure]) -> str:
    if not erasures:
        return ""
    return f"; the customer's data was erased on {erasures[-1].ordered_at.date()}"
