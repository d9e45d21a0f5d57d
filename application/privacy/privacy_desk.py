"""Personal data of customers and of single orders: what is held, legal holds, and erasure.

An erasure has three steps: record the order to erase, with each order and case of the customer, in one append;
destroy the keys; record that they are destroyed. If it is interrupted, a timer tick continues it.

What arrives after the first step has a new key. The erasure leaves that key, and a second erasure can destroy it.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from uuid import UUID

from eventsourcing.persistence import PersistenceError
from msgspec import Struct

from application.log.caller import Caller, system_caller
from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.log.repository import Repository
from application.log.sealing import without_read_tracking
from application.log.streams import PRIVACY, privacy_records
from application.privacy.customer_data import (
    CustomerData,
    HeldAfterErasure,
    HeldData,
    OrderCustomer,
    held_deliveries,
    load_customer_data,
)
from application.privacy.stores import CustomerKeys, EvidenceFiles
from application.privacy.views import (
    describe_last_erasure,
    describe_later,
    erasures_of,
    record_view,
)
from domain.cases.exception_case import ExceptionCase
from domain.errors import OrderNotFound, TooContended
from domain.orders.events import OrderDataErased
from domain.orders.order import Order, order_stream
from domain.orders.order_names import describe_missing, describe_order, order_names
from domain.orders.signal_body import split_order_key
from domain.people import ERASER_ACTOR
from domain.personal_data_errors import CustomerUnknown, KeyStoreUnavailable, NothingToErase
from domain.privacy import (
    DataSubject,
    ErasureBasis,
    ErasureCompleted,
    ErasureOrdered,
    PrivacyEvent,
    PrivacyRecord,
    erasure_id,
    record_of_order,
)

ATTEMPTS = 20
_logger = logging.getLogger("casetrail.privacy")


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

    def held(self, whose: DataSubject) -> HeldData:
        """All personal data held of a customer, or of one order, and what arrived after an erasure.

        Raises CustomerUnknown, OrderNotFound, KeyStoreUnavailable.
        """
        record, names = self._known(whose)
        theirs = self._load_customer_data(names)
        texts = theirs.texts(self._log)
        sent = held_deliveries(self._log, self._files.deliveries_of(names), names, record.erasures)
        later = sum(len(one.texts) for one in texts if one.after_erasure)
        later += sum(one.after_erasure for one in sent)
        note = describe_later(record, names, later)
        files = self._files.not_erased(theirs.files)
        shown, orders = record_view(record), order_names(names)
        return HeldData(shown, orders, [*theirs.cases], texts, files, later, note, sent)

    def held_after_erasure(self, after: str, limit: int) -> list[HeldAfterErasure]:
        """The orders of which something arrived after their erasure, by order. Raises KeyStoreUnavailable."""
        found = []
        with without_read_tracking():
            for name in self._keys.held_after_erasure(None, after, limit):
                record = self.record(self._subject_of_order(name))
                texts = self._load_customer_data([name]).texts(self._log)
                reported = self._files.deliveries_of([name])
                sent = held_deliveries(self._log, reported, [name], record.erasures)
                later = sum(len(one.texts) for one in texts) + len(sent)
                times = [*(one.recorded_at for one in texts), *(one.received_at for one in sent)]
                last = max(times, default=None)
                if erasures := erasures_of(record, [name]):
                    at, note = erasures[-1].ordered_at, describe_later(record, [name], later)
                    found.append(
                        HeldAfterErasure(
                            *split_order_key(name), record.id, at, later, last, note or ""
                        )
                    )
        return found

    def customer_of_order(self, order: str) -> OrderCustomer:
        """What is recorded of the customer of an order. Raises OrderNotFound."""
        subject = self._subject_of_order(order)
        record, names = self.record(subject), [order]
        if subject != record_of_order(order):
            gone = {name for erasure in record.erasures for name in erasure.orders}
            names = sorted({order, *gone, *self._keys.orders_of(subject)})
        theirs = self._load_customer_data(names)
        is_recorded = record.version > 0 or subject != record_of_order(order)
        return OrderCustomer(record if is_recorded else None, names, [*theirs.cases], theirs.files)

    def orders_of(self, customer: str) -> list[str]:
        """The orders of a customer that hold personal data. Raises KeyStoreUnavailable."""
        return self._orders_of(self.record(self._keys.subject_of(customer)))

    def hold(self, whose: DataSubject, reason: str, reference: str, by: Caller) -> PrivacyResult:
        """Place a legal hold, also on a customer without orders; by order, on the order's customer if that
        is known. Raises OrderNotFound, KeyStoreUnavailable."""
        return self._act(whose, by, lambda record: record.hold(reason, reference))

    def release(self, whose: DataSubject, hold: int, reason: str, by: Caller) -> PrivacyResult:
        """Release a legal hold. Raises NoSuchHold, OrderNotFound, KeyStoreUnavailable."""
        return self._act(whose, by, lambda record: record.release(hold, reason))

    def erase(
        self, whose: DataSubject, basis: ErasureBasis, reference: str, by: Caller
    ) -> PrivacyResult:
        """Order the erasure of the personal data of a customer or of one order, and carry it out, now or as
        soon as possible.

        Raises CustomerUnknown, OrderNotFound, NothingToErase, UnderLegalHold, CustomerStillServed,
        StoredInTheClear, KeyStoreUnavailable.
        """
        for _ in range(ATTEMPTS):
            record, names, theirs = self._erasable(whose)
            number = len(record.erasures) + 1
            ordered = ErasureOrdered(
                erasure=number,
                basis=basis,
                reference=reference,
                orders=tuple(names),
                cases=tuple(theirs.cases),
                files=self._files.not_erased(theirs.files),
            )
            try:
                result = self._record(
                    record, ordered, by, [*theirs.erasure_writes(record.id, number, by)]
                )
            except VersionTaken:
                continue
            self._orders.forget(theirs.orders)
            self._cases.forget(theirs.cases)
            for name in names:
                self._keys.renew(name)
            try:
                self.tick(record.id, by.now)
            except (KeyStoreUnavailable, PersistenceError) as error:
                _logger.warning("an erasure is ordered and will be retried: %s", error)
            return result
        raise TooContended(f"the record of a customer, {ATTEMPTS} attempts")

    def preview_erasure(self, whose: DataSubject) -> CustomerData:
        """The orders and cases that `erase` would affect. Raises what `erase` raises."""
        return self._erasable(whose)[2]

    def _erasable(self, whose: DataSubject) -> tuple[PrivacyRecord, list[str], CustomerData]:
        record, names = self._known(whose)
        # An order may have a hold of its own, from before its customer was known.
        others = {*self._keys.subjects_of(names), *map(record_of_order, names)} - {record.id}
        for held in (record, *self._records.current([*others]).values()):
            held.require_no_legal_hold()
        theirs = self._load_customer_data(names)
        if whose.order is not None and not self._keys.has_keys(whose.order):
            with without_read_tracking():
                if not theirs.texts(self._log):
                    raise NothingToErase(
                        f"order {describe_order(whose.order)}{describe_last_erasure(erasures_of(record, names))}"
                    )
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
        erasure = erasure_id(stream, ordered.erasure)
        theirs = self._load_customer_data(ordered.orders)
        spared = theirs.later_keys(self._log, stream, ordered.erasure)
        keys = self._keys.destroy(erasure, ordered.orders, spared)
        files = self._files.erase([ref for ref in ordered.files if ref not in shared])
        completed = ErasureCompleted(erasure=ordered.erasure, keys=keys, files=files)
        by = system_caller(ERASER_ACTOR, now, f"erasure:{ordered.erasure}")
        try:
            self._record(record, completed, by)
        except VersionTaken:
            return  # another process carried it out, or somebody placed a hold too late

    def _known(self, whose: DataSubject) -> tuple[PrivacyRecord, list[str]]:
        record = self.record(self._subject(whose))
        names = [whose.order] if whose.order is not None else self._orders_of(record)
        if not names:
            erased = describe_last_erasure(record.erasures)
            raise CustomerUnknown(f"no order of this customer is known{erased}")
        return record, names

    def _subject(self, whose: DataSubject) -> UUID:
        if whose.order is not None:
            return self._subject_of_order(whose.order)
        assert whose.customer is not None
        return self._keys.subject_of(whose.customer)

    def _subject_of_order(self, order: str) -> UUID:
        """The record of the order's customer; the order's own one if no customer is known.

        Raises OrderNotFound.
        """
        with without_read_tracking():
            lines = self._log.trail(order_stream(order))
        if not lines:
            raise OrderNotFound(describe_missing(order))
        erased = [line.event.record for line in lines if isinstance(line.event, OrderDataErased)]
        own = erased[-1] if erased else record_of_order(order)
        return self._keys.subject_of_order(order) or own

    def _orders_of(self, record: PrivacyRecord) -> list[str]:
        """The customer's orders that were not erased, and those of which something arrived since."""
        known = {*self._keys.orders_of(record.id)}
        gone = {name for erasure in record.erasures for name in erasure.orders} - known
        later = self._keys.held_after_erasure(gone, "", len(gone)) if gone else []
        # An order that names another customer by now is that customer's.
        mine = (name for name in later if self._keys.subject_of_order(name) in (None, record.id))
        return sorted({*known, *mine})

    def record(self, subject: UUID) -> PrivacyRecord:
        """The record of holds and erasures of a customer or an order; an empty one if there is none."""
        return self._records.current([subject]).get(subject) or PrivacyRecord(id=subject)

    def _load_customer_data(self, names: Collection[str]) -> CustomerData:
        return load_customer_data(
            names, self._orders, self._cases, self._files.cases_of(names) if names else ()
        )

    def _act(
        self, whose: DataSubject, by: Caller, decide: Callable[[PrivacyRecord], PrivacyEvent]
    ) -> PrivacyResult:
        subject = self._subject(whose)
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
        # The last position is the one that the answer names, and has a receipt: the decision's.
        return PrivacyResult(after, self._log.append([*also, write], by.row_of(after)).position)
