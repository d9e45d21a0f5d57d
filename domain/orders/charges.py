"""What an order costs: its lines and the charges beside them, before and after cancellations."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Final, cast

from msgspec import Struct

from domain.money import ZERO, round_money
from domain.orders.content import NO_CONTENT, OrderContent, OrderLine, StatedCharge, content_of
from domain.orders.fact_metadata import SignalsByType
from domain.orders.goods import Goods
from domain.orders.order_versions import sort_versions
from domain.orders.purchase_signals import Charge, OrderCancelled, OrderEdited, OrderPlaced
from domain.orders.signal_body import LinePieces, given

_KNOWN_COSTS: Final = "known_costs"
_KNOWN_CHARGE: Final = "known_charge"


class Costs(Struct, frozen=True):
    """The cost of each line, and of each charge."""

    content: OrderContent
    ceilings: Mapping[str, tuple[int, Decimal]] = {}
    """By line: the most pieces and the highest cost that any version of the order had."""
    charge_ceilings: Mapping[str, Decimal] = {}
    line_ceilings: Mapping[str, Decimal] = {}
    """By line: the highest cost, as in `ceilings`."""
    values: Mapping[str, Decimal] = {}
    """By line: the highest value, without freight."""
    removed: OrderContent = NO_CONTENT
    """The lines that edits removed, each as it was last told."""
    removed_charges: tuple[StatedCharge, ...] = ()
    """The charges that edits removed, each at its highest cost."""
    lowered_at: Mapping[str, datetime] = {}
    """By line: when an edit last removed it or lowered its pieces or value."""

    def lines_named(self, piece: LinePieces) -> Sequence[OrderLine]:
        """The lines that pieces are of; those that an edit removed come last."""
        for content in (self.content, self.removed):
            if piece.line is not None and (line := content.line(piece.line)) is not None:
                return [line]
        sku = piece.sku or piece.line or ""
        return self.content.lines_of_sku(sku) or self.removed.lines_of_sku(sku)

    def of_line(self, line: OrderLine, pieces: int) -> Decimal:
        """What some pieces cost, with their freight."""
        return self.value(line, pieces) + line.freight_of(pieces)

    def value(self, line: OrderLine, pieces: int) -> Decimal:
        """The value of some pieces, without freight; of more pieces than ordered, in proportion."""
        if pieces == line.quantity:
            return line.value
        if not line.quantity:
            return ZERO
        return round_money(line.value * pieces / line.quantity, line.line.price.currency)

    def value_after(self, line: OrderLine, before: int, pieces: int) -> Decimal:
        """The value of the next pieces, after others: the last piece takes the rest."""
        return self.value(line, before + pieces) - self.value(line, before)

    @property
    def charges(self) -> dict[str, Decimal]:
        return {key: cost for key, _, cost in self.content.charges}


def costs_of(content: OrderContent, versions: Sequence[OrderContent]) -> Costs:
    """The costs of the lines and charges, with the highest ones of earlier versions.

    What an edit removed was paid for, so it may be refunded.
    """
    if not versions and (known := content.__dict__.get(_KNOWN_COSTS)) is not None:
        return cast("Costs", known)  # the same content is asked at each signal about money
    every = [one for one in versions if content.currency in (one.currency, None)] + [content]
    lines: dict[str, tuple[int, Decimal]] = {}
    values: dict[str, Decimal] = {}
    charges: dict[str, Decimal] = {}
    latest: dict[str, OrderLine] = {}
    named: dict[str, Charge] = {}
    for version in every:
        costs = Costs(version)
        for line in version.lines:
            pieces, cost = lines.get(line.id, (0, ZERO))
            whole = costs.of_line(line, line.quantity)
            lines[line.id] = max(pieces, line.quantity), max(cost, whole)
            values[line.id] = max(values.get(line.id, line.value), line.value)
            latest[line.id] = line
        for key, charge, cost in version.charges:
            charges[key] = max(charges.get(key, ZERO), cost)
            named[key] = charge
    now = {key for key, _, _ in content.charges}
    found = Costs(
        content,
        lines,
        charges,
        line_ceilings={id: cost for id, (_, cost) in lines.items()},
        values=values,
        removed=OrderContent(
            lines=tuple(line for id, line in latest.items() if content.line(id) is None)
        ),
        removed_charges=tuple(
            (key, named[key], cost) for key, cost in charges.items() if key not in now
        ),
        lowered_at=_lowered_at(every),
    )
    if not versions:
        content.__dict__[_KNOWN_COSTS] = found
    return found


def _lowered_at(versions: Sequence[OrderContent]) -> dict[str, datetime]:
    """By line: when an edit last removed it, or lowered its pieces or value."""
    found: dict[str, datetime] = {}
    for before, now in pairwise(versions):
        at = now.priced_at
        for line in before.lines:
            left = now.line(line.id)
            is_lower = left is None or left.quantity < line.quantity or left.value < line.value
            if at is not None and is_lower:
                found[line.id] = max(at, found.get(line.id, at))
    return found


class OrderCharge(Struct, frozen=True, kw_only=True):
    """The charge of an order; None while lines are missing."""

    now: Decimal | None = None
    before_cancellation: Decimal | None = None
    highest: Decimal | None = None
    """The most that any version of the order cost."""
    earlier: tuple[tuple[datetime | None, Decimal], ...] = ()
    """What earlier versions cost, each with the time of the edit that made it so; None for the first."""
    unexplained: Decimal | None = None
    is_cancelled: bool = False
    """Nothing of the order is left."""


def costs_and_charge(signals: SignalsByType, goods: Goods) -> tuple[Costs, OrderCharge]:
    """What the order costs. Payments do not change it, so it is computed once for the same goods."""
    known: tuple[Costs, OrderCharge] | None = goods.__dict__.get(_KNOWN_CHARGE)
    if known is None:
        versions = versions_before(signals, goods.content)
        costs = costs_of(goods.content, versions)
        known = costs, charge_of(signals, goods, costs, versions)
        goods.__dict__[_KNOWN_CHARGE] = known
    return known


def charge_of(
    signals: SignalsByType, goods: Goods, costs: Costs, versions: Sequence[OrderContent]
) -> OrderCharge:
    content = goods.content
    base = _cost(content)
    told, parts = content.total_told, content.parts_total
    is_cancelled = _is_cancelled(goods)
    now = base
    if is_cancelled:
        now = ZERO
    elif base is not None:
        gone = sum(
            (costs.of_line(one.line, one.cancelled) for one in goods.lines if one.cancelled), ZERO
        )
        now = base - gone
    whole = any(not given(s.lines) for s in signals.get(OrderCancelled, ()))
    return OrderCharge(
        now=now,
        before_cancellation=base if whole else now,
        highest=_highest(versions, content),
        earlier=tuple(
            (one.priced_at, cost) for one in versions if (cost := _cost(one)) is not None
        ),
        unexplained=told - parts if told is not None and parts is not None else None,
        is_cancelled=is_cancelled,
    )


def _cost(content: OrderContent) -> Decimal | None:
    """What the order costs before later cancellations: the source's total, else the sum of its parts."""
    if content.current is None or not content.current.lines_complete:
        return None
    if not content.lines:
        # An edit that leaves no line is known to leave nothing; a first statement without lines is not.
        is_emptied = content.lines_at is not None
        charges = sum((cost for _, _, cost in content.charges), ZERO)
        return (content.total_told or charges) if is_emptied else None
    return content.total_told if content.total_told is not None else content.parts_total


def _is_cancelled(goods: Goods) -> bool:
    """Whether all pieces were cancelled, or, without known lines, the whole order."""
    if not goods.lines:
        return goods.cancelled_at is not None
    return any(one.line.quantity for one in goods.lines) and not any(
        one.kept for one in goods.lines
    )


def _highest(versions: Iterable[OrderContent], content: OrderContent) -> Decimal | None:
    """The largest cost of any version, in the currency of now."""
    costs = (_cost(one) for one in (*versions, content) if one.currency == content.currency)
    return max((cost for cost in costs if cost is not None), default=None)


def versions_before(signals: SignalsByType, content: OrderContent) -> list[OrderContent]:
    """The order as it was before each of its edits, by the source that placed it."""
    placed: list[OrderPlaced] = signals.get(OrderPlaced, [])
    edits: list[OrderEdited] = signals.get(OrderEdited, [])
    first = content.placed
    if first is None or len(placed) + len(edits) < 2:
        return []
    every: list[OrderPlaced | OrderEdited] = [s for s in placed if s.source == first.source]
    every += [s for s in edits if s.source == first.source]
    every = sort_versions(every)
    found = []
    for n in range(1, len(every)):
        stated = [s for s in every[:n] if isinstance(s, OrderPlaced)]
        stated.sort(key=lambda s: (s.event_time, s.key))
        changes = [s for s in every[:n] if isinstance(s, OrderEdited)]
        if stated:
            found.append(content_of({OrderPlaced: stated, OrderEdited: changes}))
    return found


def owed_for(goods: Goods, costs: Costs, charge: Decimal) -> tuple[Decimal, dict[str, Decimal]]:
    """What the customer owes for what stays or will come; and by line, the cost of these pieces.

    Pieces that are unavailable, or came back to us, lower it.
    """
    lowered = ZERO
    stays: dict[str, Decimal] = {}
    for one in goods.lines:
        gone = min(one.unavailable + one.returned, one.kept)
        before = costs.of_line(one.line, one.cancelled)
        cost = costs.of_line(one.line, one.cancelled + gone) - before
        lowered += cost
        stays[one.line.id] = costs.of_line(one.line, one.line.quantity) - before - cost
    return max(charge - lowered, ZERO), stays
