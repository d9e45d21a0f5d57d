"""The versions of the rules of reading: which facts each one added, and which it reads differently.

An event that was recorded under an earlier reading may come out differently when it is repeated. Only
facts that are listed here explain that.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

_EDITS = "follows the latest revision of the order; before, the first signal that placed the order counted"
_PIECES = "counts pieces: what was cancelled or is not delivered does not need a parcel any more"
_PARCELS = "follows each parcel: every scan and every report about it counts, by its latest state"
_MONEY = (
    "comes from one ledger of the order: its content after edits and cancellations, captures that are "
    "matched between sources, refunds, disputes, voids; amounts have all decimal places of the currency"
)
_VALUES = (
    "counts from the last change of the values that disagree; equal amounts are equal in any format"
)


class ReadingChange(Struct, frozen=True):
    """What a reading changed, by fact."""

    changed: Mapping[str, str]
    """Fact -> how it is read now."""
    added: frozenset[str]


READING_CHANGES: Final[Mapping[int, ReadingChange]] = {
    2: ReadingChange(
        changed={
            **dict.fromkeys(("customer.id", "customer.tier", "address.region"), _EDITS),
            **dict.fromkeys(
                (
                    *("promise.delivery_date", "promise.delivery_day_ends", "promise.ship_by"),
                    *("promise.half_over_at", "promise.half_over_in_warehouse_at"),
                ),
                f"{_EDITS}; a promise of a line or a parcel counts for its pieces",
            ),
            "order.cancelled": "is also true if all pieces were cancelled one by one",
            "order.handed_over": "is also true if a later state of a parcel shows it",
            **dict.fromkeys(
                ("order.duplicate_suspected", "order.duplicate_of"),
                "leaves out orders that it is related to",
            ),
            "milestones.approved_at": "is also reached with a capture",
            "milestones.handed_over_at": "is also reached with a scan on the way or a delivery",
            "milestones.delivered_at": (
                "is reached when all pieces that are to be delivered are; a scan with that status counts"
            ),
            "milestones.cancelled_at": "is also reached when the last pieces are cancelled",
            "milestones.out_of_order": (
                "allows five minutes between two sources, and payments before the order was placed"
            ),
            **dict.fromkeys(
                (
                    *("charge.total", "charge.currency"),
                    *("payment.captured", "payment.received", "payment.tenders_told"),
                    *("payment.none_chosen", "payment.complete", "payment.overpaid"),
                    *("payment.underpaid", "payment.currency_conflict", "payment.difference"),
                    *("payment.failed_at", "payment.failure_open", "payment.capture_due_at"),
                    *("refund.issued", "refund.outstanding"),
                ),
                _MONEY,
            ),
            "stock.backorder_open": f"{_PIECES}",
            **dict.fromkeys(
                (
                    *("parcel.known", "parcel.more_than_allowed", "parcel.all_arrived"),
                    *("parcel.last_heard_at", "parcel.on_the_way", "parcel.contradicted"),
                    *("parcel.contradicted_now", "parcel.delivery_failed", "parcel.returning"),
                    *("parcel.lost", "parcel.damaged"),
                ),
                _PARCELS,
            ),
            **dict.fromkeys(
                (
                    *("disagreement.total_since", "disagreement.quantity_since"),
                    *("disagreement.status_since", "disagreement.payment_since"),
                    "disagreement.address_since",
                ),
                _VALUES,
            ),
        },
        added=frozenset(
            (
                *("order.partly_cancelled", "order.shippable", "charge.unexplained"),
                *("payment.disputed", "payment.left", "payment.invoice_due_at"),
                *("payment.open_authorization", "payment.on_delivery"),
                *("payment.authorization_expires_at", "payment.to_void_since"),
                *("payment.voids_open", "refund.due", "refund.requested_open"),
                *("claim.not_received", "claim.damaged", "claim.damaged_of_order"),
                *("claim.wrong_item", "claim.wrong_item_of_order", "claim.missing_item"),
                *("claim.missing_item_of_order", "claim.not_as_described"),
                *("claim.not_as_described_of_order", "stock.all_unavailable_at"),
                *("dispute.open", "dispute.respond_by", "refund.due_since"),
                *("disagreement.order_since", "disagreement.order_held"),
                *("order.wholly_unavailable", "payment.missing", "payment.missing_since"),
                "stock.unavailable_open",
            )
        ),
    )
}
"""The readings after the first one."""


def changed_since(reading: int) -> frozenset[str]:
    """The facts that are read differently since an earlier reading."""
    return frozenset().union(
        *(change.changed for version, change in READING_CHANGES.items() if version > reading)
    )


def added_since(reading: int) -> frozenset[str]:
    """The facts that an earlier reading did not have."""
    return frozenset().union(
        *(change.added for version, change in READING_CHANGES.items() if version > reading)
    )
