"""The same thing as a system states it earlier or later in its life."""

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

from infrastructure.mappings.mapping import Delivery
from infrastructure.mappings.mapping import Mapping as Document
from tests.mappings.mapped import COMMON

CHANGES = re.compile(
    r"estimat|expected|updated|modified|last_|deliver|eta$|forecast|signed|status|tag$|promise|return_to|due|attempt",
    re.IGNORECASE,
)
"""Names of what changes while a parcel is on its way, or an order or a dispute is worked on."""


HAPPENS = re.compile(r"'[@\w-]*(time|date|stamp|_at|at|transactions?)'", re.IGNORECASE)
"""In an item of a list that grows: it says when it happened."""


def differing(document: Document, body: Any, **beside: Mapping[str, str]) -> Iterator[str]:
    """Fields that a signal has otherwise in an earlier or later state of the body, though its id is the same and
    the document does not say that they may change."""
    before = _signals(document, body, beside)
    for name, other in _states(body):
        for key, (fields, may_change) in _signals(document, other, beside).items():
            if key in before:
                found = before[key][0]
                for field in {*found, *fields} - {*may_change}:
                    if found.get(field) != fields.get(field):
                        yield f"{key[0]} {key[1]}: {field} ({name})"


def _signals(
    document: Document, body: Any, beside: Mapping[str, Mapping[str, str]]
) -> dict[tuple[str, str], tuple[dict[str, Any], tuple[str, ...]]]:
    result = document.read(Delivery(body=body, **beside), COMMON)  # type: ignore[arg-type]
    return {
        (one.document["type"], str(one.document.get("id"))): (dict(one.document), one.may_change)
        for one in result.signals
        if one.signal is not None
    }


def _states(body: Any) -> Iterator[tuple[str, Any]]:
    """The body without the first or the last item of a list, and with another value where one changes with time."""
    for way, value in _places(body, ()):
        if isinstance(value, list) and len(value) > 1 and HAPPENS.search(str(value[0])):
            for cut, left in (("first", value[1:]), ("last", value[:-1])):
                yield f"{_path(way)} without its {cut}", _with(body, way, left)
        # What stands in an item of a list belongs to that item.
        elif not any(isinstance(step, int) and step for step in way) and CHANGES.search(
            str(way[-1:])
        ):
            if isinstance(value, str) and (other := _later(value)) != value:
                yield _path(way), _with(body, way, other)
            elif isinstance(value, bool):
                yield _path(way), _with(body, way, not value)


def _later(text: str) -> str:
    """A time of the year after, or a state that nobody knows."""
    return re.sub(r"\b20(\d\d)", lambda year: f"20{(int(year[1]) + 1) % 100:02}", text)


def _places(value: Any, way: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    yield way, value
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for step, one in items:
        yield from _places(one, (*way, step))


def _with(body: Any, way: tuple[str | int, ...], value: Any) -> Any:
    if not way:
        return value
    copied = copy.deepcopy(body)
    place = copied
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = value
    return copied


def _path(way: tuple[str | int, ...]) -> str:
    return ".".join(map(str, way))
