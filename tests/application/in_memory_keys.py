"""Order keys in memory, and a service that seals personal data with them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID, uuid4, uuid5

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
        self.forgotten: dict[UUID, set[str]] = {}
        self.recorder: InMemoryLogRecorder | None = None
        self._pepper = uuid4()

    def of_orders(self, orders: Collection[str]) -> Mapping[str, AesKey]:
        for order in orders:
            if self.of.get(order) not in self.keys:
                ref = f"{len(self.of):016x}.{len(self.keys)}"
                self.of[order] = ref
                self.keys[ref] = AesKey(ref, new_secret())
        return {order: self.keys[self.of[order]] for order in orders}

    def find(self, refs: Iterable[str]) -> Mapping[str, AesKey]:
        return {ref: self.keys[ref] for ref in refs if ref in self.keys}

    def subject_of(self, customer: str) -> UUID:
        return uuid5(self._pepper, customer)

    def orders_of(self, subject: UUID) -> list[str]:
        rows = self.recorder.subjects if self.recorder is not None else ()
        theirs = {row.order for row in rows if row.subject == subject}
        return sorted(theirs - self.forgotten.get(subject, set()))

    def subject_of_order(self, order: str) -> UUID | None:
        rows = self.recorder.subjects if self.recorder is not None else ()
        gone = self.forgotten
        found = (
            r.subject for r in rows if r.order == order and order not in gone.get(r.subject, ())
        )
        return next(found, None)

    def destroy(self, subject: UUID, orders: Collection[str]) -> int:
        self.forgotten.setdefault(subject, set()).update(orders)
        gone = {self.of[order] for order in orders if order in self.of} & {*self.keys}
        for ref in gone:
            del self.keys[ref]
        return len(gone)


class NoFiles:
    def __init__(self, shared: Collection[str] | None = ()) -> None:
        self.shared = shared
        self.erased: list[str] = []

    def attached_elsewhere(
        self, refs: Collection[str], cases: Collection[UUID]
    ) -> Collection[str] | None:
        return self.shared

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
