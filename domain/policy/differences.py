"""The difference of two policies, in their reader's words.

A walk over the two documents as they are written: whatever differs there is told, whether or not
there is a word for it. Nothing that a document may come to hold later goes untold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from domain.policy.document import PolicyDocument, canonical_json

_SINGULAR: Final = {
    "queues": "queue",
    "kinds": "kind",
    "detect": "rule",
    "expect": "rule",
    "route": "route",
    "services": "service level",
    "calendars": "calendar",
    "ladders": "ladder",
    "look_ups": "look-up",
    "resolving_requires": "resolving as",
}
"""What one part of a section is called."""
_NAME_FIELDS: Final = ("rule", "title", "at_least")
"""What tells the parts of a list apart, if each has it and no two share it."""
_TEST_WORDS: Final = {
    "is": "is",
    "one_of": "is one of",
    "above": "above",
    "at_least": "at least",
    "below": "below",
    "at_most": "at most",
}
_DURATION: Final = re.compile(
    r"P(?=.)(?:(?P<days>\d+)D)?(?:T(?=.)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)
_ABSENT: Final = object()
_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


class PolicyDifference(Struct, frozen=True):
    """Where two policies differ, and how."""

    where: str
    how: str

    def __str__(self) -> str:
        return f"{self.where}: {self.how}" if self.where else self.how


def find_differences(before: PolicyDocument, after: PolicyDocument) -> tuple[PolicyDifference, ...]:
    """All of them, in the order in which a policy is written; none if and only if they are written
    alike."""
    told_before, told_after = json.loads(canonical_json(before)), json.loads(canonical_json(after))
    places = [*PolicyDocument.__struct_fields__]
    found = [
        one
        for section in sorted({*told_before, *told_after}, key=places.index)
        for one in _section_differences(
            section, told_before.get(section, _ABSENT), told_after.get(section, _ABSENT)
        )
    ]
    return tuple(found)


def describe_value(told: Any) -> str:
    """What was decoded from JSON, as it is read aloud."""
    return _describe(told)


def _section_differences(section: str, before: Any, after: Any) -> Iterator[PolicyDifference]:
    one = _SINGULAR.get(section)
    parts = [told for told in (before, after) if told is not _ABSENT]
    if one is None or not all(isinstance(told, dict | list) and told for told in parts):
        yield from _value_differences((), _underscores_to_spaces(section), before, after)
    elif isinstance(parts[0], list):
        absent: list[Any] = []
        yield from _list_differences(
            (one,), *(absent if t is _ABSENT else t for t in (before, after))
        )
    else:
        old, new = ({} if told is _ABSENT else told for told in (before, after))
        for name in [*old, *(name for name in new if name not in old)]:
            yield from _part_differences((f"{one} {name}",), old, new, name)


def _part_differences(
    where: tuple[str, ...], before: Mapping[str, Any], after: Mapping[str, Any], name: str
) -> Iterator[PolicyDifference]:
    """One part of a section that is there before, after or both times."""
    if name not in after:
        yield _create_difference(where, f"was removed ({_describe(before[name])})")
    elif name not in before:
        yield _create_difference(where, f"was added: {_describe(after[name])}")
    else:
        yield from _value_differences(where, "", before[name], after[name])


def _value_differences(
    where: tuple[str, ...], field: str, before: Any, after: Any
) -> Iterator[PolicyDifference]:
    if _is_same_value(before, after):
        return
    within = (*where, field) if field else where
    if isinstance(before, dict) and isinstance(after, dict) and not _is_condition(before, after):
        for name in [*before, *(name for name in after if name not in before)]:
            pair = (before.get(name, _ABSENT), after.get(name, _ABSENT))
            yield from _value_differences(within, _underscores_to_spaces(name), *pair)
    elif isinstance(before, list) and isinstance(after, list) and _find_name_field(before, after):
        yield from _list_differences(within, before, after)
    elif before is _ABSENT:
        yield _create_difference(within, f"now {_describe(after)}, and was not said before")
    elif after is _ABSENT:
        yield _create_difference(within, f"no longer said (was {_describe(before)})")
    else:
        yield _create_difference(within, f"{_describe(before)} → {_describe(after)}")


def _list_differences(
    where: tuple[str, ...], before: Sequence[Any], after: Sequence[Any]
) -> Iterator[PolicyDifference]:
    """Parts that have names, and whose order may decide which of them counts."""
    if _is_same_value(before, after):
        return
    named_by = _find_name_field(before, after)
    if named_by is None:
        yield _create_difference(where, f"{_describe(before)} → {_describe(after)}")
        return
    *outer, one = where
    old = {str(part[named_by]): part for part in before}
    new = {str(part[named_by]): part for part in after}
    for name in [*old, *(name for name in new if name not in old)]:
        yield from _part_differences((*outer, f"{one} {name}"), old, new, name)
    kept_before = [name for name in old if name in new]
    kept_after = [name for name in new if name in old]
    if kept_before != kept_after or not _is_appended(old, new):
        yield _create_difference((*outer, one), f"in the order {', '.join(old)} → {', '.join(new)}")


def _is_appended(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether what was added stands after all that was there, where it takes nothing's place."""
    added = [name not in old for name in new]
    return added == sorted(added)


def _find_name_field(before: Sequence[Any], after: Sequence[Any]) -> str | None:
    """The field by which the parts of both lists are told apart."""
    for field in _NAME_FIELDS:
        if all(
            all(isinstance(part, dict) and isinstance(part.get(field), str) for part in parts)
            and len({part[field] for part in parts}) == len(parts)
            for parts in (before, after)
        ):
            return field
    return None


def _create_difference(where: tuple[str, ...], how: str) -> PolicyDifference:
    return PolicyDifference(", ".join(one for one in where if one), how)


def _is_same_value(one: Any, other: Any) -> bool:
    """As they are written: `1`, `true` and `"1"` are three things."""
    if one is _ABSENT or other is _ABSENT:
        return one is other
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _is_condition(*told: Mapping[str, Any]) -> bool:
    return any({"all", "any", "not", "fact"} & one.keys() for one in told)


def _describe(told: Any) -> str:
    match told:
        case None:
            return "nothing"
        case bool():
            return "yes" if told else "no"
        case str():
            return _describe_duration(told) or (told if told.strip() else json.dumps(told))
        case dict() if _is_condition(told):
            return _describe_condition(told)
        case dict() if not told:
            return "nothing"
        case dict():
            return ", ".join(
                f"{_underscores_to_spaces(name)} {_describe(part)}" for name, part in told.items()
            )
        case list():
            return "; ".join(map(_describe, told)) if told else "none"
        case _:
            return str(told)


def _describe_condition(told: Mapping[str, Any]) -> str:
    """`all` and `any` in brackets, tests as they are read aloud."""
    said = []
    for name, word in (("all", " and "), ("any", " or ")):
        if name in told:
            said.append(f"({word.join(map(_describe_condition, told[name]))})")
    if "not" in told:
        said.append(f"not {_describe_condition(told['not'])}")
    if "fact" in told:
        tests = [
            f"{_TEST_WORDS[test]} {_describe(told[test])}" for test in _TEST_WORDS if test in told
        ]
        if "known" in told:
            tests.append("is known" if told["known"] else "is not known")
        said.append(f"{told['fact']} {' and '.join(tests)}".strip())
    return " and ".join(said)


def _describe_duration(text: str) -> str | None:
    """`PT28800S` as `8 hours`; None for what is no duration."""
    found = _DURATION.fullmatch(text)
    if found is None:
        return None
    seconds = sum(
        int(found[f"{unit}s"]) * length for unit, length in _UNITS if found[f"{unit}s"] is not None
    )
    parts = []
    for unit, length in _UNITS:
        many, seconds = divmod(seconds, length)
        if many:
            parts.append(f"{many} {unit}{'s' if many > 1 else ''}")
    return " ".join(parts) or "no time"


def _underscores_to_spaces(name: str) -> str:
    return name.replace("_", " ")
