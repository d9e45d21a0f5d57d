"""Order keys in memory, and a service that seals personal data with them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID, uuid4, uuid5

from application.log.recorder import KeyRow, SubjectRow
from application.log.sealing import Seals
from application.privacy.privacy_desk import PrivacyDesk
from domain.policy.rulebook import Rulebook
from infrastructure.event_store.in_memory import InMemoryLogRecorder
from infrastructure.personal.aes import AesKey, new_secret
from tests.application.in_memory_service import UNTIMED_RULEBOOK, InMemoryService


class MemoryKeys:
    """The key store in memory (`DataKeys` and the lookup of a stream's customer)."""

    def __init__(self) -> None:
        self.keys: dict[str, AesKey] = {}
        self.of: dict[str, str] = {}
        self.destroyed: dict[str, UUID] = {}
        self.recorder: InMemoryLogRecorder | None = None
        self._pepper = uuid4()

    def of_orders(self, orders: Collection[str]) -> Mapping[str, AesKey]:
        for order in orders:
            if self.of.get(order) not in self.keys:
                ref = f"{0:016x}.{len(self.keys) + len(self.destroyed)}"
                self.of[order] = ref
                self.keys[ref] = AesKey(ref, new_secret())
        return {order: self.keys[self.of[order]] for order in orders}

    def find(self, refs: Iterable[str]) -> Mapping[str, AesKey]:
        return {ref: self.keys[ref] for ref in refs if ref in self.keys}

    def subject_of(self, customer: str) -> UUID:
        return uuid5(self._pepper, customer)

    def find_subject_of(self, customer: str) -> UUID | None:
        return self.subject_of(customer)

    def orders_of(self, subject: UUID) -> list[str]:
        return sorted({row.order for row in self._subjects if row.subject == subject})

    def subject_of_order(self, order: str) -> UUID | None:
        return next((row.subject for row in self._subjects if row.order == order), None)

    def subjects_of(self, orders: Collection[str]) -> Collection[UUID]:
        return {row.subject for row in self._subjects if row.order in orders}

    def held_after_erasure(
        self, orders: Collection[str] | None, after: str, limit: int
    ) -> list[str]:
        erased = {row.order for row in self._stored if row.key in self.destroyed}
        held = {row.order for row in self._stored if row.key in self.keys}
        wanted = erased & held if orders is None else erased & held & {*orders}
        return sorted(order for order in wanted if order > after)[:limit]

    def has_keys(self, order: str) -> bool:
        return any(row.order == order and row.key in self.keys for row in self._stored)

    def renew(self, order: str) -> None:
        self.of.pop(order, None)

    def destroy(self, erasure: UUID, orders: Collection[str], spared: Collection[str] = ()) -> int:
        refs = {row.key for row in self._stored if row.order in orders} - {*spared}
        for ref in refs & {*self.keys}:
            del self.keys[ref]
            self.destroyed[ref] = erasure
        self._subjects[:] = [row for row in self._subjects if row.order not in orders]
        for order in orders:
            self.renew(order)
        return sum(1 for ref in refs if self.destroyed[ref] == erasure)

    @property
    def _subjects(self) -> list[SubjectRow]:
        return self.recorder.subjects if self.recorder is not None else []

    @property
    def _stored(self) -> list[KeyRow]:
        return self.recorder.keys if self.recorder is not None else []


class NoFiles:
    def __init__(self, shared: Collection[str] | None = ()) -> None:
        self.shared = shared
        self.cases: list[UUID] = []
        self.erased: list[str] = []

    def cases_of(self, orders: Collection[str]) -> Collection[UUID]:
        return self.cases

    def deliveries_of(self, orders: Collection[str]) -> Collection[UUID]:
        return ()

    def attached_elsewhere(
        self, refs: Collection[str], cases: Collection[UUID]
    ) -> Collection[str] | None:
        return self.shared

    def not_erased(self, refs: Collection[str]) -> tuple[str, ...]:
        return tuple(ref for ref in refs if ref not in self.erased)

    def erase(self, refs: Collection[str]) -> int:
        self.erased += refs
        return len(refs)


class SealedService(InMemoryService):
    def __init__(
        self,
        rulebook: Rulebook = UNTIMED_RULEBOOK,
        recorder: InMemoryLogRecorder | None = None,
        keys: MemoryKeys | None = None,
        files: NoFiles | None = None,
    ) -> None:
        self.keys = keys or MemoryKeys()
        self.files = files or NoFiles()
        super().__init__(rulebook, recorder, Seals(self.keys))
        self.keys.recorder = self.recorder
        self.privacy = PrivacyDesk(self.log, self.orders, self.cases, self.keys, self.files)

    def another_process(self) -> SealedService:
        return SealedService(self.rulebook, self.recorder, self.keys, self.files)
