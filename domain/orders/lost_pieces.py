"""Whether pieces that a carrier lost were sent again, or given back in money."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from domain.money import ZERO, smallest_unit
from domain.orders.goods import Goods
from domain.orders.money_structs import OrderMoney, RefundState
from domain.orders.parcel import Parcel


class Loss(Struct, frozen=True):
    """Pieces of the order are lost."""

    settled_at: datetime | None
    """When they were given back, or arrived with another parcel; None while neither is so."""
    is_all: bool
    """No other pieces are to be delivered."""


def find_loss(goods: Goods, money: OrderMoney) -> Loss | None:
    """The loss of the order; None if nothing is lost.

    Lost pieces that another parcel is stated to hold are lost no more once it arrives.
    """
    parcels = [p for p in goods.outbound if p.lost_last_at is not None and _is_gone(p)]
    lost = {one.line.id: one.lost for one in goods.lines if one.lost and one.line.is_shipped}
    if not parcels or (goods.lines and not lost):
        return None
    since = max(p.lost_last_at for p in parcels if p.lost_last_at is not None)
    times = [*_arrivals_since(since, goods, parcels)]
    if goods.lines and all(p.id in goods.pieces for p in parcels):
        times += _given_back_at(lost, goods, money)
    else:  # which pieces are lost is not known, so any money since then is taken to be for them
        times += [at for at, _, _ in _given(money) if at >= since]
    return Loss(min(times, default=None), _is_all(goods, parcels))


def _is_gone(parcel: Parcel) -> bool:
    return parcel.delivered_at is None and parcel.back_at is None


def _is_all(goods: Goods, parcels: Sequence[Parcel]) -> bool:
    if not goods.lines:
        return all(p.delivered_at is not None or p in parcels for p in goods.outbound)
    return not any(
        one.line.is_shipped and one.kept > one.unavailable + one.lost for one in goods.lines
    )


def _arrivals_since(since: datetime, goods: Goods, parcels: Sequence[Parcel]) -> Iterator[datetime]:
    """When parcels arrived that were packed since the loss, and of which no pieces are known."""
    for one in goods.outbound:
        begins = one.labelled_at or one.handed_over_at
        if one in parcels or one.delivered_at is None or goods.pieces.get(one.id):
            continue
        if begins is not None and begins >= since:
            yield one.delivered_at


def _given_back_at(lost: Mapping[str, int], goods: Goods, money: OrderMoney) -> Iterator[datetime]:
    """When the money for these pieces was given back: by their lines, or by the amount in all.

    An amount covers first what was cancelled, edited out or is unavailable.
    """
    values = {one.line.id: one.line.value_of(one.lost) for one in goods.lines if one.lost}
    wanted = sum(values.values(), ZERO) + sum((one.cost for one in money.gone.values()), ZERO)
    if money.captured:
        wanted = min(wanted, money.captured)
    pieces: dict[str, int] = {}
    amount = ZERO
    for at, lines, value in _given(money):
        amount += value
        for id, (count, _) in lines.items():
            pieces[id] = pieces.get(id, 0) + count
        is_named = all(pieces.get(id, 0) >= count for id, count in lost.items())
        if is_named or (wanted and amount >= wanted - smallest_unit(money.currency)):
            yield at
            return


def _given(
    money: OrderMoney,
) -> Sequence[tuple[datetime, Mapping[str, tuple[int, Decimal]], Decimal]]:
    """What was given back, by time: the lines, and the amount in the order's currency."""
    found = [
        (one.at, one.lines, one.settled or ZERO)
        for one in money.refunds
        if one.state is RefundState.ISSUED
    ]
    found += [(one.opened_at, {}, one.settled or ZERO) for one in money.disputes if one.counts]
    return sorted(found, key=lambda one: one[0])
