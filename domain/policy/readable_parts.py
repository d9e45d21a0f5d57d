"""What can be read of a policy whose form has errors, so that its other errors are listed with them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from domain.errors import Fault
from domain.policy.document import PolicyDocument
from domain.validation import parts_to_leave_out, unescape_pointer_token

_STAND_INS: Final = {"policy": "unnamed", "version": "0", "summary": ""}
"""Nothing else in a policy depends on these."""


class ReadableParts(Struct, frozen=True):
    """A policy without the fields, list items and entries whose form has errors."""

    document: PolicyDocument
    plain: Mapping[str, Any]
    places: Mapping[str, Sequence[int]]
    """The pointer of a list -> the original places of its items."""
    left_out: frozenset[str]
    """The names of what was left out, and the names that it had used."""
    incomplete: frozenset[str]
    """The pointers of the parts that something was left out of."""

    def about_these(self, faults: Iterable[Fault]) -> Iterator[Fault]:
        """The faults, at their original places, without those that may come from what was left out."""
        for fault in faults:
            steps = fault.pointer.split("/")[1:]
            original = self._original(fault.pointer)
            named = steps[1:] if len(steps) == 2 else [_value_at(self.plain, steps)]
            if not self._is_incomplete(original) and not self.left_out.intersection(
                one for one in named if isinstance(one, str)
            ):
                yield Fault(original, fault.detail)

    def _is_incomplete(self, pointer: str) -> bool:
        """Whether the fault may come from what was left out: of this part, or of one that it needs."""
        section = pointer.removeprefix("/").partition("/")[0]
        is_opened_by_rules = section == "kinds" and pointer.count("/") == 2
        return any(
            f"{place}/".startswith(f"{pointer}/")
            or (section == "approvals" and place.startswith("/approvals/"))
            or (is_opened_by_rules and place in ("/detect", "/expect"))
            for place in self.incomplete
        )

    def _original(self, pointer: str) -> str:
        """The pointer in the document with everything in it; the outer lists first."""
        for of_list in sorted(self.places, key=lambda one: one.count("/")):
            if pointer.startswith(f"{of_list}/"):
                place, slash, rest = pointer.removeprefix(f"{of_list}/").partition("/")
                pointer = f"{of_list}/{self.places[of_list][int(place)]}{slash}{rest}"
        return pointer


def read_parts(raw: object, faults: Sequence[Fault]) -> ReadableParts | None:
    """A policy without what these faults of its form are about; None if the rest is no policy."""
    # As little as possible is left out: a part of a condition, else the whole rule.
    return _without(raw, faults, 0) or _without(raw, faults, -1)


def _without(raw: object, faults: Iterable[Fault], which: int) -> ReadableParts | None:
    if not isinstance(raw, dict):
        return None
    gone: dict[str, set[str]] = {}
    plain: Any = dict(raw)
    for fault in faults:
        name = fault.pointer.removeprefix("/")
        if name in _STAND_INS:
            plain[name] = _STAND_INS[name]
        elif found := parts_to_leave_out(raw, PolicyDocument, fault.pointer):
            pointer, name = found[which]
            gone.setdefault(pointer, set()).add(name)
    places: dict[str, Sequence[int]] = {}
    left_out: set[str] = set()
    # The inner parts first: that changes no place of an outer one.
    for pointer in sorted(gone, key=lambda one: -one.count("/")):
        steps, names = pointer.split("/")[1:], gone[pointer]
        part = _value_at(plain, steps)
        if len(steps) == 1:
            left_out |= names.union(*(_names_in(_value_at(part, [name])) for name in names))
        if isinstance(part, list):
            places[pointer] = [n for n in range(len(part)) if str(n) not in names]
            rest: Any = [part[n] for n in places[pointer]]
        else:
            rest = {name: one for name, one in part.items() if str(name) not in names}
        plain = _with_part(plain, steps, rest)
    try:
        document = msgspec.convert(plain, PolicyDocument)
    except msgspec.ValidationError:
        return None
    return ReadableParts(document, plain, places, frozenset(left_out), frozenset(gone))


def _value_at(raw: Any, steps: Iterable[str]) -> Any:
    for step in steps:
        name = unescape_pointer_token(step)
        if isinstance(raw, dict):
            raw = next((one for key, one in raw.items() if str(key) == name), None)
        elif isinstance(raw, list | tuple) and name.isdigit() and int(name) < len(raw):
            raw = raw[int(name)]
        else:
            return None
    return raw


def _names_in(part: Any) -> set[str]:
    """The names that a part uses in its own fields: of its kind, queue, work type and so on."""
    return (
        {one for one in part.values() if isinstance(one, str)} if isinstance(part, dict) else set()
    )


def _with_part(raw: Any, steps: Sequence[str], part: Any) -> Any:
    """A copy of plain data with another part at this place."""
    if not steps:
        return part
    name = unescape_pointer_token(steps[0])
    pairs = enumerate(raw) if isinstance(raw, list) else raw.items()
    copy = {k: _with_part(v, steps[1:], part) if str(k) == name else v for k, v in pairs}
    return [*copy.values()] if isinstance(raw, list) else copy
