"""A policy decision with its explanation: the rule, and every test with the fact that it read."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from msgspec import Struct

from domain.personal_data import PERSONAL_IF_FACT_IS

FactValue = str | int | bool
"""The value of a fact: times and amounts as text."""


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
