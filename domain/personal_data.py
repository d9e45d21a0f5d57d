"""Which fields are personal data: who a customer is, or what a customer said or was told.

A struct marks such a field with `Annotated[str, PERSONAL]`. Marked texts are sealed before they are
stored, and can be erased. Other fields are kept for ever, unencrypted.
"""

import types
import typing
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from functools import cache
from typing import Any, Final, TypeVar, Union

from msgspec import Meta, Struct, structs

PERSONAL: Final = Meta(extra={"personal": True})
SEALED: Final = "[sealed]"
"""The placeholder of a sealed text."""
ERASED: Final = "[erased]"
"""The placeholder of a text whose key was destroyed."""
PERSONAL_FACTS: Final = frozenset({"customer.id"})
"""Facts that are personal data, in a packet or in a decision's readings."""
PERSONAL_IF_FACT_IS: Final = Meta(extra={"personal": "fact"})
"""Marks a field as personal if the struct's `fact` is in `PERSONAL_FACTS`."""

T = TypeVar("T")
PersonalField = tuple[str, Any]
"""A field's name and mark: True, "fact", or None for a field that may hold a personal one."""


def personal_texts(value: Any) -> tuple[str, ...]:
    """Every personal text of the value that is not empty, in the order of its fields."""
    found: list[str] = []

    def take(text: str) -> str:
        found.append(text)
        return text

    _map_personal(value, take)
    return tuple(found)


def extract_personal(value: T) -> tuple[T, tuple[str, ...]]:
    """The value with placeholders for its personal texts, and the texts.

    Returns the same object if it holds no personal text.
    """
    found: list[str] = []

    def take(text: str) -> str:
        found.append(text)
        return SEALED

    without: T = _map_personal(value, take)
    return without, tuple(found)


def restore_personal(value: T, texts: Iterator[str]) -> T:
    """Put the extracted texts back in place of their placeholders."""
    whole: T = _map_personal(value, lambda text: next(texts) if text == SEALED else text)
    return whole


def erase_personal(value: T) -> T:
    """The value with `[erased]` in place of every personal text."""
    without: T = _map_personal(value, lambda _: ERASED)
    return without


def personal_fields(struct: type[Struct]) -> Iterator[tuple[str, str]]:
    """Each marked field of the struct and of what it holds, as (struct, field)."""
    yield from dict.fromkeys(_personal_fields(struct, set()))


def _personal_fields(kind: Any, seen: set[Any]) -> Iterator[tuple[str, str]]:
    for struct in _structs_in(kind):
        if struct in seen:
            continue
        seen.add(struct)
        for name, hint in _hints(struct).items():
            if (mark := _mark(hint)) is not None:
                yield struct.__name__, name if mark is True else f"{name} ({mark})"
            else:
                yield from _personal_fields(hint, seen)


def _map_personal(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, Struct):
        return _map_personal_in_struct(value, change)
    if isinstance(value, tuple | list):
        fresh = [_map_personal(one, change) for one in value]
        changed = any(a is not b for a, b in zip(value, fresh, strict=True))
        return type(value)(fresh) if changed else value
    if isinstance(value, Mapping):
        mapped = {key: _map_personal(one, change) for key, one in value.items()}
        return mapped if any(mapped[key] is not value[key] for key in mapped) else value
    return value


def _map_personal_in_struct(value: Struct, change: Callable[[str], str]) -> Struct:
    changes: dict[str, Any] = {}
    for name, mark in _fields_to_map(type(value)):
        current = getattr(value, name)
        if mark is None:
            fresh = _map_personal(current, change)
        elif not current or not isinstance(current, str):
            continue
        elif mark is True or getattr(value, mark) in PERSONAL_FACTS:
            fresh = change(current)
        else:
            continue
        if fresh is not current:
            changes[name] = fresh
    if not changes:
        return value
    changed = copy(value)
    for name, fresh in changes.items():
        structs.force_setattr(changed, name, fresh)
    return changed


@cache
def _fields_to_map(struct: type[Struct]) -> tuple[PersonalField, ...]:
    """The fields that are personal, or may hold a personal field."""
    found: list[PersonalField] = []
    for name, hint in _hints(struct).items():
        mark = _mark(hint)
        if mark is not None:
            found.append((name, mark))
        elif any(True for _ in _personal_fields(hint, set())):
            found.append((name, None))
    return tuple(found)


def _hints(struct: type[Struct]) -> dict[str, Any]:
    hints = typing.get_type_hints(struct, include_extras=True)
    return {name: hints[name] for name in struct.__struct_fields__}


def _mark(hint: Any) -> Any:
    """The personal mark of a field of this type; None if it has none."""
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
