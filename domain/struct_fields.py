"""Fills a struct by field name from other objects, and changes one struct of many."""

from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

T = TypeVar("T", bound=Struct)


def fill(kind: type[T], /, *sources: object, **values: object) -> T:
    """A struct with these values. Each other field has the value of the first source with an attribute of
    its name. Raises TypeError for a required field that nothing fills."""
    for name in kind.__struct_fields__:
        if name not in values:
            found = [source for source in sources if hasattr(source, name)]
            if found:
                values[name] = getattr(found[0], name)
    return kind(**values)


def replace_where(
    items: tuple[T, ...], field: str, value: object, **changes: object
) -> tuple[T, ...]:
    """The items, with these changes to each whose `field` has the value."""
    return tuple(replace(one, **changes) if getattr(one, field) == value else one for one in items)
