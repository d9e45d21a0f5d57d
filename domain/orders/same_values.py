"""Whether two signals say the same, though it is written differently: `98.0` and `98.00` are one amount."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from domain.money import UnitPrice
from domain.orders.disagreement_facts import normalize_value
from domain.orders.systems_of_record import SystemStated


def values_of(value: Any) -> Any:
    """What a value says, to be compared: amounts as numbers, and the value of a system without what makes
    no difference. Times are compared as moments already."""
    match value:
        case UnitPrice():
            return value.value, value.currency
        case SystemStated():
            return _fields(value) | {"value": normalize_value(value.value, value.field)}
        case Struct():
            return _fields(value)
        case tuple() | list():
            return tuple(map(values_of, value))
        case Mapping():
            return {key: values_of(one) for key, one in value.items()}
        case _:
            return value


def _fields(struct: Struct) -> dict[str, Any]:
    names = struct.__struct_fields__
    return {"": type(struct), **{name: values_of(getattr(struct, name)) for name in names}}
