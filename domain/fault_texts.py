"""Turns the decoder's errors into plain words: the value, what it must be, and an example."""

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, Final, get_args

from msgspec import Meta

TYPES: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "decimal": "a decimal number",
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
MAX_LISTED: Final = 12
"""So many allowed values are listed; of more, only those that are close to what was sent."""


def plain_text(error: str, raw: object, kind: Any) -> str:
    """The decoder's error about `raw`, which must be of the type `kind`, in plain words."""
    for pattern, describe in _DESCRIPTIONS:
        if found := re.fullmatch(pattern, error):
            return describe(found, raw, kind)
    return error


def not_one_of(value: object, allowed: Iterable[str]) -> str:
    """A value that is none of the allowed ones: they are listed, or the closest if they are many."""
    known = sorted(allowed)
    if len(known) <= MAX_LISTED:
        return f"{value!r} is not one of: {', '.join(known)}"
    close = get_close_matches(str(value), known, n=3)
    return f"{value!r} is not known" + (f"; did you mean {' or '.join(close)}?" if close else "")


def _types(names: str) -> str:
    return " or ".join(TYPES.get(name, name) for name in names.split(" | "))


def _wrong_type(found: re.Match[str], raw: object, _: Any) -> str:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return f"must be {_types(found[1])}, not {_types(found[2])}"
    hint = f': write it in quotes, as "{raw}"' if "str" in found[1] else ""
    return f"must be {_types(found[1])}, not {raw}{hint}"


def _wrong_form(_: re.Match[str], raw: object, kind: Any) -> str:
    said = [m.extra["must_be"] for m in _metas(kind) if m.extra and "must_be" in m.extra]
    shown = repr(raw) if len(repr(raw)) <= 80 else f"{repr(raw)[:80]}…"
    return f"{shown} is not {said[0] if said else 'of the expected form'}"


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
        r"Expected `datetime` with a timezone component",
        lambda _, raw, __: f"{raw!r} has no offset: write a time such as 2026-11-29T10:00:00Z",
    ),
    (r"Invalid RFC3339 encoded datetime", lambda _, raw, __: f"{raw!r} is not {TYPES['datetime']}"),
    (r"Invalid RFC3339 encoded date", lambda _, raw, __: f"{raw!r} is not {TYPES['date']}"),
    (r"Invalid ISO8601 duration", lambda _, raw, __: f"{raw!r} is not {TYPES['duration']}"),
)
