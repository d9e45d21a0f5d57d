"""The values of a mapping's tables, compared with what the fields that they are for can have."""

from collections.abc import Iterator, Mapping
from typing import Any

from domain.errors import Fault
from domain.fault_texts import not_one_of
from domain.validation import escape_pointer_token
from infrastructure.mappings.field_types import as_text, text_of, values_of


def find_table_faults(
    node: object, kind: Any, tables: Mapping[str, Mapping[str, object]]
) -> Iterator[Fault]:
    """The values of tables in `$code`, also in `$first`, that a field of this type can never have."""
    if not isinstance(node, dict) or (known := values_of(kind)) is None:
        return
    if isinstance(parts := node.get("$first"), list):
        for part in parts:
            yield from find_table_faults(part, kind, tables)
    table = inner.get("table") if isinstance(inner := node.get("$code"), dict) else None
    for code, meaning in tables.get(str(table), {}).items():
        if meaning is not None and as_text(meaning) not in known:
            pointer = f"/tables/{table}/{escape_pointer_token(code)}"
            yield Fault(pointer, not_one_of(text_of(meaning), sorted(known)))
