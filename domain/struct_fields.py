"""Fields that two structs have in common."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


def shared_fields(source: Struct, target: type[Struct]) -> dict[str, Any]:
    """The fields of `source` that `target` has too, with the values of `source`."""
    names = source.__struct_fields__
    return {name: getattr(source, name) for name in target.__struct_fields__ if name in names}
