"""What the privacy desk needs from outside the log: the keys of orders, evidence files and cases."""

from collections.abc import Collection
from typing import Protocol
from uuid import UUID


class CustomerKeys(Protocol):
    """The orders of each customer, and their keys."""

    def subject_of(self, customer: str) -> UUID:
        """The id of the customer's record. Raises KeyStoreUnavailable."""

    def orders_of(self, subject: UUID) -> list[str]:
        """The orders of the customer that were not erased."""

    def subject_of_order(self, order: str) -> UUID | None:
        """The customer of an order; None if that was never recorded, or erased."""

    def subjects_of(self, orders: Collection[str]) -> Collection[UUID]:
        """The customers of these orders."""

    def held_after_erasure(
        self, orders: Collection[str] | None, after: str, limit: int
    ) -> list[str]:
        """Those of the orders (None: all) with a key that an erasure of the order left or that is newer."""

    def has_keys(self, order: str) -> bool:
        """Whether anything of the order is sealed with a key that exists."""

    def renew(self, order: str) -> None:
        """Seal the next text of the order with a new key."""

    def destroy(self, erasure: UUID, orders: Collection[str], spared: Collection[str] = ()) -> int:
        """Destroy the keys of these orders that are not spared; return how many this erasure destroyed,
        also in an earlier call. Raises KeyStoreUnavailable."""


class EvidenceFiles(Protocol):
    """Uploaded evidence files, and the cases of orders."""

    def cases_of(self, orders: Collection[str]) -> Collection[UUID]:
        """The cases of these orders that the reports know, also those that a person opened."""

    def deliveries_of(self, orders: Collection[str]) -> Collection[UUID]:
        """The deliveries of sources that the reports know to speak of these orders, the oldest first."""

    def attached_elsewhere(
        self, refs: Collection[str], cases: Collection[UUID]
    ) -> Collection[str] | None:
        """Those of the files that other cases use too; None if that is not known yet."""

    def not_erased(self, refs: Collection[str]) -> tuple[str, ...]:
        """Those of the files that no erasure has made unreadable."""

    def erase(self, refs: Collection[str]) -> int:
        """Make the files unreadable; return how many there were."""
