"""Erasure as a decision: who stands against it, what is recorded, and what cuts it off."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import pytest
from msgspec import structs

from application.log import streams
from domain.orders.order import order_stream
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
from domain.privacy import ErasureBasis
from tests.application.in_memory_keys import MemoryKeys, NoFiles, SealedService
from tests.application.in_memory_service import InMemoryService, caller
from tests.domain.signals import after, placed, unavailable

PETRA = caller("petra", after(60))
BASIS = ErasureBasis.CONSENT_WITHDRAWN


def told(house: InMemoryService, order: str = "o-1", customer: str = "c-1", at: float = 0) -> None:
    mine = (placed(at, customer=Customer(id=customer)), unavailable(at + 1))
    house.take(*(structs.replace(one, order=order) for one in mine), at=after(at + 2))


def lived(files: NoFiles | None = None) -> SealedService:
    """Two orders of a customer's, whose cases are over, and one of somebody else's."""
    house = SealedService(files=files)
    told(house)
    told(house, "o-2", at=5)
    for case in house.found():
        house.desk.note(case.id, case.version, "She called.", caller("bo", after(19)))
    for case in house.found():
        house.resolve(case, after(20))
    told(house, "o-3", "c-2", at=25)
    return house


def test_whatever_is_erased_is_erased_in_memory_and_in_the_log_alike() -> None:
    house = lived()
    done = house.privacy.erase("c-1", BASIS, "DSR-1", PETRA)
    record = house.privacy.record(done.record.id)
    (erasure,) = record.erasures
    assert erasure.orders == ("o-1", "o-2")
    assert erasure.ordered_by == "petra"
    assert erasure.completed_at is not None
    assert erasure.keys == 2
    fresh = house.another_process()
    for name in ("o-1", "o-2"):
        stream = order_stream(name)
        known = house.orders.refreshed([stream])[stream]
        anew = fresh.orders.current([stream])[stream]
        assert known.signals == anew.signals
        assert known.facts == anew.facts
        assert anew.facts.customer.id is None
        assert anew.facts.customer.tier == "standard"
    for case in house.found():
        assert house.cases.refreshed([case.id])[case.id] == fresh.cases.current([case.id])[case.id]
    # And whoever had it in memory from before learns of it with the next line.
    other = order_stream("o-3")
    assert fresh.orders.current([other])[other].facts.customer.id == "c-2"


def test_an_aggregate_that_was_in_memory_before_folds_to_the_same() -> None:
    house = lived()
    elsewhere = house.another_process()
    cases = [case.id for case in elsewhere.found()]
    elsewhere.orders.current([order_stream("o-1")])
    elsewhere.cases.current(cases)
    house.privacy.erase("c-1", BASIS, "", PETRA)
    stream = order_stream("o-1")
    assert elsewhere.orders.refreshed([stream])[stream].facts.customer.id is None
    anew = streams.cases(elsewhere.log).current(cases)
    assert elsewhere.cases.refreshed(cases) == anew


def test_a_signal_that_comes_again_is_still_known() -> None:
    house = lived()
    house.privacy.erase("c-1", BASIS, "", PETRA)
    before = house.log.head()
    told(house)
    told(house.another_process(), "o-2", at=5)
    assert house.log.head() == before


def test_a_legal_hold_refuses_with_its_reason_until_it_is_released() -> None:
    house = lived()
    house.privacy.hold("c-1", "A claim is pending.", "17 C 4/26", PETRA)
    with pytest.raises(UnderLegalHold, match=r"hold 1 .* by petra: A claim is pending"):
        house.privacy.erase("c-1", BASIS, "", PETRA)
    with pytest.raises(NoSuchHold):
        house.privacy.release("c-1", 2, "A mistake.", PETRA)
    house.privacy.release("c-1", 1, "It was settled.", PETRA)
    with pytest.raises(NoSuchHold):
        house.privacy.release("c-1", 1, "Once more.", PETRA)
    assert house.privacy.erase("c-1", BASIS, "", PETRA).record.erasures


def test_who_is_still_served_is_not_erased() -> None:
    house = SealedService()
    told(house)
    (case,) = house.found()
    with pytest.raises(CustomerStillServed, match=str(case.id)):
        house.privacy.erase("c-1", BASIS, "", PETRA)
    before = house.log.head()
    with pytest.raises(CustomerUnknown):
        house.privacy.erase("c-9", BASIS, "", PETRA)
    assert house.log.head() == before


def test_what_was_stored_in_the_clear_is_named_and_nothing_is_done() -> None:
    house = lived()
    plain = InMemoryService(house.rulebook, house.recorder)
    (case,) = [
        case for case in plain.found() if (case.order, case.kind) == ("o-1", "stock_unavailable")
    ]
    reopened = plain.desk.reopen(case.id, case.version, "In the clear.", caller("bo", after(32)))
    plain.resolve(reopened.case, after(33))
    with pytest.raises(StoredInTheClear, match="positions "):
        house.another_process().privacy.erase("c-1", BASIS, "", PETRA)
    assert house.keys.keys


def test_an_erased_customer_who_comes_back_is_somebody_new() -> None:
    house = lived()
    house.privacy.erase("c-1", BASIS, "", PETRA)
    with pytest.raises(CustomerUnknown, match="was erased on 2018-01-13"):
        house.privacy.held("c-1")
    told(house, "o-4", at=80)
    held = house.privacy.held("c-1")
    assert held.orders == ["o-4"]
    assert any("c-1" in one.texts for one in held.texts)
    assert len(held.record.erasures) == 1


class StoreDown(MemoryKeys):
    """A key store that is away while it is to forget."""

    down = True

    def destroy(self, subject: UUID, orders: Collection[str]) -> int:
        if self.down:
            raise KeyStoreUnavailable("it does not answer")
        return super().destroy(subject, orders)


def test_what_is_cut_off_is_carried_out_later_and_once() -> None:
    keys = StoreDown()
    house = SealedService(keys=keys)
    told(house)
    house.resolve(house.only_case("stock_unavailable"), after(20))
    done = house.privacy.erase("c-1", BASIS, "", PETRA)
    assert done.record.unfinished is not None
    # Ordered is told as erased at once, in whatever is folded from here on.
    stream = order_stream("o-1")
    assert house.orders.refreshed([stream])[stream].facts.customer.id is None
    assert done.record.id in house.due()
    with pytest.raises(KeyStoreUnavailable):
        house.privacy.tick(done.record.id, after(61))
    keys.down = False
    for _ in range(2):
        house.privacy.tick(done.record.id, after(62))
    record = house.privacy.record(done.record.id)
    assert [one.completed_at for one in record.erasures] == [after(62)]
    assert house.trail(done.record.id) == ["privacy.erasure_ordered", "privacy.erasure_completed"]
    assert done.record.id not in house.due()
    assert not [line for line in house.log.trail(stream) if "c-1" in personal_texts(line.event)]


def test_files_go_but_those_that_others_rest_on() -> None:
    from domain.cases.evidence import Evidence, EvidenceType

    files = NoFiles(shared=["sha256:" + "b" * 64])
    house = SealedService(files=files)
    told(house)
    case = house.only_case("stock_unavailable")
    held = house.desk.claim(case.id, case.version, caller("ana", after(5))).case
    for letter in "ab":
        piece = Evidence(ref="sha256:" + letter * 64, type=EvidenceType.PHOTO, title="Her door")
        held = house.desk.attach(held.id, held.version, piece, caller("ana", after(6))).case
    house.resolve_held(held, after(20))
    files.shared = None
    done = house.privacy.erase("c-1", BASIS, "", PETRA)
    assert house.privacy.record(done.record.id).unfinished is not None, "who rests on them?"
    files.shared = ["sha256:" + "b" * 64]
    house.privacy.tick(done.record.id, after(61))
    assert files.erased == ["sha256:" + "a" * 64]
