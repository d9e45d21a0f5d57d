"""What more statements change of the goods: most scans of a parcel leave all pieces where they were."""

from msgspec import structs

from domain.orders.fact_metadata import SignalsByType
from domain.orders.goods import Goods, goods_of
from domain.orders.parcels import parcels_of


def goods_after(signals: SignalsByType, earlier: Goods) -> Goods:
    """The goods after more statements about parcels, and no others."""
    parcels = parcels_of(signals)
    if len(parcels) == len(earlier.parcels) and all(
        one.holds_as(before) for one, before in zip(parcels, earlier.parcels, strict=True)
    ):
        return structs.replace(earlier, parcels=parcels)
    return goods_of(signals, earlier.content, parcels, earlier.told)


def is_charged_alike(goods: Goods, earlier: Goods) -> bool:
    """Whether the pieces that cost money are the same: kept, unavailable and returned ones."""
    if goods is earlier:
        return True
    if goods.content is not earlier.content or goods.cancelled_at != earlier.cancelled_at:
        return False
    return goods.lines is earlier.lines or all(
        (one.cancelled, one.cancelled_at, one.unavailable, one.returned)
        == (before.cancelled, before.cancelled_at, before.unavailable, before.returned)
        for one, before in zip(goods.lines, earlier.lines, strict=True)
    )
