"""What arrives for an order after its erasure, and the data of orders whose customer nobody named."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import pytest
from msgspec import structs

from domain.cases.work_commands import OpenCase
from domain.errors import OrderNotFound
from domain.orders.message_signals import Channel, MessageReceived
from domain.orders.order import order_stream
from domain.orders.order_names import OrderName
from domain.orders.purchase_signals import Customer
from domain.orders.signals import Signal
from domain.personal_data_errors import (
    CustomerStillServed,
    CustomerUnknown,
    KeyStoreUnavailable,
    NothingToErase,
    UnderLegalHold,
)
from domain.privacy import DataSubject, ErasureBasis, record_of_order
from tests.application.in_memory_keys import MemoryKeys, SealedService
from tests.application.in_memory_service import caller
from tests.domain.signals import after, placed

PETRA = caller("petra", after(60))
BASIS = ErasureBasis.CONSENT_WITHDRAWN
C1 = DataSubject(customer="c-1")
O1 = DataSubject(order="o-1")
TEXT = "I am Erika Muster of Weg 1."


def message(at: float, text: str = TEXT, order: str = "o-1") -> MessageReceived:
    return MessageReceived(
        source="desk",
        id=f"m-{at}",
        order=order,
        event_time=after(at),
        channel=Channel.EMAIL,
        summary=text,
    )


def purchase(at: float, order: str = "o-1", customer: str = "c-1", id: str = "") -> Signal:
    one = placed(at, customer=Customer(id=customer))
    return structs.replace(one, order=order, id=id or one.id)


def erased_customer(keys: MemoryKeys | None = None) -> SealedService:
    service = SealedService(keys=keys)
    service.take(purchase(0), at=after(1))
    service.take(purchase(2, "o-2"), at=after(3))
    service.privacy.erase(C1, BASIS, "DSR-1", PETRA)
    return service


def readable(service: SealedService, order: str = "o-1") -> str:
    return repr(service.another_process().log.trail(order_stream(order)))


def erase(service: SealedService, whose: DataSubject = C1, at: float = 60) -> UUID:
    """Erase it, as soon as the cases that the late texts opened are resolved."""
    for case in service.found():
        if not case.is_resolved:
            service.resolve(case, after(at))
    return service.privacy.erase(whose, BASIS, "", caller("petra", after(at))).record.id


def require_same_after_replay(*services: SealedService) -> None:
    """Each process, and one that reads all from the start, have the same state of the order."""
    stream = order_stream("o-1")
    fresh = services[0].another_process().orders.current([stream])[stream]
    for service in services:
        known = service.orders.refreshed([stream])[stream]
        assert known.signals == fresh.signals
        assert known.facts == fresh.facts


def test_a_message_after_the_erasure_is_found_and_erased_by_a_second_erasure() -> None:
    service = erased_customer()
    with pytest.raises(CustomerUnknown, match="was erased on"):
        service.privacy.held(C1)
    service.take(message(70), at=after(71))
    assert TEXT in readable(service)

    held = service.privacy.held(C1)
    assert held.orders == [OrderName("o-1")]
    assert [(one.texts, one.after_erasure, one.order) for one in held.texts] == [
        ([TEXT], True, "o-1")
    ]
    assert held.after_erasure == 1
    assert held.note is not None
    assert held.note.startswith("1 text arrived after the erasure at 2018-01-13T")

    second = service.privacy.erase(C1, BASIS, "DSR-2", caller("petra", after(80)))
    first, done = service.privacy.record(second.record.id).erasures
    assert (first.orders, first.keys, first.reference) == (("o-1", "o-2"), 2, "DSR-1")
    assert (done.orders, done.keys, done.reference) == (("o-1",), 1, "DSR-2")
    assert done.completed_at == after(80)
    assert TEXT not in readable(service)
    with pytest.raises(CustomerUnknown):
        service.privacy.held(C1)
    require_same_after_replay(service)


def test_the_order_again_under_a_new_id_is_erased_with_the_customers_id() -> None:
    service = erased_customer()
    service.take(purchase(70, id="again"), at=after(71))
    assert "'c-1'" in readable(service)
    held = service.privacy.held(C1)
    assert {one.after_erasure for one in held.texts} == {True}
    erase(service, at=80)
    assert "'c-1'" not in readable(service)
    # Both statements are still recognized.
    head = service.log.head()
    service.take(purchase(0), at=after(71))
    service.take(purchase(70, id="again"), at=after(71))
    assert service.log.head() == head


class CrashingKeys(MemoryKeys):
    """The process ends before or after the keys are destroyed."""

    crash = "before"

    def destroy(self, erasure: UUID, orders: Collection[str], spared: Collection[str] = ()) -> int:
        if self.crash == "before":
            raise KeyStoreUnavailable("it does not answer")
        destroyed = super().destroy(erasure, orders, spared)
        if self.crash == "after":
            raise KeyStoreUnavailable("it does not answer")
        return destroyed


@pytest.mark.parametrize("crash", ["before", "after"])
def test_what_arrives_between_the_order_and_the_end_of_an_erasure_is_left_for_a_second_one(
    crash: str,
) -> None:
    keys = CrashingKeys()
    keys.crash = crash
    service = erased_customer(keys)
    other = service.another_process()
    record = keys.subject_of("c-1")
    assert service.privacy.record(record).unfinished is not None
    other.take(message(70), at=after(71))
    service.take(message(72, "I wrote again."), at=after(73))
    keys.crash = ""
    for _ in range(2):
        other.privacy.tick(record, after(75))
    (done,) = other.privacy.record(record).erasures
    assert (done.keys, done.completed_at) == (2, after(75))
    assert TEXT in readable(service)
    assert "'c-1'" not in readable(service)
    require_same_after_replay(service, other)

    held = service.privacy.held(C1)
    assert held.after_erasure == 2
    keys.crash = crash
    erase(service, at=80)
    keys.crash = ""
    service.privacy.tick(record, after(85))
    assert [one.completed_at for one in service.privacy.record(record).erasures] == [
        after(75),
        after(85),
    ]
    assert TEXT not in readable(service)
    assert "I wrote again." not in readable(service)
    assert keys.held_after_erasure(None, "", 10) == []
    require_same_after_replay(service, other)


def test_another_process_seals_what_arrives_after_an_erasure_with_a_new_key() -> None:
    service = SealedService()
    other = service.another_process()
    service.take(purchase(0), at=after(1))
    other.orders.current([order_stream("o-1")])
    service.privacy.erase(C1, BASIS, "", PETRA)
    other.take(message(70), at=after(71))
    assert TEXT in readable(service)


def test_an_order_of_which_only_a_message_is_known_is_erased_by_its_order() -> None:
    service = SealedService()
    service.take(message(1), at=after(2))
    held = service.privacy.held(O1)
    assert [one.texts for one in held.texts] == [[TEXT]]
    assert (held.after_erasure, held.note) == (0, None)
    done = service.privacy.erase(O1, BASIS, "DSR-3", PETRA)
    assert done.record.id == record_of_order("o-1")
    (erasure,) = service.privacy.record(done.record.id).erasures
    assert (erasure.orders, erasure.ordered_by, erasure.reference) == (("o-1",), "petra", "DSR-3")
    assert TEXT not in readable(service)
    assert service.privacy.customer_of_order("o-1").record == service.privacy.record(done.record.id)
    with pytest.raises(NothingToErase, match="order o-1; the customer's data was erased on"):
        service.privacy.erase(O1, BASIS, "", PETRA)
    with pytest.raises(OrderNotFound):
        service.privacy.erase(DataSubject(order="o-9"), BASIS, "", PETRA)
    # It names its customer later.
    service.take(purchase(70), at=after(71))
    assert service.privacy.held(C1).orders == [OrderName("o-1")]
    service.privacy.erase(C1, BASIS, "", PETRA)
    assert "'c-1'" not in readable(service)


def test_one_order_of_a_customer_is_erased_in_the_customers_record() -> None:
    service = SealedService()
    service.take(purchase(0), at=after(1))
    service.take(purchase(2, "o-2"), at=after(3))
    done = service.privacy.erase(O1, BASIS, "", PETRA)
    assert done.record.id == service.keys.subject_of("c-1")
    assert service.privacy.held(C1).orders == [OrderName("o-2")]
    assert "'c-1'" not in readable(service)
    assert "'c-1'" in readable(service, "o-2")


def test_a_hold_on_an_order_lasts_when_its_customer_is_named() -> None:
    service = SealedService()
    service.take(message(1), at=after(2))
    service.privacy.hold(O1, "A claim is pending.", "", PETRA)
    with pytest.raises(UnderLegalHold):
        service.privacy.erase(O1, BASIS, "", PETRA)
    service.take(purchase(3), at=after(4))
    with pytest.raises(UnderLegalHold, match="A claim is pending"):
        service.privacy.erase(C1, BASIS, "", PETRA)


def test_an_order_that_names_another_customer_after_an_erasure_is_not_the_erased_ones() -> None:
    service = erased_customer()
    service.take(purchase(70, customer="c-2", id="again"), at=after(71))
    with pytest.raises(CustomerUnknown):
        service.privacy.held(C1)
    assert service.privacy.held(DataSubject(customer="c-2")).orders == [OrderName("o-1")]


def test_orders_with_late_texts_are_listed_without_the_texts() -> None:
    service = erased_customer()
    assert service.privacy.held_after_erasure("", 10) == []
    service.take(message(70), at=after(71))
    service.take(message(70, order="o-2"), message(71, order="o-2"), at=after(72))
    found = service.privacy.held_after_erasure("", 10)
    assert [(one.order, one.texts, one.last_arrived_at) for one in found] == [
        ("o-1", 1, after(71)),
        ("o-2", 2, after(72)),
    ]
    assert TEXT not in repr(found)
    assert service.privacy.held_after_erasure("o-1", 10) == found[1:]
    for one in found:
        erase(service, DataSubject(order=one.order))
    assert service.privacy.held_after_erasure("", 10) == []


def test_a_case_that_a_person_opened_is_found_and_erased_too() -> None:
    service = SealedService()
    service.take(purchase(0), at=after(1))
    asked = OpenCase(order="o-1", kind="refund_due", note="Erika called.")
    opened = service.desk.open(asked, caller("ana", after(2))).case
    service.files.cases = [opened.id]
    held = service.privacy.held(C1)
    assert held.cases == [opened.id]
    assert ["Erika called."] in [one.texts for one in held.texts]
    with pytest.raises(CustomerStillServed, match=str(opened.id)):
        service.privacy.erase(C1, BASIS, "", PETRA)
    service.resolve(opened, after(3))
    service.privacy.erase(C1, BASIS, "", PETRA)
    assert service.trail(opened.id)[-1] == "case.data_erased"
    assert "Erika called." not in repr(service.another_process().log.trail(opened.id))
