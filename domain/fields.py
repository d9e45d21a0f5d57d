"""Fills the fields of a struct by name from other objects."""

from __future__ import annotations

from typing import TypeVar

from msgspec import Struct

R = TypeVar("R", bound=Struct)


def fill(kind: type[R], *sources: object, **values: object) -> R:
    """A struct with these values. Each other field has the value of the first source with an attribute of
    its name. Raises TypeError for a required field that nothing fills."""
    for name in kind.__struct_fields__:
        if name not in values:
            found = [source for source in sources if hasattr(source, name)]
            if found:
                values[name] = getattr(found[0], name)
    return kind(**values)
