"""Amounts and times as other systems write them."""

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from domain.fault_texts import shown
from infrastructure.mappings.field_types import text_of
from infrastructure.mappings.work import NUMBER, number_of


class ValueUnreadable(ValueError):
    """A value of a delivery that cannot be read as what it should be."""


_MOST_DIGITS: Final = 30
_MOST_WHOLE_DIGITS: Final = 18
_LONGEST: Final = 100
"""Of a text that states a number or a time, in characters."""
_MOST_DECIMALS: Final = 6
"""Of the price of one piece."""


_MARKS: Final = {
    ",": re.compile(r"([+-]?)(\d{1,3}(?:[. '\u2019\xa0\u202f]\d{3})+|\d+)(?:,(\d+))?", re.ASCII),
    ".": re.compile(r"([+-]?)(\d{1,3}(?:[, '\u2019\xa0\u202f]\d{3})+|\d+)(?:\.(\d+))?", re.ASCII),
}
"""Amounts as people write them, by the mark before their decimals: 1.234,56 and 1,234.56."""


def sum_of(value: object, mark: object = None) -> Decimal | None:
    """The amount of a number or a text, or the sum of a list of them; None if there is none. With a `mark`, texts have
    it before their decimals, and may have others between thousands. Raises ValueUnreadable."""
    if isinstance(value, list):
        amounts = [one for part in value if (one := sum_of(part, mark)) is not None]
        return sum(amounts, Decimal(0)) if amounts else None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueUnreadable(f"{shown(value)} is no amount")
    # The shortest text of a float is the number that was sent, up to 15 digits.
    text = str(value).strip()
    if mark is not None and isinstance(value, str):
        text = _with_point(text, mark)
    # Python reads more than others write: 1_000, digits of other scripts, Infinity.
    if len(text) > _LONGEST or not NUMBER.fullmatch(text):
        raise ValueUnreadable(f"{shown(value)} is no amount")
    amount = Decimal(text)
    if abs(amount.adjusted()) > _MOST_DIGITS:
        raise ValueUnreadable(f"{shown(value)} is no amount")
    return amount


def _with_point(text: str, mark: object) -> str:
    if mark not in _MARKS:
        raise ValueUnreadable(f"`decimal` is `','` or `'.'`, not {shown(mark)}")
    found = _MARKS[str(mark)].fullmatch(text[: _LONGEST + 1])
    if found is None:
        raise ValueUnreadable(f"{shown(text)} is no amount with `{mark}` before its decimals")
    sign, whole, decimals = found.groups()
    return f"{sign}{re.sub('[^0-9]', '', whole)}.{decimals or '0'}"


def plain_amount(amount: Decimal, exponent: int) -> str:
    """The amount as text, with the currency's decimals at least and no needless ones. Raises ValueUnreadable."""
    if amount and amount.adjusted() >= _MOST_WHOLE_DIGITS:
        raise ValueUnreadable(
            f"the amount {amount:.3e} has more than {_MOST_WHOLE_DIGITS} digits before its point"
        )
    if amount.normalize().as_tuple().exponent < -_MOST_DECIMALS:  # type: ignore[operator]
        # Such as a total divided by its pieces, or 0.1 + 0.2 of a system that counts in floating point.
        amount = amount.quantize(Decimal(1).scaleb(-_MOST_DECIMALS), ROUND_HALF_UP)
    least = Decimal(1).scaleb(-exponent)
    plain = amount.normalize()
    return f"{plain.quantize(least) if plain == plain.quantize(least) else plain:f}"


_PER_SECOND: Final = {"seconds": 1, "milliseconds": 1_000}
_NET_DATE: Final = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/")
"""How .NET writes a time in JSON: milliseconds since 1970; an offset behind them changes nothing of it."""


def time_of(of: object, form: object = None, unit: object = None) -> datetime | None:
    """A time of ISO 8601, local where it has no offset; None if it is absent. Raises ValueUnreadable.

    `form` is strptime's, or a list of several, of which the first that fits counts; a number counts `unit`
    `seconds` or `milliseconds` since 1970, or .NET's `ticks` of 100 ns since the year 1.
    """
    if of is None:
        return None
    text = text_of(of).strip()
    if len(text) > _LONGEST:
        raise ValueUnreadable(f"{shown(text)} is no time")
    if unit is not None or (isinstance(of, int | float) and not isinstance(of, bool) and not form):
        return _counted(text, str(unit or "seconds"))
    if net := _NET_DATE.fullmatch(text):
        return _counted(net[1], "milliseconds")
    forms = form if isinstance(form, list) else [form]
    for one in forms:
        try:
            # A time without an offset stays local.
            return datetime.strptime(text, str(one)) if one else datetime.fromisoformat(text)  # noqa: DTZ007
        except ValueError:
            continue
        # A form that names one part of a time twice.
        except (re.error, LookupError):
            raise ValueUnreadable(f"{shown(one)} is no form of a time") from None
    raise ValueUnreadable(
        f"the time {text!r} does not have the form {' or '.join(str(one or 'of ISO 8601') for one in forms)}"
    )


def _counted(text: str, unit: str) -> datetime:
    if unit not in (*_PER_SECOND, "ticks"):
        raise ValueUnreadable(f"the unit {unit} is neither seconds, milliseconds nor ticks")
    try:
        number_of(text)
        if unit == "ticks":
            return datetime(1, 1, 1) + timedelta(microseconds=int(text) // 10)  # noqa: DTZ001
        return datetime.fromtimestamp(float(text) / _PER_SECOND[unit], UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueUnreadable(f"{text!r} is no number of {unit}") from None


def text_of_time(moment: datetime) -> str:
    """RFC 3339, without an offset where the time is local."""
    return moment.isoformat().replace("+00:00", "Z")
