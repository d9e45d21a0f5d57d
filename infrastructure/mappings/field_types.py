"""The types of a signal's fields, as far as a mapping needs them: to turn values of other systems into them.

Ids are numbers in some systems, and everything is text in CSV and XML.
"""

import re
import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin

from msgspec import Struct, UnsetType

from domain.validation import is_own

_WHOLE = re.compile(r"[+-]?[0-9]{1,15}(\.0{1,6})?")
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def as_text(value: object) -> object:
    """A number or a truth as text, a text on one line; anything else as it is."""
    if isinstance(value, str):
        return " ".join(value.split()) if any(one in value for one in "\n\r\t") else value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def text_of(value: object) -> str:
    """Any value as text."""
    return str(as_text(value))


def _as_whole_number(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(float(value))
    return value


def _as_truth(value: object) -> object:
    if isinstance(value, str):
        return _TRUTHS.get(value.strip().lower(), value)
    return bool(value) if isinstance(value, int) and value in (0, 1) else value


def converter_of(kind: Any) -> Callable[[object], object] | None:
    """What makes a value of this type out of another system's; None if values stay as they are."""
    plain = {member for member in _members(kind) if member is not type(None)}
    if plain and all(_is_text(member) for member in plain):
        return as_text
    if plain == {int}:
        return _as_whole_number
    return _as_truth if plain == {bool} else None


def _is_text(kind: Any) -> bool:
    return isinstance(kind, type) and (kind is str or issubclass(kind, (str, Enum)))


@cache
def fields_of(kind: Any) -> Mapping[str, Any] | None:
    """The fields of a struct that others state, with their types; None if the type is no struct."""
    for member in _members(kind):
        if isinstance(member, type) and issubclass(member, Struct):
            hints = typing.get_type_hints(member, include_extras=True)
            return {name: hint for name, hint in hints.items() if not is_own(hint)}
    return None


def item_of(kind: Any) -> Any:
    """The type of a list's items; None if it is no list."""
    for member in _members(kind):
        if get_origin(member) in (tuple, list):
            return get_args(member)[0]
    return None


@cache
def values_of(kind: Any) -> frozenset[str] | None:
    """The values of a field that has one of some names; None if it may have others."""
    plain = [member for member in _members(kind) if member is not type(None)]
    if not plain or not all(isinstance(one, type) and issubclass(one, Enum) for one in plain):
        return None
    return frozenset(str(value.value) for one in plain for value in one)


def _members(kind: Any) -> tuple[Any, ...]:
    """The types of a union without the constraints around them."""
    if get_origin(kind) is typing.Annotated:
        return _members(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        found = [one for member in get_args(kind) for one in _members(member)]
        return tuple(one for one in found if one is not UnsetType)
    return (kind,)
