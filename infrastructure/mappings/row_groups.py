"""Rows of a file that speak of one thing, such as the items of a parcel, as one delivery."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import structs

from infrastructure.mappings.parts import FileUnreadable, Part


def group_rows(file: Path, parts: Iterator[Part], rows_by: Sequence[str]) -> Iterator[Part]:
    """The rows as groups in the order of their first rows, each with the first row's columns and all its `rows`.

    A row without a value in any of the columns stays by itself, and so does what is no row. Raises FileUnreadable;
    then no group is read, since further rows of it may stand beyond.
    """
    groups: list[Part] = []
    places: dict[tuple[str, ...], Part] = {}
    try:
        for part in parts:
            if part.line is None or not isinstance(part.body, dict):
                yield part
                continue
            if missing := [name for name in rows_by if name not in part.body]:
                detail = f"it has no column {missing[0]!r}, by which the mapping groups rows"
                raise FileUnreadable(file, detail, part.line)
            key = tuple(str(part.body[name]).strip() for name in rows_by)
            group = places.get(key)
            if group is None:
                group = structs.replace(part, body={**part.body, "rows": []})
                groups.append(group)
                if any(key):
                    places[key] = group
            group.body["rows"].append(part.body)
    except FileUnreadable as error:
        if not groups:
            raise
        detail = (
            f"{error.detail}. The rows before are not read: others of the same may stand behind"
        )
        raise FileUnreadable(file, detail, error.line) from None
    yield from groups
