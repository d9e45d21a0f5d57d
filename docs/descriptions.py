"""Types and fields in words, as the generated pages show them."""

from __future__ import annotations

import ast
import inspect
import types
import typing
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from itertools import pairwise
from typing import Any

from msgspec import Meta, Struct, UnsetType, structs

from domain.orders.signals import Signal
from domain.recorded_event import Event

NAMES = {
    str: "text",
    int: "integer",
    bool: "boolean",
    datetime: "time",
    timedelta: "duration",
    Decimal: "decimal",
    type(None): "null",
}


def describe_type(annotation: Any) -> str:
    """A type in words: `tuple[str, ...] | None` is `list of text or null`."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation == Signal:
        return "one of the [signals](#signals)"
    if origin is typing.Annotated:
        metas = [part for part in parts if isinstance(part, Meta) and part.description]
        return " ".join(
            [describe_type(parts[0]), *(f"({one.description.rstrip('.')})" for one in metas)]
        )
    if origin in (typing.Union, types.UnionType):
        # A field that may be left out is listed as optional.
        names = [describe_type(part) for part in parts if part is not UnsetType]
        return " or ".join(names)
    if origin is typing.Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin is None:
        name = str(annotation.__name__)
        link = f"[{name}](#{name.lower()})" if name in nested_types() else name
        return NAMES.get(annotation, link)
    if issubclass(origin, Mapping):
        return f"map of {describe_type(parts[0])} to {describe_type(parts[1])}"
    several = [describe_type(part) for part in parts if part is not Ellipsis]
    return f"list of {several[0]}" if len(several) == 1 else f"list of ({', '.join(several)})"


@cache
def nested_types() -> Mapping[str, type]:
    """Name -> each struct and enumeration within the fields of events and signals."""
    signals = typing.get_args(Signal)
    with_sections = {*typing.get_args(Event), *signals}
    found: dict[str, type] = {}
    ahead: list[Any] = [*with_sections]
    while ahead:
        one = ahead.pop()
        ahead += typing.get_args(one)
        if not isinstance(one, type) or found.get(one.__name__) is one:
            continue
        if issubclass(one, Struct):
            ahead += [field.type for field in structs.fields(one) if field.type not in signals]
        if issubclass(one, Enum) or (issubclass(one, Struct) and one not in with_sections):
            assert one.__name__ not in found, f"two types named {one.__name__}"
            found[one.__name__] = one
    return dict(sorted(found.items()))


def docstring_of(kind: type) -> Iterable[str]:
    if kind.__doc__ and kind.__doc__ not in ("Base class for structs", Enum.__doc__):
        yield inspect.cleandoc(kind.__doc__)
        yield ""


@cache
def field_notes(struct: type[Struct]) -> Mapping[str, str]:
    """Field -> its note, on one line; also those of the structs that it extends."""
    found: dict[str, str] = {}
    for kind in reversed(struct.__mro__):
        if issubclass(kind, Struct) and kind.__module__.partition(".")[0] == "domain":
            found |= _own_notes(kind)
    return found


def _own_notes(struct: type[Struct]) -> dict[str, str]:
    (definition,) = ast.parse(inspect.cleandoc("\n" + inspect.getsource(struct))).body
    assert isinstance(definition, ast.ClassDef)
    return {
        field.target.id: " ".join(inspect.cleandoc(note.value.value).split())
        for field, note in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(note, ast.Expr)
        and isinstance(note.value, ast.Constant)
        and isinstance(note.value.value, str)
    }
