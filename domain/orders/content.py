"""What an order consists of: its lines, charges and discounts, after its edits.

The source that placed the order edits it: its latest revision counts, in any order of arrival.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Final, TypeAlias

from msgspec import Struct, structs

from domain.money import ZERO, round_money
from domain.orders import purchase_signals as purchase
from domain.orders.fact_metadata import SignalsByType
from domain.orders.order_versions import StatedLines, fold_versions, sort_versions
from domain.orders.purchase_signals import OrderEdited, OrderPlaced
from domain.orders.signal_body import Promise, given

StatedCharge: TypeAlias = tuple[str, purchase.Charge, Decimal]
"""A charge beside the lines: its key, the charge, and what it costs."""


class OrderLine(Struct, frozen=True, kw_only=True, dict=True):
    """A line of the order, with its identity and value.

    `spread` is its share of the order's discounts, `order_tax` that of a tax of the whole order.
    """

    id: str
    line: purchase.Line
    gross: Decimal
    """Price × pieces, less the line's own discount, with the tax that is on top."""
    spread: Decimal = ZERO
    order_tax: Decimal = ZERO

    @property
    def quantity(self) -> int:
        return self.line.quantity

    @cached_property
    def value(self) -> Decimal:
        return self.gross - self.spread + self.order_tax

    @cached_property
    def freight(self) -> Decimal:
        return self.line.freight.value if self.line.freight else ZERO

    @cached_property
    def is_shipped(self) -> bool:
        """Whether its pieces are to be delivered in a parcel."""
        told = given(self.line.requires_shipping)
        if told is not None:
            return told
        return not given(self.line.gift_card) and self.line.price.value >= 0

    def value_of(self, pieces: int) -> Decimal:
        """The value of some of its pieces: their share, of which the last piece takes the rest."""
        return self._share(self.value, pieces)

    def freight_of(self, pieces: int) -> Decimal:
        return self._share(self.freight, pieces)

    def _share(self, whole: Decimal, pieces: int) -> Decimal:
        if pieces >= self.quantity:
            return whole
        return round_money(whole * pieces / self.quantity, self.line.price.currency)


class OrderContent(Struct, frozen=True, kw_only=True, dict=True):
    """The order by its placing source; without `order.placed`, nothing is known."""

    placed: OrderPlaced | None = None
    """The first statement that it was placed."""
    current: OrderPlaced | None = None
    """The order after its edits."""
    lines: tuple[OrderLine, ...] = ()
    lines_at: datetime | None = None
    """Cancellations up to this time are in the lines already; None if the lines are as first placed."""
    priced_at: datetime | None = None
    """When an edit last changed what it costs; an edit that tells the same again changes nothing."""
    other_currency: tuple[str, ...] = ()
    """The keys of edits whose amounts are in another currency than the order: the amounts do not count."""
    total_told: Decimal | None = None
    """The total by the source, with the lines, charges and discounts of now."""
    stated_lines: StatedLines = ()
    """The lines as each version told them, by revision."""

    @property
    def lines_known(self) -> bool:
        """Whether all lines are known. An order without stated lines has no charge."""
        return self.current is not None and self.current.lines_complete and bool(self.lines)

    @cached_property
    def currency(self) -> str | None:
        if self.current is None:
            return None
        # An edit may remove all lines: the order is still in the currency in which it was placed.
        lines = self.current.lines or (self.placed.lines if self.placed is not None else ())
        total = given(self.current.total)
        if lines and (self.current.lines or total is None):
            return lines[0].price.currency
        return total.currency if total is not None else None

    @cached_property
    def charges(self) -> tuple[StatedCharge, ...]:
        """Each charge beside the lines: its key, and what it costs."""
        found: list[StatedCharge] = []
        for charge in given(self.current.charges) or () if self.current is not None else ():
            discount = charge.discount.value if charge.discount else ZERO
            tax = charge.tax.value if charge.tax and not self.prices_include_tax else ZERO
            key = charge_key(charge.kind, charge.id)
            count = sum(1 for known, _, _ in found if known.partition("#")[0] == key)
            found.append(
                (
                    f"{key}#{count + 1}" if count else key,
                    charge,
                    charge.amount.value - discount + tax,
                )
            )
        return tuple(found)

    @cached_property
    def prices_include_tax(self) -> bool:
        return bool(self.lines) and all(given(line.line.tax_included) for line in self.lines)

    @cached_property
    def parts_total(self) -> Decimal | None:
        """The sum of lines, freight, charges and tax, before later cancellations; None while lines are missing."""
        if self.current is None or not self.lines_known:
            return None
        lines = sum((line.value + line.freight for line in self.lines), ZERO)
        return lines + sum((cost for _, _, cost in self.charges), ZERO)

    @property
    def promise(self) -> Promise | None:
        return self.current.promise if self.current is not None else None

    def line(self, name: str | None) -> OrderLine | None:
        """The line with this identity, by any name that only one line has."""
        return self._by_name.get(name or "")

    def lines_of_sku(self, sku: str) -> Sequence[OrderLine]:
        """The lines with this product, or with it as a component, in their order."""
        return [
            line
            for line in self.lines
            if line.line.sku == sku or any(c.sku == sku for c in given(line.line.components) or ())
        ]

    def is_contradicted_by(self, other: OrderPlaced | OrderEdited) -> bool:
        """Whether a statement of another source has other pieces, prices or another total."""
        lines, total = given(other.lines), given(other.total)
        if self.current is None:
            return False
        if lines and sorted(map(_said_of, lines)) != sorted(map(_said_of, self.current.lines)):
            return True
        mine = self.total_told if self.total_told is not None else self.parts_total
        return total is not None and mine is not None and total.value != mine

    def total_stated_by(self, other: OrderPlaced | OrderEdited) -> Decimal | None:
        """The total of a statement of another source: as it says, else the sum of its lines."""
        total, lines = given(other.total), given(other.lines)
        if total is not None:
            return total.value
        return sum((_gross(line) for line in lines), ZERO) if lines else None

    @cached_property
    def _by_name(self) -> dict[str, OrderLine]:
        return {line.id: line for line in self.lines}


def _said_of(line: purchase.Line) -> tuple[str, int, str, Decimal]:
    """What two sources must say alike of a line: the product, the pieces and the price."""
    return line.sku or "", line.quantity, line.price.currency, line.price.value


def charge_key(kind: str, id: str | None) -> str:
    """The identity of a charge within its order."""
    return f"{kind}:{id}" if id else str(kind)


NO_CONTENT: Final = OrderContent()


def content_of(signals: SignalsByType) -> OrderContent:
    """The order as its placing source has it now."""
    placed: list[OrderPlaced] = signals.get(OrderPlaced, [])
    if not placed:
        return NO_CONTENT
    first = placed[0]
    versions: list[OrderPlaced | OrderEdited] = [s for s in placed if s.source == first.source]
    versions += [s for s in signals.get(OrderEdited, []) if s.source == first.source]
    if len(versions) > 1:
        versions = sort_versions(versions)
    current, by_lines, priced_at, other_currency, stated = fold_versions(first, versions)
    lines = _priced_lines(current)
    total = given(current.total)
    return OrderContent(
        placed=first,
        current=current,
        lines=lines,
        lines_at=None if by_lines is first else by_lines.event_time,
        priced_at=priced_at,
        other_currency=tuple(other_currency),
        total_told=total.value if total is not None else None,
        stated_lines=tuple(stated),
    )


def line_names(lines: Sequence[purchase.Line]) -> list[str]:
    """The identity of each line: its id, else its product where no other line has it."""
    skus = [line.sku for line in lines]
    return [
        given(line.id)
        or (line.sku if line.sku and skus.count(line.sku) == 1 else f"{line.sku or ''}#{n}")
        for n, line in enumerate(lines, start=1)
    ]


def _priced_lines(order: OrderPlaced) -> tuple[OrderLine, ...]:
    """The lines with their identities, and the order's discounts and tax spread over them by value."""
    lines = [*plain_lines(order.lines)]
    if not lines:
        return ()
    if discounts := sum((d.amount.value for d in given(order.discounts) or ()), ZERO):
        whole = sum((max(line.gross, ZERO) for line in lines), ZERO)
        shares = _shares(min(discounts, whole), lines)
        lines = [
            structs.replace(one, spread=share) for one, share in zip(lines, shares, strict=True)
        ]
    tax = given(order.tax)
    if tax is not None and all(given(line.tax) is None for line in order.lines):
        on_top = [line for line in lines if not given(line.line.tax_included)]
        taxes = dict(zip([one.id for one in on_top], _shares(tax.value, on_top), strict=True))
        lines = [structs.replace(one, order_tax=taxes.get(one.id, ZERO)) for one in lines]
    return tuple(lines)


def plain_lines(lines: Sequence[purchase.Line]) -> tuple[OrderLine, ...]:
    """Lines with their identities, before what the order as a whole adds to their values."""
    return tuple(
        OrderLine(id=name, line=line, gross=_gross(line))
        for name, line in zip(line_names(lines), lines, strict=True)
    )


def _gross(line: purchase.Line) -> Decimal:
    discount, tax = given(line.discount), given(line.tax)
    value = line.price.value * line.quantity
    value -= discount.value if discount else ZERO
    value += tax.value if tax and not given(line.tax_included) else ZERO
    return round_money(value, line.price.currency)


def _shares(amount: Decimal, lines: Sequence[OrderLine]) -> list[Decimal]:
    """The amount spread over the lines by value, rounded; the largest line takes the rest."""
    if not lines:
        return []
    weights = [max(line.value, ZERO) for line in lines]
    whole, currency = sum(weights, ZERO), lines[0].line.price.currency
    shares = [round_money(amount * one / whole, currency) if whole else ZERO for one in weights]
    shares[max(range(len(lines)), key=lambda n: (lines[n].value, -n))] += amount - sum(shares, ZERO)
    return shares
