"""Finds the paths of facts that the rules of a policy document name."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

_NAMING_FIELDS = frozenset({"fact", "at", "by_end_of_day", "after", "met_by", "void_by", "sum"})


def find_fact_paths(part: Any) -> Iterator[str]:
    """Every path that a part of a document names, in itself and in what it holds."""
    if isinstance(part, Struct):
        for name in part.__struct_fields__:
            value = getattr(part, name)
            if name in _NAMING_FIELDS and isinstance(value, str):
                yield value
            elif name in _NAMING_FIELDS and isinstance(value, tuple):
                yield from (path for path in value if isinstance(path, str))
            else:
                yield from find_fact_paths(value)
    elif isinstance(part, Mapping):
        yield from find_fact_paths([*part.values()])
    elif isinstance(part, list | tuple):
        for one in part:
            yield from find_fact_paths(one)
