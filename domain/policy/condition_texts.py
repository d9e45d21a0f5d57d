"""Conditions in words, as they are written: decoded from JSON."""

from collections.abc import Callable, Mapping
from typing import Any, Final

TEST_WORDS: Final = {
    "is": "is",
    "one_of": "is one of",
    "above": "above",
    "at_least": "at least",
    "below": "below",
    "at_most": "at most",
}
QUANTIFIERS: Final = ("any", "every", "count", "sum")
FORMS: Final = ("all", "any", "not", "fact", "every", "count", "sum")
"""The members of which a condition has exactly one."""


def describe_condition(condition: Mapping[str, Any], describe_value: Callable[[Any], str]) -> str:
    """A condition in words, with `all` and `any` in brackets."""

    def describe(inner: Mapping[str, Any]) -> str:
        return describe_condition(inner, describe_value)

    parts, subjects = [], []
    for name, word in (("all", " and "), ("any", " or ")):
        if isinstance(condition.get(name), list | tuple):
            parts.append(f"({word.join(map(describe, condition[name]))})")
    if "not" in condition:
        parts.append(f"not {describe(condition['not'])}")
    if "fact" in condition:
        subjects.append(str(condition["fact"]))
    for name in QUANTIFIERS:
        if isinstance(of := condition.get(name), str):
            where = f" where {describe(condition['where'])}" if "where" in condition else ""
            subjects.append(f"{name}({of}{where})")
    if subjects:
        tests = [
            f"{words} {describe_value(condition[test])}"
            for test, words in TEST_WORDS.items()
            if test in condition
        ]
        if "known" in condition:
            tests.append("is known" if condition["known"] else "is not known")
        parts.append(f"{' and '.join(subjects)} {' and '.join(tests)}".strip())
    return " and ".join(parts)


def plain_value(value: Any) -> str:
    """A value of a condition as it is written: true or false, a list with commas, a fact by its path."""
    match value:
        case bool():
            return str(value).lower()
        case list() | tuple():
            return ", ".join(map(plain_value, value))
        case {"fact": path}:
            return str(path)
        case _:
            return str(value)
