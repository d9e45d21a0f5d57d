"""The differences of two policies, in words.

It compares the two documents as they are written, so it also finds differences in fields that it
has no words for.
"""

import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec
from msgspec import Struct

from domain.policy.checks import describe_duration
from domain.policy.condition_texts import FORMS, describe_condition
from domain.policy.document import PolicyDocument, canonical_json

_SINGULAR: Final = {
    "queues": "queue",
    "kinds": "kind",
    "detect": "rule",
    "expect": "rule",
    "route": "route",
    "services": "service level",
    "stages": "stage",
    "calendars": "calendar",
    "ladders": "ladder",
    "look_ups": "look-up",
    "resolving_requires": "resolving as",
}
"""The name of one part of a section."""
_NAME_FIELDS: Final = ("rule", "title", "at_least")
"""Fields that may name the parts of a list, if every part has its own."""
_ABSENT: Final = object()


class PolicyDifference(Struct, frozen=True):
    """One difference: its place, and the change."""

    where: str
    how: str

    def __str__(self) -> str:
        return f"{self.where}: {self.how}"


def find_differences(before: PolicyDocument, after: PolicyDocument) -> tuple[PolicyDifference, ...]:
    """All differences, in the order of a policy's sections; none if and only if they are equal."""
    old, new = json.loads(canonical_json(before)), json.loads(canonical_json(after))
    return tuple(
        difference
        for section in PolicyDocument.__struct_fields__
        for difference in _section_differences(
            section, old.get(section, _ABSENT), new.get(section, _ABSENT)
        )
    )


def _section_differences(section: str, before: Any, after: Any) -> Iterator[PolicyDifference]:
    singular = _SINGULAR.get(section)
    parts = [part for part in (before, after) if part is not _ABSENT]
    if singular is None or not all(isinstance(part, dict | list) and part for part in parts):
        yield from _value_differences((_underscores_to_spaces(section),), before, after)
    elif parts and isinstance(parts[0], list):
        old, new = ([] if part is _ABSENT else part for part in (before, after))
        yield from _list_differences((singular,), old, new)
    else:
        old, new = ({} if part is _ABSENT else part for part in (before, after))
        yield from _part_differences((), singular, old, new)


def _part_differences(
    where: tuple[str, ...], singular: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[PolicyDifference]:
    """The differences of parts by name. A part is called `singular` and its name, or its name alone."""
    for name in {**before, **after}:
        label = f"{singular} {name}" if singular else _underscores_to_spaces(name)
        pair = (before.get(name, _ABSENT), after.get(name, _ABSENT))
        yield from _value_differences((*where, label), *pair)


def _value_differences(
    where: tuple[str, ...], before: Any, after: Any
) -> Iterator[PolicyDifference]:
    if _is_same_value(before, after):
        return
    if isinstance(before, dict) and isinstance(after, dict) and not _is_condition(before, after):
        yield from _part_differences(where, "", before, after)
    elif isinstance(before, list) and isinstance(after, list) and _find_name_field(before, after):
        yield from _list_differences(where, before, after)
    elif before is _ABSENT:
        yield _create_difference(where, f"was added: {describe_value(after)}")
    elif after is _ABSENT:
        yield _create_difference(where, f"was removed ({describe_value(before)})")
    else:
        yield _create_difference(where, f"{describe_value(before)} → {describe_value(after)}")


def _list_differences(
    where: tuple[str, ...], before: Sequence[Any], after: Sequence[Any]
) -> Iterator[PolicyDifference]:
    """The differences of lists of named parts, where the order may decide which part counts."""
    if _is_same_value(before, after):
        return
    name_field = _find_name_field(before, after)
    if name_field is None:
        yield _create_difference(where, f"{describe_value(before)} → {describe_value(after)}")
        return
    *outer, singular = where
    old = {str(part[name_field]): part for part in before}
    new = {str(part[name_field]): part for part in after}
    yield from _part_differences(
        tuple(outer), singular, old, {name: part for name, part in new.items() if name in old}
    )
    names = [*new]
    for n, name in enumerate(names):
        if name not in old:
            place = next((f" before {other}" for other in names[n + 1 :] if other in old), "")
            added = f"was added{place}: {describe_value(new[name])}"
            yield _create_difference((*outer, f"{singular} {name}"), added)
    for name in _find_moved([*old], names):
        after_old, after_new = _part_before(name, [*old]), _part_before(name, names)
        moved = f"was moved: {after_old} → {after_new}"
        if after_old == after_new:  # others moved with it
            moved = f"was moved, and is still {after_new}"
        yield _create_difference((*outer, f"{singular} {name}"), moved)


def _find_moved(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """The fewest parts whose moves give the new order of the parts that are in both lists."""
    place = {name: n for n, name in enumerate(before)}
    kept = [name for name in after if name in place]
    # For each length, the sequence in the old order whose end comes first; the longest one stays.
    ordered: list[list[str]] = [[]]
    for name in kept:
        length = bisect_left([place[one[-1]] for one in ordered[1:]], place[name])
        ordered[length + 1 : length + 2] = [[*ordered[length], name]]
    stay = {*ordered[-1]}
    return [name for name in kept if name not in stay]


def _part_before(name: str, names: Sequence[str]) -> str:
    place = names.index(name)
    return f"after {names[place - 1]}" if place else "first"


def _find_name_field(before: Sequence[Any], after: Sequence[Any]) -> str | None:
    """The field that names every part of both lists; None if there is none."""
    for field in _NAME_FIELDS:
        if all(
            all(isinstance(part, dict) and isinstance(part.get(field), str) for part in parts)
            and len({part[field] for part in parts}) == len(parts)
            for parts in (before, after)
        ):
            return field
    return None


def _create_difference(where: tuple[str, ...], how: str) -> PolicyDifference:
    return PolicyDifference(", ".join(where), how)


def _is_same_value(one: Any, other: Any) -> bool:
    """Whether both are written alike: `1`, `true` and `"1"` are three values."""
    if one is _ABSENT or other is _ABSENT:
        return one is other
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _is_condition(*parts: Mapping[str, Any]) -> bool:
    return any(part.keys() & FORMS for part in parts)


def describe_value(value: Any) -> str:
    """A value decoded from JSON, in words."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case str():
            return _describe_duration(value) or (value if value.strip() else json.dumps(value))
        case dict() if _is_condition(value):
            return describe_condition(value, describe_value)
        case dict() if not value:
            return "nothing"
        case dict():
            return ", ".join(
                f"{_underscores_to_spaces(name)} {describe_value(part)}"
                for name, part in value.items()
            )
        case list():
            return "; ".join(map(describe_value, value)) if value else "none"
        case _:
            return str(value)


def _describe_duration(text: str) -> str | None:
    """`PT28800S` as `8 hours`; None for a text that is not a duration of whole seconds."""
    try:
        duration = msgspec.convert(text, timedelta)
    except msgspec.ValidationError:
        return None
    return None if duration.microseconds else describe_duration(duration)


def _underscores_to_spaces(name: str) -> str:
    return name.replace("_", " ")
