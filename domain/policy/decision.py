"""A decision of policy that explains itself: the rule, every test, and what each test read."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from msgspec import Struct

from domain.personal_data import OF_THE_FACT

Read = str | int | bool
"""A fact as it was read: times and amounts as text."""


class Verdict(Struct, frozen=True, gc=False):
    """One test: the fact, what it was compared with, what was read, and how it came out."""

    fact: str
    test: str
    read: Annotated[Read | None, OF_THE_FACT]
    passed: bool


class Decision(Struct, frozen=True, kw_only=True, gc=False):
    policy: str
    """Version of the policy document."""
    rule: str
    verdicts: tuple[Verdict, ...]

    @property
    def readings(self) -> tuple[tuple[str, Read | None], ...]:
        return tuple((v.fact, v.read) for v in self.verdicts)


def as_value(read: object) -> Read | None:
    """A fact as it stands in a verdict: times and amounts as text."""
    match read:
        case None | bool() | int() | str():
            return read
        case datetime() | date():
            return read.isoformat().replace("+00:00", "Z")
        case Decimal():
            return str(read)
        case _:
            raise TypeError(f"a fact cannot be a {type(read).__name__}")
