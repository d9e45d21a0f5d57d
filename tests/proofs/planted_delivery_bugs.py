"""Plausible bugs in what operators see of deliveries and do about them, and the tests that must catch them."""

from typing import Final

from tests.proofs.planted_bugs import Bug

DETAILS: Final = "application/sources/delivery_details.py"
ONE: Final = "tests/sources/test_one_delivery.py"

DELIVERY_BUGS: Final = (
    Bug(
        "nobody knows who read the body of a delivery",
        DETAILS,
        "        add_personal_reads(kept.orders)\n",
        "",
        f"{ONE}::test_the_read_is_recorded_for_each_order_that_it_speaks_of",
    ),
    Bug(
        "a key without orders is shown the body of a delivery",
        DETAILS,
        "unpack(kept) if with_body else None",
        "unpack(kept)",
        f"{ONE}::test_a_key_without_orders_is_not_shown_the_body",
    ),
)
