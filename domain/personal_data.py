"""Which fields are personal data: they say who a customer is, or what was said to or by one.

A field is marked in the struct that it stands in, `Annotated[str, PERSONAL]`; what is marked is sealed
before it is stored, and can be erased. What is not marked is kept for ever, in the clear.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from functools import cache
from typing import Any, Final, TypeVar, Union

from msgspec import Meta, Struct, structs

PERSONAL: Final = Meta(extra={"personal": True})
SEALED: Final = "[sealed]"
"""What stands in the clear where a text is sealed."""
ERASED: Final = "[erased]"
"""What stands there once its key is gone."""
PERSONAL_FACTS: Final = frozenset({"customer.id"})
"""Facts that are personal data wherever they are told: in a packet, or as what a rule read."""
OF_THE_FACT: Final = Meta(extra={"personal": "fact"})
"""Personal if the struct's `fact` is."""

T = TypeVar("T")
Field = tuple[str, Any]
"""Its name, and how it is personal: True, "fact", or None for what may hold such a field."""


def told_in(value: Any) -> tuple[str, ...]:
    """Every personal text in it, in the order of its fields; none that is empty."""
    found: list[str] = []

    def take(text: str) -> str:
        found.append(text)
        return text

    _with(value, take)
    return tuple(found)


def parted(value: T) -> tuple[T, tuple[str, ...]]:
    """The same with nothing personal in it, and what was. The same object if there was nothing."""
    found: list[str] = []

    def take(text: str) -> str:
        found.append(text)
        return SEALED

    without: T = _with(value, take)
    return without, tuple(found)


def joined(value: T, texts: Iterator[str]) -> T:
    """What was parted, whole again."""
    whole: T = _with(value, lambda text: next(texts) if text == SEALED else text)
    return whole


def erased(value: T) -> T:
    """The same, with nothing personal in it for good."""
    without: T = _with(value, lambda _: ERASED)
    return without


def marks(struct: type[Struct]) -> Iterator[tuple[str, str]]:
    """Each marked field of the struct and of what it holds, as (struct, field)."""
    yield from dict.fromkeys(_marks(struct, set()))


def _marks(kind: Any, seen: set[Any]) -> Iterator[tuple[str, str]]:
    for struct in _structs_in(kind):
        if struct in seen:
            continue
        seen.add(struct)
        for name, hint in _hints(struct).items():
            if (mark := _mark(hint)) is not None:
                yield struct.__name__, name if mark is True else f"{name} ({mark})"
            else:
                yield from _marks(hint, seen)


def _with(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, Struct):
        return _struct_with(value, change)
    if isinstance(value, tuple | list):
        fresh = [_with(one, change) for one in value]
        changed = any(a is not b for a, b in zip(value, fresh, strict=True))
        return type(value)(fresh) if changed else value
    if isinstance(value, Mapping):
        told = {key: _with(one, change) for key, one in value.items()}
        return told if any(told[key] is not value[key] for key in told) else value
    return value


def _struct_with(value: Struct, change: Callable[[str], str]) -> Struct:
    changes: dict[str, Any] = {}
    for name, mark in _plan(type(value)):
        told = getattr(value, name)
        if mark is None:
            fresh = _with(told, change)
        elif not told or not isinstance(told, str):
            continue
        elif mark is True or getattr(value, mark) in PERSONAL_FACTS:
            fresh = change(told)
        else:
            continue
        if fresh is not told:
            changes[name] = fresh
    if not changes:
        return value
    changed = copy(value)
    for name, fresh in changes.items():
        structs.force_setattr(changed, name, fresh)
    return changed


@cache
def _plan(struct: type[Struct]) -> tuple[Field, ...]:
    """The fields that are personal, or may hold what is."""
    found: list[Field] = []
    for name, hint in _hints(struct).items():
        mark = _mark(hint)
        if mark is not None:
            found.append((name, mark))
        elif any(True for _ in _marks(hint, set())):
            found.append((name, None))
    return tuple(found)


def _hints(struct: type[Struct]) -> dict[str, Any]:
    hints = typing.get_type_hints(struct, include_extras=True)
    return {name: hints[name] for name in struct.__struct_fields__}


def _mark(hint: Any) -> Any:
    """How a field of this type is personal; None if it is not."""
    if typing.get_origin(hint) is typing.Annotated:
        kind, *metas = typing.get_args(hint)
        for meta in metas:
            if isinstance(meta, Meta) and meta.extra and "personal" in meta.extra:
                return meta.extra["personal"]
        return _mark(kind)
    if typing.get_origin(hint) in (Union, types.UnionType):
        return next((m for part in typing.get_args(hint) if (m := _mark(part)) is not None), None)
    return None


def _structs_in(hint: Any) -> Iterator[type[Struct]]:
    if isinstance(hint, type) and issubclass(hint, Struct):
        yield hint
        return
    for part in typing.get_args(hint):
        yield from _structs_in(part)
