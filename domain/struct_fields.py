"""Helpers for structs: fields that two have in common, and a change of one of many."""

from __future__ import annotations

from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

T = TypeVar("T", bound=Struct)


def shared_fields(source: Struct, target: type[Struct]) -> dict[str, Any]:
    """The fields of `source` that `target` has too, with the values of `source`."""
    names = source.__struct_fields__
    return {name: getattr(source, name) for name in target.__struct_fields__ if name in names}


def replace_where(
    items: tuple[T, ...], field: str, value: object, **changes: object
) -> tuple[T, ...]:
    """The items, with these changes to each whose `field` has the value."""
    return tuple(replace(one, **changes) if getattr(one, field) == value else one for one in items)
