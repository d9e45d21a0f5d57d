"""A policy decision with its explanation: the rule, and every test with the fact that it read."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Final

from msgspec import Struct

from domain.personal_data import PERSONAL_IF_FACT_IS

FactValue = str | int | bool
"""The value of a fact: times and amounts as text."""


_NUMBER: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")


def is_same_value(one: FactValue | None, other: FactValue | None) -> bool:
    """Whether two values of a fact are equal. Amounts are texts: `0` and `0.00` are one amount."""
    if isinstance(one, str) and isinstance(other, str) and one != other:
        return is_number(one) and is_number(other) and Decimal(one) == Decimal(other)
    return type(one) is type(other) and one == other


def is_number(value: FactValue) -> bool:
    """Whether a value is a count or an amount."""
    text = isinstance(value, str) and _NUMBER.fullmatch(value) is not None
    return text or (isinstance(value, int) and not isinstance(value, bool))


class Verdict(Struct, frozen=True, gc=False):
    """One test: the fact, the comparison, the value read, and the result."""

    fact: str
    test: str
    read: Annotated[FactValue | None, PERSONAL_IF_FACT_IS]
    passed: bool


class Decision(Struct, frozen=True, kw_only=True, gc=False):
    policy: str
    """The version of the policy document."""
    rule: str
    verdicts: tuple[Verdict, ...]

    @property
    def readings(self) -> tuple[tuple[str, FactValue | None], ...]:
        return tuple((v.fact, v.read) for v in self.verdicts)

    def reads_as(self, readings: Sequence[tuple[str, FactValue | None]]) -> bool:
        """Whether it read the same facts with the same values."""
        mine = self.readings
        return len(mine) == len(readings) and all(
            fact == other and is_same_value(value, known)
            for (fact, value), (other, known) in zip(mine, readings, strict=True)
        )


def to_fact_value(read: object) -> FactValue | None:
    """The value of a fact in a verdict. Raises TypeError for an unknown type."""
    match read:
        case None | bool() | int() | str():
            return read
        case datetime() | date():
            return read.isoformat().replace("+00:00", "Z")
        case Decimal():
            return str(read)
        case _:
            raise TypeError(f"a fact cannot be a {type(read).__name__}")
