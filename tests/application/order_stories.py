"""Stories of orders with problems before shipping or in the accounts."""

from __future__ import annotations

from datetime import date

from domain.orders.purchase_signals import Customer
from tests.application.stories import Story
from tests.domain.exception_signals import (
    answered,
    backordered,
    checked,
    counted,
    decided,
    failed,
    labelled,
    level,
    not_allocated,
    priced,
    proposed,
    refund_asked,
    screened,
    stated,
    suspected,
)
from tests.domain.signals import (
    LAST_DAY,
    after,
    allocated,
    approved,
    cancelled,
    captured,
    handed_over,
    line,
    placed,
    promising,
    refunded,
    released,
)

DAY_BEFORE, DAY_AFTER = date(2018, 1, 19), date(2018, 1, 21)
VIP = {"customer": Customer(id="c", tier="vip")}
# 500.00 EUR at the rate of the shipped policy, and just below it.
EXPENSIVE = {"lines": (line("3125.00"),)}
LESS = {"lines": (line("3124.93"),)}
HALF_TIME = 126
"""Hours from noon to the middle of the time promised: it ends 252 hours after noon."""


ORDER_STORIES = {
    "a capture failed": Story(
        "payment_failed", [failed(2, stage="capture")], [failed(2), captured(3)], captured(4)
    ),
    "an authorization failed, and nothing came": Story(
        "payment_failed",
        [approved(1), failed(2, stage="authorization")],
        [failed(2, stage="authorization"), approved(26)],
        approved(30, id="again"),
        26,
    ),
    "an authorization is about to expire": Story(
        "authorization_expiring",
        [approved(1, payment="p", expires_at=after(100))],
        [approved(1, payment="p", expires_at=after(100)), captured(76, payment="p")],
        captured(80, payment="p"),
        76,
    ),
    "another payment was captured": Story(
        "authorization_expiring",
        [approved(1, payment="p", expires_at=after(100)), captured(2, payment="q")],
        [approved(1, payment="p"), captured(2, payment="q")],
        captured(80, id="at last", payment="p"),
        76,
    ),
    "a refund is not paid": Story(
        "refund_stalled",
        [captured(), refunded(5), refund_asked(6)],
        [captured(), refund_asked(6), refunded(78)],
        refunded(90, id="second"),
        78,
    ),
    "half the usual price": Story(
        "discount_glitch", [priced("50.00", "100.00")], [priced("50.01", "100.00")], cancelled()
    ),
    "a price in another currency is no discount": Story(
        "discount_glitch", [priced("0", "9")], [priced("0", "9", "USD"), priced("9", "0")]
    ),
    "fraud screening wants a review": Story(
        "fraud_review",
        [screened(2, "accept", id="first"), screened(3, "review")],
        [screened(2, "accept")],
        decided(4, "reject"),
    ),
    "a system suspects a repetition": Story("duplicate_order", [suspected(1)], [], cancelled()),
    "the address is incomplete": Story(
        "address_problem",
        [checked(1, "incomplete")],
        [checked(1, "corrected")],
        checked(2, "valid", id="again"),
    ),
    "the address is undeliverable": Story(
        "address_problem", [checked(1, "undeliverable")], [checked(1, "valid")], cancelled()
    ),
    "stock could not be set aside": Story(
        "allocation_failure",
        [not_allocated(2, "kettle"), allocated(3, id="other", skus=("lamp",))],
        [allocated(2, skus=("kettle",))],
        allocated(4, skus=("kettle", "lamp")),
    ),
    "stock below nothing": Story("oversell", [level(2, -1)], [level(2, 0)], level(3, 1)),
    "more allocated than on hand": Story(
        "oversell", [level(2, 3, 4)], [level(2, 4, 4)], level(3, 4, 4)
    ),
    "goods come after the promise": Story(
        "backorder_conflict",
        [promising(), backordered(2, DAY_AFTER)],
        [promising(), backordered(2, LAST_DAY)],
        backordered(3, DAY_BEFORE, id="sooner"),
    ),
    "nobody knows when goods come": Story(
        "backorder_conflict",
        [promising(), backordered(2, None)],
        [placed(), backordered(2, None)],
        allocated(4),
    ),
    "the warehouse proposes a substitute": Story(
        "substitution_approval",
        [proposed(2), answered(3, "lamp")],
        [answered(3)],
        answered(4, approved=False),
    ),
    "a count differs": Story(
        "stock_mismatch", [counted(2, 3, 4)], [counted(2, 4, 4)], counted(3, 4, 4)
    ),
    "ready, and not released": Story(
        "release_stalled",
        [approved(1), allocated(2)],
        [approved(1), allocated(2), released(26)],
        released(26),
        26,
    ),
    "accepted late, and not released": Story(
        "release_stalled",
        [approved(1), allocated(2), screened(1, "review"), decided(10, "accept")],
        [approved(1), allocated(2), screened(1, "review"), decided(10, "reject")],
        handed_over(34),
        34,
    ),
    "more parcels than it may ship in": Story(
        "split_shipment_constraint",
        [placed(max_parcels=2), labelled(3, "a"), labelled(3, "b"), handed_over(4, shipment="c")],
        [placed(max_parcels=2), labelled(3, "a"), labelled(3, "b"), handed_over(4, shipment="b")],
        cancelled(),
    ),
    "two parcels of what ships complete": Story(
        "split_shipment_constraint",
        [placed(ship_complete=True), labelled(3, "a"), labelled(3, "b")],
        [placed(), labelled(3, "a"), labelled(3, "b")],
        cancelled(),
    ),
    "half of a VIP's time is over": Story(
        "vip_at_risk",
        [promising(**VIP)],
        [promising(**VIP), handed_over(HALF_TIME)],
        handed_over(HALF_TIME + 1),
        HALF_TIME,
    ),
    "much of the time for a dear order is over": Story(
        "high_value_at_risk",
        [promising(**EXPENSIVE), allocated(2)],
        [promising(**LESS), allocated(2)],
        handed_over(HALF_TIME + 25),
        HALF_TIME + 24,
    ),
    "a dear order of which no warehouse speaks is not held against one": Story(
        "high_value_at_risk",
        [promising(**EXPENSIVE), allocated(200)],
        [promising(**EXPENSIVE)],
        cancelled(230),
        224,
    ),
    "totals differ": Story(
        "total_disagreement",
        [stated(1, "storefront", "order_total", "12.30 EUR"), stated(2, "oms", "order_total", "9")],
        [
            stated(1, "storefront", "order_total", "12.30 EUR"),
            stated(2, "oms", "order_total", "12.3 eur"),
        ],
        stated(30, "oms", "order_total", "12.30EUR"),
        26,
    ),
    "a difference that is mended in time is none": Story(
        "payment_disagreement",
        [stated(1, "oms", "payment_amount", "10"), stated(2, "psp", "payment_amount", "9")],
        [
            stated(1, "oms", "payment_amount", "10"),
            stated(2, "psp", "payment_amount", "9"),
            stated(26, "psp", "payment_amount", "10.00"),
        ],
        stated(40, "oms", "payment_amount", "9"),
        26,
    ),
    "addresses differ, and zeros count in a postal code": Story(
        "address_disagreement",
        [
            stated(1, "oms", "shipping_address", "01000-000"),
            stated(2, "wms", "shipping_address", "1000-000"),
        ],
        [
            stated(1, "oms", "shipping_address", "SW1A 1AA"),
            stated(2, "wms", "shipping_address", "sw1a1aa"),
        ],
        stated(40, "wms", "shipping_address", "01000-000"),
        26,
    ),
    "quantities differ": Story(
        "quantity_disagreement",
        [stated(1, "wms", "quantity_shipped", "3"), stated(2, "carrier", "quantity_shipped", "2")],
        [stated(1, "wms", "quantity_shipped", "3"), stated(2, "wms", "quantity_shipped", "2")],
        stated(40, "carrier", "quantity_shipped", "3"),
        26,
    ),
    "statuses differ": Story(
        "status_disagreement",
        [stated(1, "oms", "status", "open"), stated(2, "carrier", "status", "delivered")],
        [stated(1, "oms", "status", "open"), stated(2, "carrier", "order_total", "delivered")],
        stated(40, "oms", "status", "Delivered"),
        26,
    ),
}
