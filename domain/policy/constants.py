"""Converts the values in a policy to the types of the facts."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from domain.errors import Fault
from domain.policy.amounts import parse_amount
from domain.policy.document_types import Value
from domain.policy.facts import Fact


def to_fact_type(value: Value, fact: Fact, pointer: str, faults: list[Fault]) -> Any:
    """The value in the fact's type; None, with a fault, if it has another type."""
    kind, allowed = fact.type, ""
    try:
        if kind is bool and isinstance(value, bool):
            return value
        if kind is int and isinstance(value, int) and not isinstance(value, bool):
            return value
        if issubclass(kind, str) and isinstance(value, str):
            return kind(value)
        if kind is Decimal and isinstance(value, str):
            amount = parse_amount(value)
            if amount.currency is None:
                return amount.value
            allowed = "; name a currency in is, above, at_least, below or at_most"
        if kind is datetime and isinstance(value, str):
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None:
                return moment
        elif kind is date and isinstance(value, str):
            return date.fromisoformat(value)
    except ValueError as error:
        if kind is Decimal and "ISO 4217" in str(error):
            allowed = f"; {error}"
    if issubclass(kind, str) and kind is not str:
        allowed = "; one of: " + ", ".join(
            str(m.value) for m in getattr(kind, "__members__", {}).values()
        )
    faults.append(
        Fault(
            pointer,
            f"{value!r} is not a value of {fact.path}, which is {describe_type(kind)}{allowed}",
        )
    )
    return None


def describe_type(kind: type[Any]) -> str:
    return {
        bool: "true or false",
        str: "text",
        int: "a whole number",
        Decimal: 'an amount, written as quoted text such as "0.01"',
        datetime: "a time, written as RFC 3339 text with its offset",
        date: "a date, written as text such as 2026-12-24",
    }.get(kind, "text" if issubclass(kind, str) else kind.__name__)
