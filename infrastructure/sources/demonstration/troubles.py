"""The troubles of the demonstration's shops: one for each kind of exception."""

from datetime import timedelta
from functools import partial
from typing import Final, NamedTuple

from domain.orders.shipment_signals import ClaimKind
from infrastructure.sources.demonstration import money_troubles as money
from infrastructure.sources.demonstration import order_troubles as orders
from infrastructure.sources.demonstration import parcel_troubles as parcels
from infrastructure.sources.demonstration import return_troubles as returns
from infrastructure.sources.demonstration import stock_troubles as stock
from infrastructure.sources.demonstration.disagreements import DISAGREEMENTS, disagreement_plan
from infrastructure.sources.demonstration.shop import SHIP_WITHIN, MakePlan
from infrastructure.sources.demonstration.signal_plan import hours


class Trouble(NamedTuple):
    """A kind of trouble and the time after the purchase at which it shows."""

    plan: MakePlan
    shows_after: timedelta


CLAIMS: Final = (
    (ClaimKind.NOT_RECEIVED, "the neighbours have no parcel either"),
    (ClaimKind.MISSING_ITEM, "one is missing"),
    (ClaimKind.WRONG_ITEM, "another colour than ordered"),
    (ClaimKind.NOT_AS_DESCRIBED, "smaller than in the picture"),
)
TROUBLES: Final[tuple[Trouble, ...]] = (
    Trouble(parcels.delivered_late, timedelta(days=7, hours=12)),
    Trouble(stock.never_shipped, SHIP_WITHIN),
    Trouble(money.payment_stalls, hours(72)),
    Trouble(money.overcharged, hours(4)),
    Trouble(money.nothing_paid, timedelta()),
    Trouble(stock.out_of_stock, hours(9)),
    Trouble(money.cancelled_and_paid, hours(3)),
    Trouble(orders.cancelled_after_handover, hours(30)),
    Trouble(orders.clocks_disagree, hours(24)),
    Trouble(stock.scanned_late, SHIP_WITHIN),
    Trouble(money.capture_fails, hours(1)),
    Trouble(money.authorization_expires, hours(72)),
    Trouble(money.refund_stalls, hours(30 + 72)),
    Trouble(money.price_glitch, timedelta(minutes=1)),
    Trouble(orders.looks_like_fraud, hours(0.01)),
    Trouble(orders.duplicate_purchase, timedelta(minutes=2)),
    Trouble(orders.bad_address, timedelta()),
    Trouble(stock.not_allocated, timedelta(minutes=10)),
    Trouble(stock.oversold, timedelta(minutes=20)),
    Trouble(stock.backordered, timedelta(minutes=30)),
    Trouble(stock.substitute, hours(2)),
    Trouble(stock.miscounted, hours(3)),
    Trouble(stock.release_stalls, hours(24.1)),
    Trouble(stock.ships_in_parts, hours(21)),
    Trouble(parcels.carrier_is_silent, hours(24 + 72)),
    Trouble(parcels.delivery_fails, hours(96)),
    Trouble(
        partial(parcels.carrier_incident, "on_hold", "customs_documentation", hours(50)), hours(50)
    ),
    Trouble(partial(parcels.carrier_incident, "Exception_013", "", hours(70)), hours(70)),
    Trouble(parcels.delivered_and_in_transit, hours(120)),
    Trouble(parcels.delivered_damaged, hours(140)),
    Trouble(returns.return_requested, hours(144 + 48)),
    Trouble(returns.return_label_fails, hours(147)),
    Trouble(returns.return_does_not_come, hours(147) + timedelta(days=14)),
    Trouble(orders.vip_waits, hours(87)),
    Trouble(orders.expensive_goods_wait, hours(111)),
    Trouble(money.refund_fails, hours(54)),
    Trouble(money.refunded_twice, hours(32)),
    Trouble(money.disputed, timedelta(days=6)),
    Trouble(money.not_voided, hours(3 + 24)),
    Trouble(money.total_unexplained, timedelta()),
    Trouble(money.invoice_unpaid, timedelta(days=10)),
    Trouble(parcels.one_of_two_lost, hours(90)),
    Trouble(parcels.told_by_mistake, hours(96)),
    Trouble(parcels.comes_back, hours(100)),
    Trouble(parcels.not_collected, hours(140)),
    Trouble(parcels.of_no_order, hours(60 + 24)),
    *(Trouble(partial(parcels.customer_claims, *claim), hours(120)) for claim in CLAIMS),
    *(Trouble(partial(disagreement_plan, *difference), hours(26)) for difference in DISAGREEMENTS),
)
