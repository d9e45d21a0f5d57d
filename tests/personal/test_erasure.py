"""Erasure as a decision: what forbids it, what it records, and how it is resumed."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import pytest
from msgspec import structs

from application.log import streams
from domain.orders.order import order_stream
from domain.orders.order_names import OrderName
from domain.orders.purchase_signals import Customer
from domain.personal_data import personal_texts
from domain.personal_data_errors import (
    CustomerStillServed,
    CustomerUnknown,
    KeyStoreUnavailable,
    NoSuchHold,
    StoredInTheClear,
    UnderLegalHold,
)
from domain.privacy import DataSubject, ErasureBasis
from tests.application.in_memory_keys import MemoryKeys, NoFiles, SealedService
from tests.application.in_memory_service import InMemoryService, caller
from tests.domain.signals import after, placed, unavailable

PETRA = caller("petra", after(60))
BASIS = ErasureBasis.CONSENT_WITHDRAWN


def told(
    service: InMemoryService, order: str = "o-1", customer: str = "c-1", at: float = 0
) -> None:
    mine = (placed(at, customer=Customer(id=customer)), unavailable(at + 1))
    service.take(*(structs.replace(one, order=order) for one in mine), at=after(at + 2))


def resolved_customer(files: NoFiles | None = None) -> SealedService:
    """Two orders of a customer with resolved cases, and one order of another customer."""
    service = SealedService(files=files)
    told(service)
    told(service, "o-2", at=5)
    for case in service.found():
        service.desk.note(case.id, case.version, "She called.", caller("bo", after(19)))
    for case in service.found():
        service.resolve(case, after(20))
    told(service, "o-3", "c-2", at=25)
    return service


def test_an_erasure_applies_to_memory_and_log() -> None:
    service = resolved_customer()
    done = service.privacy.erase(DataSubject(customer="c-1"), BASIS, "DSR-1", PETRA)
    record = service.privacy.record(done.record.id)
    (erasure,) = record.erasures
    assert erasure.orders == ("o-1", "o-2")
    assert erasure.ordered_by == "petra"
    assert erasure.completed_at is not None
    assert erasure.keys == 2
    fresh = service.another_process()
    for name in ("o-1", "o-2"):
        stream = order_stream(name)
        known = service.orders.refreshed([stream])[stream]
        reloaded = fresh.orders.current([stream])[stream]
        assert known.signals == reloaded.signals
        assert known.facts == reloaded.facts
        assert reloaded.facts.customer.id is None
        assert reloaded.facts.customer.tier == "standard"
    for case in service.found():
        assert (
            service.cases.refreshed([case.id])[case.id] == fresh.cases.current([case.id])[case.id]
        )
    # The other customer's order is unchanged.
    other = order_stream("o-3")
    assert fresh.orders.current([other])[other].facts.customer.id == "c-2"


def test_a_cached_aggregate_equals_a_reloaded_one_after_an_erasure() -> None:
    service = resolved_customer()
    elsewhere = service.another_process()
    cases = [case.id for case in elsewhere.found()]
    elsewhere.orders.current([order_stream("o-1")])
    elsewhere.cases.current(cases)
    service.privacy.erase(DataSubject(customer="c-1"), BASIS, "", PETRA)
    stream = order_stream("o-1")
    assert elsewhere.orders.refreshed([stream])[stream].facts.customer.id is None
    reloaded = streams.cases(elsewhere.log).current(cases)
    assert elsewhere.cases.refreshed(cases) == reloaded


def test_a_repeated_signal_is_still_a_duplicate() -> None:
    service = resolved_customer()
    service.privacy.erase(DataSubject(customer="c-1"), BASIS, "", PETRA)
    before = service.log.head()
    told(service)
    told(service.another_process(), "o-2", at=5)
    assert service.log.head() == before


def test_a_legal_hold_refuses_with_its_reason_until_it_is_released() -> None:
    service = resolved_customer()
    service.privacy.hold(DataSubject(customer="c-1"), "A claim is pending.", "17 C 4/26", PETRA)
    with pytest.raises(UnderLegalHold, match=r"hold 1 .* by petra: A claim is pending"):
        service.privacy.erase(DataSubject(customer="c-1"), BASIS, "", PETRA)
    with pytest.raises(NoSuchHold):
        service.privacy.release(DataSubject(customer="c-1"), 2, "A mistake.", PETRA)
    service.privacy.release(DataSubject(customer="c-1"), 1, "It was settled.", PETRA)
    with pytest.raises(NoSuchHold):
        service.privacy.release(DataSubject(customer="c-1"), 1, "Once more.", PETRA)
    assert service.privacy.erase(DataSubject(customer="c-1"), BASIS, "", PETRA).record.erasures


def test_a_customer_with_an_open_case_is_not_erased() -> None:
    service = SealedService()
    told(service)
    (case,) = service.found()
    with pytest.raises(CustomerStillServed, match=str(case.id)):
        service.privacy.erase(DataSubject(customer="c-1"), BASIS, "", PETRA)
    before = service.log.head()
    with pytest.raises(CustomerUnknown):
        service.privacy.erase(DataSubject(customer="c-9"), BASIS, "", PETRA)
    assert service.log.head() == before


def test_unsealed_data_is_named_and_nothing_is_erased() -> None:
    service = resolved_customer()
    plain = InMemoryService(service.rulebook, service.recorder)
    (case,) = [
        case for case in plain.found() if (case.order, case.kind) == ("o-1", "stock_unavailable")
    ]
    reopened = plain.desk.reopen(case.id, case.version, "In the clear.", caller("bo", after(32)))
    plain.resolve(reopened.case, after(33))
    with pytest.raises(StoredInTheClear, match="positions "):
        service.another_process().privacy.erase(DataSubject(customer="c-1"), BASIS, "", PETRA)
    assert service.keys.keys


def test_a_returning_customer_is_a_new_one() -> None:
    service = resolved_customer()
    service.privacy.erase(DataSubject(customer="c-1"), BASIS, "", PETRA)
    with pytest.raises(CustomerUnknown, match="was erased on 2018-01-13"):
        service.privacy.held(DataSubject(customer="c-1"))
    told(service, "o-4", at=80)
    held = service.privacy.held(DataSubject(customer="c-1"))
    assert held.orders == [OrderName("o-4")]
    assert any("c-1" in one.texts for one in held.texts)
    assert len(held.record.erasures) == 1


class StoreDown(MemoryKeys):
    """A key store that is unavailable during a destruction."""

    down = True

    def destroy(self, erasure: UUID, orders: Collection[str], spared: Collection[str] = ()) -> int:
        if self.down:
            raise KeyStoreUnavailable("it does not answer")
        return super().destroy(erasure, orders, spared)


def test_an_interrupted_erasure_is_completed_later_and_once() -> None:
    keys = StoreDown()
    service = SealedService(keys=keys)
    told(service)
    service.resolve(service.only_case("stock_unavailable"), after(20))
    done = service.privacy.erase(DataSubject(customer="c-1"), BASIS, "", PETRA)
    assert done.record.unfinished is not None
    # An ordered erasure already applies to everything folded from here on.
    stream = order_stream("o-1")
    assert service.orders.refreshed([stream])[stream].facts.customer.id is None
    assert done.record.id in service.due()
    with pytest.raises(KeyStoreUnavailable):
        service.privacy.tick(done.record.id, after(61))
    keys.down = False
    for _ in range(2):
        service.privacy.tick(done.record.id, after(62))
    record = service.privacy.record(done.record.id)
    assert [one.completed_at for one in record.erasures] == [after(62)]
    assert service.trail(done.record.id) == ["privacy.erasure_ordered", "privacy.erasure_completed"]
    assert done.record.id not in service.due()
    assert not [line for line in service.log.trail(stream) if "c-1" in personal_texts(line.event)]


def test_files_are_erased_unless_other_cases_have_them() -> None:
    from domain.cases.evidence import Evidence, EvidenceType

    files = NoFiles(shared=["sha256:" + "b" * 64])
    service = SealedService(files=files)
    told(service)
    case = service.only_case("stock_unavailable")
    held = service.desk.claim(case.id, case.version, caller("ana", after(5))).case
    for letter in "ab":
        piece = Evidence(ref="sha256:" + letter * 64, type=EvidenceType.PHOTO, title="Her door")
        held = service.desk.attach(held.id, held.version, piece, caller("ana", after(6))).case
    service.resolve_held(held, after(20))
    files.shared = None
    done = service.privacy.erase(DataSubject(customer="c-1"), BASIS, "", PETRA)
    assert service.privacy.record(done.record.id).unfinished is not None, "who rests on them?"
    files.shared = ["sha256:" + "b" * 64]
    service.privacy.tick(done.record.id, after(61))
    assert files.erased == ["sha256:" + "a" * 64]
