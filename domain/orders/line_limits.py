"""What may be given back for each line: its value, as far as it was paid.

For pieces that were cancelled, edited out or are unavailable, that is what was taken above the cost of
the rest of the order. A line that was cancelled before the capture was never paid.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from domain.money import ZERO, smallest_unit
from domain.orders.charges import Costs
from domain.orders.goods import Goods
from domain.orders.money_structs import GoneLine, PaymentMoney
from domain.orders.refund_shares import Given


def gone_lines(goods: Goods, costs: Costs) -> Mapping[str, GoneLine]:
    """By line: what of its highest cost is not to be delivered. Most orders have none."""
    if not costs.lowered_at and not any(one.cancelled or one.unavailable for one in goods.lines):
        return {}
    found: dict[str, GoneLine] = {}
    for one in goods.lines:
        line, ended = one.line, one.cancelled + one.unavailable
        if not ended and line.id not in costs.lowered_at:
            continue
        pieces, cost = costs.ceilings[line.id]
        kept = max(costs.of_line(line, line.quantity) - costs.of_line(line, ended), ZERO)
        kept_value = max(line.value - costs.value(line, ended), ZERO)
        times = [at for at in (one.cancelled_at, costs.lowered_at.get(line.id)) if at is not None]
        found[line.id] = GoneLine(
            pieces=pieces - (line.quantity - ended),
            value=max(costs.values[line.id] - kept_value, ZERO),
            cost=max(cost - kept, ZERO),
            kept_pieces=line.quantity - ended,
            kept_value=kept_value,
            at=None if one.unavailable else max(times, default=None),
        )
    for line in costs.removed.lines:
        pieces, cost = costs.ceilings[line.id]
        found[line.id] = GoneLine(
            pieces=pieces, value=costs.values[line.id], cost=cost, at=costs.lowered_at.get(line.id)
        )
    return found


def taken_for_gone(
    goods: Goods, costs: Costs, charge: Decimal | None, payments: Sequence[PaymentMoney]
) -> Decimal | None:
    """What was captured above the cost of all that is to be delivered; None if it cannot be told."""
    paid = [one for one in payments if one.captures]
    if charge is None or not paid or any(one.rate is None or one.rate_assumed for one in paid):
        return None
    for one in goods.lines:
        if one.unavailable:
            before = costs.of_line(one.line, one.cancelled)
            charge -= costs.of_line(one.line, one.cancelled + one.unavailable) - before
    return max(sum((one.settled for one in paid), ZERO) - max(charge, ZERO), ZERO)


class LineLimits(Struct, frozen=True):
    """The most that refunds may give for each line."""

    costs: Costs
    ceilings: Mapping[str, Decimal]
    """By line."""
    gone: Mapping[str, GoneLine] = {}
    """The lines of which something is gone that was paid with the others at most."""
    taken: Decimal = ZERO
    """What was taken for all of these together."""

    def exceeded(self, so_far: Given) -> frozenset[str]:
        """The lines for which more was given. Several refunds may lower the price of a piece."""
        found = set()
        for_gone = ZERO
        for id, amount in so_far.amounts.items():
            ceiling = self.ceilings.get(id)
            if ceiling is None:
                continue
            gone = self.gone.get(id)
            if gone is not None:
                kept = self.costs.line_ceilings[id] - gone.cost
                for_gone += max(amount - kept, ZERO)
            if amount > ceiling or (gone is not None and amount > kept and for_gone > self.taken):
                found.add(id)
        return frozenset(found)


def line_limits(
    costs: Costs,
    gone: Mapping[str, GoneLine],
    taken: Decimal | None,
    payments: Sequence[PaymentMoney],
    is_complete: bool,
) -> LineLimits:
    """The limits of told refunds.

    While more may be captured, only lines that were gone before the first capture are known not to be
    paid: what was captured may have been for any of the others.
    """
    first = min((c.at for one in payments for c in one.captures), default=None)
    if taken is None or first is None or not gone:
        return LineLimits(costs, costs.line_ceilings)
    limited = {
        id: one
        for id, one in gone.items()
        if is_complete or (one.at is not None and one.at < first)
    }
    if taken:
        taken += smallest_unit(costs.content.currency)  # amounts are rounded by both sides
    ceilings = {
        id: cost - max(limited[id].cost - taken, ZERO) if id in limited else cost
        for id, cost in costs.line_ceilings.items()
    }
    same = ceilings == costs.line_ceilings  # the same object says that nothing has changed
    return LineLimits(costs, costs.line_ceilings if same else ceilings, limited, taken)
