"""The columns of a file that the fields of a signal are read from, and those that the file does not have."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from domain.validation import unescape_pointer_token
from infrastructure.mappings.expressions import Expression, ExpressionBroken
from infrastructure.mappings.mapping import MappedSignal

_AROUND: Final = frozenset({"root", "parent", "grandparent"})
_BEGINS: Final = frozenset(
    {"subexpression", "index_expression", "projection", "value_projection", "filter_projection", "flatten", "pipe"}
)  # fmt: skip
"""Nodes whose first child alone is looked up at the row."""


def columns_in(value: object) -> frozenset[str]:
    """The names that a value of a document looks up at a row: a column, or the first step of a way."""
    if isinstance(value, str):
        try:
            return frozenset(_names(Expression(value).tree))
        except ExpressionBroken:
            return frozenset()
    parts: Iterable[object] = ()
    if isinstance(value, dict):
        parts = [one for key, one in value.items() if key != "table"]
    elif isinstance(value, list):
        parts = value
    return frozenset[str]().union(*map(columns_in, parts))


def missing_columns(
    signals: Iterable[MappedSignal], columns: Collection[str]
) -> Mapping[str, frozenset[str]]:
    """By the pointer of a fault, the columns that its field is read from and the row does not have. A field that has a
    value is wrong for another reason."""
    found: dict[str, frozenset[str]] = {}
    for one in signals:
        for fault in one.faults:
            field = unescape_pointer_token(fault.pointer.removeprefix("/").partition("/")[0])
            fields = ("order", "refs") if field in ("", "order") else (field,)
            if any(name in one.document for name in fields):
                continue
            read = frozenset[str]().union(*(one.columns.get(name, ()) for name in fields))
            if absent := read.difference(columns):
                found[fault.pointer] = absent
    return found


def _names(tree: Mapping[str, Any]) -> Iterable[str]:
    children = [one for one in tree.get("children", ()) if isinstance(one, dict)]
    if tree["type"] == "field":
        yield tree["value"]
    elif tree["type"] in _BEGINS and children:
        is_around = children[0]["type"] == "function_expression" and children[0]["value"] in _AROUND
        yield from _names(children[1] if is_around and len(children) > 1 else children[0])
    else:
        for one in children:
            yield from _names(one)
