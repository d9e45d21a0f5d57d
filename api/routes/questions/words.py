"""An answer in words: sentences, what was searched, what to do next, and lists for people to read.

Texts for people have times as `2026-11-30 11:04:46Z`, amounts with their currency, lengths of time with units,
and a name beside every id. The JSON answer has all values in full.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from msgspec import Struct

from application.policy.reperformance import Period
from domain.cases.event_descriptions import format_duration
from domain.currencies import EXPONENTS
from domain.moments import in_utc
from domain.money import round_money
from domain.orders.order_names import describe_name
from domain.orders.signal_body import DEFAULT_SHOP

SHORT_DIGEST = 12
_RECORDED_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:00)")


class Item(Struct, frozen=True):
    """A finding: its heading, and lines of detail."""

    heading: str
    lines: Sequence[str] = ()


class Section(Struct, frozen=True, kw_only=True):
    """A list with a title: a table with columns and rows, or items."""

    title: str
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    items: Sequence[Item] = ()


class Words(Struct, frozen=True, kw_only=True):
    says: Sequence[str]
    """Sentences; the first answers the question."""
    searched: str
    """What was read and compared for the answer, and what was not."""
    next_steps: Sequence[str] = ()
    """What to do or to ask next."""
    sections: Sequence[Section] = ()


def at(moment: datetime | None) -> str:
    return f"{in_utc(moment):%Y-%m-%d %H:%M:%S}Z" if moment is not None else ""


def readable(text: str) -> str:
    """The text with its recorded times in the short form."""
    return _RECORDED_TIME.sub(r"\1 \2Z", text)


def plain(name: str) -> str:
    """`partial_refund` → `partial refund`."""
    return name.replace("_", " ")


def many(number: int, one: str, several: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def names(values: Iterable[object], nobody: str = "nobody") -> str:
    """`a, b and c`."""
    found = [str(value) for value in values]
    if len(found) < 2:
        return found[0] if found else nobody
    return f"{', '.join(found[:-1])} and {found[-1]}"


def length(seconds: float) -> str:
    """A length of time with units. Below a second it says so: `0 s` could be read as "not measured"."""
    return "under 1 s" if 0 < seconds < 1 else format_duration(timedelta(seconds=seconds))


def money(amount: str | Decimal, currency: str | None) -> str:
    """`890.60 GBP`. What a conversion adds (`1024.1900`, `1912.473`) is left out: the currency's digits stay."""
    value = Decimal(amount)
    if currency in EXPONENTS and "." in str(amount):
        return f"{round_money(value, currency):f} {currency}"
    places = max(2 if "." in str(amount) else 0, -int(value.normalize().as_tuple().exponent))
    return f"{value:.{places}f} {currency or 'in an unknown currency'}"


def sums(amounts: Iterable[tuple[str, str | None]]) -> str:
    """Totals by currency: `60.68 EUR and 1,023.83 GBP`."""
    found: dict[str | None, Decimal] = {}
    for amount, currency in amounts:
        found[currency] = found.get(currency, Decimal(0)) + Decimal(amount)
    return names((money(total, one) for one, total in sorted(found.items(), key=str)), "0.00")


def order_of(order: str | None, shop: str | None) -> str:
    return f"order {describe_name(order, shop or DEFAULT_SHOP)}" if order else "no order"


def given_to_customer(kind: str, amount: str, currency: str) -> str:
    """`partial refund of 890.60 GBP`."""
    return f"{plain(kind)} of {money(amount, currency)}"


def short(digest: str | None) -> str:
    return f"{digest[:SHORT_DIGEST]}…" if digest else "none"


def ids(case: UUID | str | None, adjustment: UUID | str | None = None) -> str:
    """The ids that other questions take."""
    found = [f"--case {case}"] if case is not None else []
    return " ".join([*found, *([f"--adjustment {adjustment}"] if adjustment is not None else [])])


def period_in_words(period: Period) -> str:
    match period:
        case Period(since=None, until=None):
            return "of the whole log"
        case Period(since=None, until=until):
            return f"recorded before {at(until)}"
        case Period(since=since, until=None):
            return f"recorded at {at(since)} or later"
    return f"recorded from {at(period.since)} until before {at(period.until)}"


def if_any(title: str, items: Sequence[Item]) -> list[Section]:
    return [Section(title=f"{title} ({len(items):,})", items=items)] if items else []


def table_if_any(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> list[Section]:
    return [Section(title=title, columns=columns, rows=rows)] if rows else []
