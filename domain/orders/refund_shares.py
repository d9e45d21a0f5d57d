"""How a refund is shared between the lines and charges that it names."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from domain.money import ZERO, Money, round_money, smallest_unit
from domain.orders.charges import Costs
from domain.orders.content import OrderLine, charge_key
from domain.orders.notices import Notice
from domain.orders.payment_signals import RefundedCharge, RefundedPieces
from domain.orders.pieces import spread_over
from domain.orders.purchase_signals import ChargeKind
from domain.orders.signal_body import given


class Given(Struct):
    """What was given for the lines and charges by the refunds so far, in the order's currency."""

    pieces: dict[str, int]
    amounts: dict[str, Decimal]
    charges: dict[str, Decimal]

    def add(self, shares: "Shares") -> None:
        for id, (pieces, amount) in shares.lines.items():
            self.pieces[id] = self.pieces.get(id, 0) + pieces
            self.amounts[id] = self.amounts.get(id, ZERO) + amount
        for key, amount in shares.charges.items():
            self.charges[key] = self.charges.get(key, ZERO) + amount


class Shares(Struct, frozen=True, kw_only=True):
    lines: Mapping[str, tuple[int, Decimal]] = {}
    charges: Mapping[str, Decimal] = {}
    total: Decimal = ZERO
    """The amount of the refund, in the order's currency."""
    notices: tuple[Notice, ...] = ()


class _Item(Struct, kw_only=True):
    """A line or a charge of a refund: its amount if it was stated, and its natural one."""

    line: str | None = None
    charge: str | None = None
    pieces: int = 0
    stated: Decimal | None = None
    natural: Decimal = ZERO


class Statement(Struct, frozen=True, kw_only=True):
    """What a refund says of its amount and parts; the amounts in the order's currency."""

    key: str
    amount: Decimal | None
    lines: Sequence[RefundedPieces]
    charges: Sequence[RefundedCharge]
    rates: Mapping[str, Decimal]
    """One unit of each known currency in the order's."""
    is_whole: bool = False
    """The amounts of its parts, in the refund's own currency, add up to its amount."""
    is_given: bool = True
    """It was requested or issued, and did not fail."""


def share_refund(stated: Statement, costs: Costs, before: Given) -> Shares:
    """The part of each line and charge; `before` is what was given.

    Parts without an amount share what is left of the refund's amount in proportion to their value;
    the largest takes the rest. Without an amount of the refund, they have their value.
    """
    notices: list[Notice] = []
    items = _line_items(stated, costs, before, notices)
    items += _charge_items(stated, costs, before, notices)
    fixed = sum((one.stated for one in items if one.stated is not None), ZERO)
    loose = [one for one in items if one.stated is None]
    if stated.is_whole and stated.amount is not None and not loose and items:
        # Each part was rounded to the order's currency: the largest takes the rest.
        rest = stated.amount - fixed
        if abs(rest) <= smallest_unit(costs.content.currency) * len(items):
            largest = max(items, key=lambda one: one.stated or ZERO)
            largest.stated = (largest.stated or ZERO) + rest
    if stated.amount is None:
        total = fixed + sum((one.natural for one in loose), ZERO)
    else:
        total = stated.amount
        _spread(loose, max(total - fixed, ZERO), costs.content.currency)
    lines: dict[str, tuple[int, Decimal]] = {}
    charges: dict[str, Decimal] = {}
    for one in items:
        amount = one.natural if one.stated is None else one.stated
        if one.line is not None:
            pieces, so_far = lines.get(one.line, (0, ZERO))
            lines[one.line] = pieces + one.pieces, so_far + amount
        elif one.charge is not None:
            charges[one.charge] = charges.get(one.charge, ZERO) + amount
    return Shares(lines=lines, charges=charges, total=total, notices=tuple(notices))


def _spread(items: Sequence[_Item], amount: Decimal, currency: str | None) -> None:
    """Share an amount in proportion to the natural ones, rounded; the largest takes the rest."""
    if not items:
        return
    weights = [max(one.natural, ZERO) for one in items]
    whole = sum(weights, ZERO)
    if not whole:
        weights, whole = [Decimal(1)] * len(items), Decimal(len(items))
    for one, weight in zip(items, weights, strict=True):
        one.natural = round_money(amount * weight / whole, currency)
    largest = items[max(range(len(items)), key=lambda n: (weights[n], -n))]
    largest.natural += amount - sum((one.natural for one in items), ZERO)


def _line_items(
    stated: Statement, costs: Costs, before: Given, notices: list[Notice]
) -> list[_Item]:
    items: list[_Item] = []
    content, taken = costs.content, dict(before.pieces)
    for n, piece in enumerate(stated.lines):
        pointer = f"/lines/{n}"
        amount = _to_order(piece.amount, stated, pointer, content.currency, notices)
        part = _component_share(piece, costs)
        if part is not None:
            items.append(_Item(line=part[0].id, stated=amount, natural=part[1]))
            continue
        lines = costs.lines_named(piece)
        if not lines:
            if content.lines_known:
                notices.append(Notice.unknown_line(stated.key, pointer, piece, content))
            continue
        found = spread_over(lines, piece, taken)
        if not found:  # all of its pieces were refunded before, or it is a price without a piece
            found = [(lines[-1], 0, lines[-1].quantity if piece.quantity is None else 0)]
        mine: list[_Item] = []
        for line, here, excess in found:
            ordered, _ = costs.ceilings[line.id]
            if excess and taken.get(line.id, 0) + here + excess > ordered:
                notices.append(_too_many(stated.key, pointer, line, excess))
            natural = costs.value_after(line, taken.get(line.id, 0), here)
            natural += costs.value(line, excess) if excess else ZERO
            taken[line.id] = taken.get(line.id, 0) + here + excess
            mine.append(_Item(line=line.id, pieces=here + excess, natural=natural))
        if amount is not None:
            _spread(mine, amount, content.currency)
            for one in mine:
                one.stated = one.natural
        items += mine
    return items


def _too_many(signal: str, pointer: str, line: OrderLine, excess: int) -> Notice:
    return Notice(
        signal=signal,
        pointer=f"{pointer}/quantity",
        detail=f"{excess} more pieces of line {line.id} were refunded than were ordered "
        f"({line.quantity}). Ask the source, and replace the statement if it is wrong",
    )


def _component_share(piece: RefundedPieces, costs: Costs) -> tuple[OrderLine, Decimal] | None:
    """The bundle that a component is of, and the share of its value by the number of components."""
    for one in costs.lines_named(piece):
        components = given(one.line.components) or ()
        found = next((c for c in components if c.sku == piece.sku), None)
        if found is None or one.line.sku == piece.sku:
            continue
        every = sum(c.quantity for c in components) * one.quantity
        count = found.quantity * one.quantity if piece.quantity is None else piece.quantity
        value = costs.value(one, one.quantity) * count / every if every else ZERO
        return one, round_money(value, one.line.price.currency)
    return None


def _charge_items(
    stated: Statement, costs: Costs, before: Given, notices: list[Notice]
) -> list[_Item]:
    items = []
    known = {**costs.charge_ceilings, **costs.charges}
    taken = dict(before.charges)
    for n, charge in enumerate(stated.charges):
        key = _find_charge(charge, costs.charges, taken) or _find_charge(charge, known, taken)
        key = key or charge_key(charge.kind, charge.id)
        pointer, currency = f"/charges/{n}", costs.content.currency
        amount = _to_order(charge.amount, stated, pointer, currency, notices)
        natural = known.get(key, ZERO) - taken.get(key, ZERO)
        if key not in known and charge.kind is ChargeKind.SHIPPING:
            freight = sum((line.freight for line in costs.content.lines), ZERO)
            natural = freight - taken.get(key, ZERO)
        elif key not in known and costs.content.lines_known:
            notices.append(
                Notice(
                    signal=stated.key,
                    pointer=pointer,
                    detail=f"the order has no charge {key}; its charges are: "
                    f"{', '.join(costs.charges) or 'none'}. Correct the charge, or send an order.edited with it",
                )
            )
        if amount is not None and stated.is_given:
            notices += _above_charge(stated.key, f"/charges/{n}", key, taken, amount, costs)
        natural = max(natural, ZERO)
        taken[key] = taken.get(key, ZERO) + (natural if amount is None else amount)
        items.append(_Item(charge=key, stated=amount, natural=natural))
    return items


def _above_charge(
    signal: str, pointer: str, key: str, taken: Mapping[str, Decimal], amount: Decimal, costs: Costs
) -> Sequence[Notice]:
    """A notice if more is given for a charge, with what was given before, than it ever cost."""
    cost = costs.charge_ceilings.get(key)
    if cost is None and key == ChargeKind.SHIPPING and costs.content.lines_known:
        cost = sum((line.freight for line in costs.content.lines), ZERO)
    given_back = taken.get(key, ZERO) + amount
    if cost is None or given_back <= cost:
        return ()
    currency = costs.content.currency or ""
    detail = (
        f"{given_back} {currency} were given back for {key}, with the refunds before, and it cost {cost}. "
        "Ask the source, and replace the statement if it is wrong"
    )
    return [Notice(signal=signal, pointer=f"{pointer}/amount", detail=detail)]


def _find_charge(
    charge: RefundedCharge, known: Mapping[str, Decimal], taken: Mapping[str, Decimal]
) -> str | None:
    """The key of a known charge; without an id, the first of its kind of which something is left."""
    if charge.id is not None:
        key = charge_key(charge.kind, charge.id)
        return key if key in known else None
    same = [one for one in known if one.partition(":")[0].partition("#")[0] == charge.kind]
    left = [one for one in same if known[one] > taken.get(one, ZERO)]
    return next(iter(left or same), None)


def _to_order(
    money: Money | None,
    stated: Statement,
    pointer: str,
    currency: str | None,
    notices: list[Notice],
) -> Decimal | None:
    """The amount of a part in the order's currency; None, as if it were not stated, if no rate is known."""
    if money is None or currency is None or money.currency == currency:
        return money.value if money is not None else None
    rate = stated.rates.get(money.currency)
    if rate is not None:
        return round_money(money.value * rate, currency)
    notices.append(
        Notice(
            signal=stated.key,
            pointer=f"{pointer}/amount/currency",
            detail=f"no rate from {money.currency} to {currency} is known, so the value of the part counts. "
            f"State it in {currency}, or give `settles`",
        )
    )
    return None
