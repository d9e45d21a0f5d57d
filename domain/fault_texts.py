"""Turns the decoder's errors into plain words: the value, what it must be, and an example."""

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Final, Literal, TypeGuard, Union, get_args, get_origin

from msgspec import UNSET, Meta

from domain.errors import KNOWN_ARE

TYPES: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "decimal": "a decimal number such as 12.30",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
    "list": "a list",
    "dict": "an object",
    "datetime": "a time such as 2026-11-29T10:00:00Z",
    "date": "a date such as 2026-11-29",
    "duration": "a duration such as PT72H or P3D",
    "uuid": "a UUID",
}
LIMITS: Final = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
MAX_BEFORE_GUESS: Final = 12
"""A longer list of allowed values comes after the ones that were probably meant."""
_HIDDEN: Final = object()
"""Stands for a secret, which no error repeats."""
_LONGEST: Final = 80
"""A longer text that was sent is shortened where an error shows it."""


def plain_text(error: str, raw: object, kind: Any) -> str:
    """The decoder's error about `raw`, which must be of the type `kind`, in plain words."""
    if any(meta.extra and meta.extra.get("secret") for meta in _metas(kind)):
        raw = _HIDDEN
    for pattern, describe in _DESCRIPTIONS:
        if found := re.fullmatch(pattern, error):
            return describe(found, raw, kind)
    return error


def not_one_of(value: object, allowed: Iterable[str]) -> str:
    """A value that is none of the allowed ones: they are listed, with those that are close to it."""
    known = [*allowed]
    guess = did_you_mean(value, known)
    if len(known) > MAX_BEFORE_GUESS:
        return f"{shown(value)} is not known{guess or '.'}{KNOWN_ARE}{', '.join(known)}"
    return f"{shown(value)} is not one of: {', '.join(known)}{guess}"


def no_such(what: str, name: object, known: Iterable[str]) -> str:
    """That there is no thing of this name, with the names that there are."""
    names = sorted(known)
    guess = did_you_mean(name, names) if len(names) > 2 else ""
    return f"no {what} {name}{guess or ';'} known are: {', '.join(names) or 'none'}"


def did_you_mean(value: object, known: Iterable[str]) -> str:
    """A question that names the known words that are close to a value; empty if none is."""
    text = value.strip().lower() if isinstance(value, str) else ""
    close = get_close_matches(text, [*known], n=2)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def shown(value: object) -> str:
    """A value that was sent, as an error shows it: shortened, and in the words of JSON."""
    if value is _HIDDEN:
        return "what was sent"
    if isinstance(value, dict | list | tuple):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and abs(value) >= 10**_LONGEST:
        return f"a number of more than {_LONGEST} digits"  # Python writes none of more than 4,300
    text = {None: "null", True: "true", False: "false"}[value] if _is_word(value) else repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _is_word(value: object) -> TypeGuard[bool | None]:
    return value is None or isinstance(value, bool)


def _types(names: str) -> str:
    return " or ".join(TYPES.get(name, name) for name in names.split(" | "))


def _wrong_type(found: re.Match[str], raw: object, _: Any) -> str:
    if isinstance(raw, bool):
        return f"must be {_types(found[1])}, not {shown(raw)}"
    if not isinstance(raw, int | float):
        return f"must be {_types(found[1])}, not {_types(found[2])}"
    hint = f': write it in quotes, as "{shown(raw)}"' if "str" in found[1] else ""
    return f"must be {_types(found[1])}, not {shown(raw)}{hint}"


def _wrong_form(_: re.Match[str], raw: object, kind: Any) -> str:
    said = [m.extra["must_be"] for m in _metas(kind) if m.extra and "must_be" in m.extra]
    return f"{shown(raw)} is not {said[0] if said else 'of the expected form'}"


def _wrong_word(found: re.Match[str], raw: object, kind: Any) -> str:
    value = raw if isinstance(raw, str) else found[1].strip("'")
    words = words_of(kind)
    return not_one_of(value, words) if words else f"{shown(value)} is not known"


def words_of(kind: Any) -> list[str]:
    """The values of the enumerations and literals in a type, also where other types are allowed."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(one.value) for one in kind]
    if get_origin(kind) is Literal:
        return [str(one) for one in get_args(kind)]
    if get_origin(kind) in (Union, UnionType, Annotated):
        return [word for part in get_args(kind) for word in words_of(part)]
    return []


def _is_no(name: str) -> "_Describe":
    def describe(_: re.Match[str], raw: object, kind: Any) -> str:
        if not any(int in (part, *get_args(part)) for part in get_args(kind)):
            return f"{shown(raw)} is not {TYPES[name]}"
        hint = isinstance(raw, str) and re.fullmatch(r"[+-]?\d+", raw)
        without = "; write the number without quotes" if hint else ""
        return f"{shown(raw)} is not {TYPES['int']} or {TYPES[name]}{without}"

    return describe


def _too_large(_: re.Match[str], raw: object, __: Any) -> str:
    return f"{shown(raw)} is too large" if raw is not UNSET else "the number is too large"


def _wrong_length(found: re.Match[str], raw: object, _: Any) -> str:
    limit, number = LIMITS[found[2]], int(found[3])
    if found[1] == "str" and limit == "at least" and number == 1:
        return "must not be empty"
    unit = "character" if found[1] == "str" else "item"
    return f"must have {limit} {number} {unit}{'s' * (number != 1)}"


def _metas(kind: Any) -> list[Meta]:
    """The constraints of a type, also where it may be null."""
    parts = get_args(kind)
    return [p for p in parts if isinstance(p, Meta)] + [m for p in parts for m in _metas(p)]


_Describe = Callable[[re.Match[str], object, Any], str]
_DESCRIPTIONS: Final[tuple[tuple[str, _Describe], ...]] = (
    (r"Expected `([^`]+)`, got `([^`]+)`", _wrong_type),
    (r"Expected `str` matching regex .*", _wrong_form),
    (r"Expected `(\w+)` of length ([<>]=?) (\d+)", _wrong_length),
    (r"Expected `\w+` ([<>]=?) (.+)", lambda found, *_: f"must be {LIMITS[found[1]]} {found[2]}"),
    (
        r"Expected `([\w |]+)`",
        lambda found, raw, _: f"must be {_types(found[1])}, not {shown(raw)}",
    ),
    (
        r"Expected `datetime` with a timezone component",
        lambda _, raw, __: f"{shown(raw)} has no offset: write a time such as 2026-11-29T10:00:00Z",
    ),
    (r"Invalid RFC3339 encoded datetime", _is_no("datetime")),
    (r"Invalid RFC3339 encoded date", _is_no("date")),
    (r"Invalid ISO8601 duration", _is_no("duration")),
    (r"Invalid UUID", _is_no("uuid")),
    (r"Invalid decimal string", _is_no("decimal")),
    (r"(?:Integer value|Number|Duration is) out of range", _too_large),
    (r"Invalid (?:enum )?value (.*)", _wrong_word),
)
