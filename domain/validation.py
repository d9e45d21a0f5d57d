"""Strict validation that lists all faults of a document.

msgspec decodes at full speed and stops at the first fault. Only when it fails does this slower walk
check every place, so that a sender can correct everything at once.
"""

import re
import types
import typing
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Union, get_args, get_origin

import msgspec
from msgspec import UNSET, Meta, Struct, ValidationError

from domain.errors import Fault
from domain.fault_texts import did_you_mean, not_one_of, plain_text, shown, words_of

SET_BY_SERVICE = "is set by the service: leave it out"
_ERROR_PATH = re.compile(r" - at `\$?(?P<path>.*)`$")


@cache
def type_hints(struct: type[Struct]) -> dict[str, Any]:
    """The types of a struct's fields with their constraints. Kept: the search for faults asks at every item."""
    return typing.get_type_hints(struct, include_extras=True)


@cache
def struct_fields(struct: type[Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(struct)


def faults_of(raw: object, kind: Any, pointer: str = "") -> list[Fault]:
    """Every fault of plain data (as read from JSON or YAML) against a msgspec type."""
    check = _extra_check(kind)
    found = _faults_by_shape(raw, _unwrap_type(kind), pointer) or _fault_of_whole(
        raw, kind, pointer
    )
    if check is None or found:
        return found
    return _fault_of_check(raw, kind, check, pointer)


def _faults_by_shape(raw: object, kind: Any, pointer: str) -> list[Fault]:
    struct = _matching_struct(raw, kind)
    if struct is None and isinstance(raw, dict) and (tag := _tag_field(kind)) and tag not in raw:
        return [Fault(f"{pointer}/{escape_pointer_token(tag)}", "missing")]
    if struct is not None and isinstance(raw, dict):
        return _faults_of_fields(raw, struct, pointer) or _fault_of_whole(raw, kind, pointer)
    if isinstance(raw, list | tuple) and (item := _item_type(kind)) is not None:
        inner = [f for n, one in enumerate(raw) for f in faults_of(one, item, f"{pointer}/{n}")]
        return inner or _fault_of_whole(raw, kind, pointer)
    if isinstance(raw, dict) and (types_of_items := _mapping_types(kind)):
        key_type, value = types_of_items
        inner = []
        for key, one in raw.items():
            place = f"{pointer}/{escape_pointer_token(str(key))}"
            wrong_key = faults_of(key, key_type, place)
            inner += wrong_key or faults_of(one, value, place)
        return inner or _fault_of_whole(raw, kind, pointer)
    return _fault_of_whole(raw, kind, pointer)


def escape_pointer_token(token: str) -> str:
    """Escape a reference token of a JSON Pointer (RFC 6901)."""
    return token.replace("~", "~0").replace("/", "~1")


def parts_to_leave_out(raw: object, kind: Any, pointer: str) -> list[tuple[str, str]]:
    """What to leave out so that a document can be read without a fault, each with the pointer of what holds
    it: the unknown field, else each list item or entry of a mapping on the way, the innermost first."""
    here, found = "", list[tuple[str, str]]()
    for token in pointer.split("/")[1:]:
        name, kind = unescape_pointer_token(token), _unwrap_type(kind)
        struct = _matching_struct(raw, kind)
        if struct is not None and isinstance(raw, dict):
            fields = {field.encode_name: field.name for field in struct_fields(struct)}
            if name not in fields:
                return [(here, name)]
            kind = type_hints(struct)[fields[name]]
            raw = raw.get(name)
        elif isinstance(raw, dict) and (types_of_items := _mapping_types(kind)):
            found, kind = [(here, name), *found], types_of_items[1]
            raw = next((one for key, one in raw.items() if str(key) == name), None)
        elif isinstance(raw, list) and name.isdigit() and int(name) < len(raw):
            found, kind, raw = [(here, name), *found], _item_type(kind), raw[int(name)]
        else:
            break
        here = f"{here}/{token}"
    return found


def unescape_pointer_token(token: str) -> str:
    return token.replace("~1", "/").replace("~0", "~")


def _extra_check(kind: Any) -> Callable[[Any], object] | None:
    """The check that a type carries in `Meta(extra={"check": …})`, for rules that a type cannot express.

    The check raises ValueError. The struct that has the field calls it too.
    """
    for member in _union_members(kind):
        if get_origin(member) is typing.Annotated:
            for meta in get_args(member)[1:]:
                if isinstance(meta, Meta) and meta.extra and "check" in meta.extra:
                    return typing.cast("Callable[[Any], object]", meta.extra["check"])
    return None


def _checked_type(kind: Any) -> Any:
    """The member of a union that `_extra_check` checks."""
    return next(member for member in _union_members(kind) if _extra_check(member) is not None)


def _fault_of_check(
    raw: object, kind: Any, check: Callable[[Any], object], pointer: str
) -> list[Fault]:
    try:
        value = msgspec.convert(raw, _checked_type(kind))
    except ValidationError:
        return []  # of another type of the union, such as null
    try:
        check(value)
    except ValueError as error:
        return [Fault(pointer, str(error))]
    return []


def _fault_of_whole(raw: object, kind: Any, pointer: str) -> list[Fault]:
    if (words := _allowed_words(raw, kind)) is not None:
        return [] if raw in words else [Fault(pointer, not_one_of(raw, words))]
    try:
        msgspec.convert(raw, kind)
    except ValidationError as error:
        return [fault_from_msgspec(error, pointer, raw, kind)]
    return []


def fault_from_msgspec(
    error: ValidationError, pointer: str = "", raw: object = None, kind: Any = None
) -> Fault:
    """The fault of a msgspec error about `raw`: its `$.a[0]` path becomes a JSON Pointer."""
    text = str(error)
    found = _ERROR_PATH.search(text)
    if found is None:
        return Fault(pointer, plain_text(text, raw, kind))
    steps = re.findall(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]", found["path"])
    path = "".join(f"/{escape_pointer_token(name or number)}" for name, number in steps)
    known = sorted(str(struct.__struct_config__.tag) for struct in _structs_in(kind))
    tag = raw.get(path[1:]) if isinstance(raw, dict) else None
    if known and isinstance(raw, dict) and path == f"/{_tag_field(kind)}":
        if isinstance(tag, str):
            return Fault(pointer + path, not_one_of(tag, known))
        return Fault(
            pointer + path, f"must be text, not {shown(tag)}; known are: {', '.join(known)}"
        )
    value, inner = _at_path(raw, kind, [name or number for name, number in steps])
    return Fault(pointer + path, plain_text(text[: found.start()], value, inner))


def _at_path(raw: object, kind: Any, steps: Sequence[str]) -> tuple[object, Any]:
    """The value at a path and its type; UNSET if the path leads nowhere that is known."""
    for step in steps:
        struct = _matching_struct(raw, kind)
        if isinstance(raw, dict) and step in raw and struct is not None:
            fields = {field.encode_name: field.name for field in struct_fields(struct)}
            hints = type_hints(struct)
            raw, kind = raw[step], hints[fields[step]] if step in fields else None
        elif isinstance(raw, list | tuple) and step.isdigit() and int(step) < len(raw):
            raw, kind = raw[int(step)], _item_type(kind)
        else:
            return UNSET, None
    return raw, kind


def _faults_of_fields(raw: dict[Any, Any], struct: type[Struct], pointer: str) -> list[Fault]:
    config = struct.__struct_config__
    hints = type_hints(struct)
    fields = {field.encode_name: field for field in struct_fields(struct)}
    found = []
    for name, value in raw.items():
        if name in fields and is_own(hints[fields[name].name]):
            found.append(Fault(f"{pointer}/{name}", SET_BY_SERVICE))
        elif name in fields:
            field = fields[name]
            found += faults_of(value, hints[field.name], f"{pointer}/{escape_pointer_token(name)}")
        elif config.forbid_unknown_fields and name != config.tag_field:
            known = sorted(name for name, one in fields.items() if not is_own(hints[one.name]))
            guess = did_you_mean(name, known).removeprefix(";")
            found.append(
                Fault(
                    f"{pointer}/{escape_pointer_token(str(name))}",
                    f"unknown field;{guess} known are: {', '.join(known)}",
                )
            )
    for name, field in fields.items():
        if field.required and name not in raw:
            found.append(Fault(f"{pointer}/{escape_pointer_token(name)}", "missing"))
    return found


def is_own(hint: Any) -> bool:
    """Whether the service sets the field itself."""
    metas = [m for part in (hint, *get_args(hint)) for m in get_args(part) if isinstance(m, Meta)]
    return any(meta.extra and meta.extra.get("own") for meta in metas)


def _unwrap_type(kind: Any) -> Any:
    """The type inside a constraint that wraps a struct or a collection; a constrained text stays."""
    if get_origin(kind) is typing.Annotated:
        inner = get_args(kind)[0]
        if _structs_in(inner) or _item_type(inner) is not None or _mapping_types(inner):
            return inner
    return kind


def _structs_in(kind: Any) -> list[type[Struct]]:
    return [m for m in _union_members(kind) if isinstance(m, type) and issubclass(m, Struct)]


def _matching_struct(raw: object, kind: Any) -> type[Struct] | None:
    """The struct that a mapping matches: the only one, or the one that its tag names."""
    structs = _structs_in(kind)
    if len(structs) == 1:
        return structs[0]
    if not isinstance(raw, dict):
        return None
    for struct in structs:
        config = struct.__struct_config__
        if config.tag_field and raw.get(config.tag_field) == config.tag:
            return struct
    return None


def _tag_field(kind: Any) -> str | None:
    """The field that tells the structs of a union apart."""
    fields = {struct.__struct_config__.tag_field for struct in _structs_in(kind)}
    return fields.pop() if len(fields) == 1 else None


def _union_members(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _allowed_words(raw: object, kind: Any) -> list[str] | None:
    """The words that a value must be one of; None if the type allows other values such as this one."""
    members = [m for m in _union_members(kind) if m not in (type(None), msgspec.UnsetType)]
    others = [member for member in members if not words_of(member)]
    words = words_of(kind)
    is_null = raw is None and type(None) in _union_members(kind)
    if not words or is_null or any(_is_text(member) for member in others):
        return None
    return words if isinstance(raw, str) or not others else None


def _is_text(kind: Any) -> bool:
    """Whether a text in JSON may be of this type."""
    inner = get_args(kind)[0] if get_origin(kind) is typing.Annotated else kind
    return inner not in (int, float, bool) and get_origin(inner) is None and not _structs_in(inner)


def _item_type(kind: Any) -> Any:
    for member in _union_members(kind):
        if get_origin(member) is typing.Annotated:
            member = get_args(member)[0]
        if get_origin(member) in (list, tuple, set, frozenset):
            return get_args(member)[0]
    return None


def _mapping_types(kind: Any) -> tuple[Any, ...]:
    """The types of a mapping's keys and values; empty if the type is no mapping."""
    for member in _union_members(kind):
        if get_origin(member) is dict:
            return get_args(member)
    return ()
