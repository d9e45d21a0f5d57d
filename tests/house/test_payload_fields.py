"""docs/payload-fields.md names signals and fields that exist, and has a row for every field of real
payloads."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from domain.orders.signals import Signal
from tests.house.payload_paths import SOURCES, paths_of

ROOT = Path(__file__).resolve().parent.parent.parent
PAYLOADS = ROOT.parent / "shared" / "data" / "payloads"
PAGE = ROOT / "docs" / "payload-fields.md"
EVERY, LEFT_OUT = "every resource", "left out"


class Row(NamedTuple):
    """One row of a table: its kind is the first column's heading."""

    source: str
    resources: tuple[str, ...]
    kind: str
    names: tuple[str, ...]
    cells: tuple[str, ...]


@cache
def rows() -> list[Row]:
    found, source, resources, kind = [], "", ("",), ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            source, resources, kind = line[3:], ("",), ""
        elif line.startswith("### "):
            resources, kind = tuple(line[4:].split(", ")), ""
        elif line.startswith("|"):
            first, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            if not kind:
                kind = first
            elif not first.startswith("---"):
                names = tuple(re.findall(r"`([^`]+)`", first))
                found.append(Row(source, resources, kind, names, tuple(cells)))
        else:
            kind = ""
    return found


def fields() -> list[Row]:
    return [row for row in rows() if row.kind == "field"]


def sent_as(row: Row) -> list[str]:
    return re.findall(r"`([a-z_]+\.[a-z_]+(?:\.[\w.\[\]]+)?)`", row.cells[0])


def targets() -> list[tuple[Row, str]]:
    return [(row, to) for row in rows() if row.kind != "resource" for to in sent_as(row)]


@cache
def signals() -> dict[str, msgspec.inspect.StructType]:
    union = msgspec.inspect.type_info(Signal)
    assert isinstance(union, msgspec.inspect.UnionType)
    structs = [one for one in union.types if isinstance(one, msgspec.inspect.StructType)]
    return {str(one.tag): one for one in structs}


def has_path(kind: msgspec.inspect.Type, path: list[str]) -> bool:
    """Whether a value of this type can have the path, such as `lines[]`, `price`."""
    if not path:
        return True
    match kind:
        case msgspec.inspect.UnionType():
            return any(has_path(one, path) for one in kind.types)
        case msgspec.inspect.Metadata():
            return has_path(kind.type, path)
        case msgspec.inspect.VarTupleType() | msgspec.inspect.ListType():
            return path[0] == "[]" and has_path(kind.item_type, path[1:])
        case msgspec.inspect.DictType():
            return has_path(kind.value_type, path[1:])
        case msgspec.inspect.StructType():
            named = {field.encode_name: field.type for field in kind.fields}
            if kind.tag_field:
                named[kind.tag_field] = msgspec.inspect.AnyType()
            return path[0] in named and has_path(named[path[0]], path[1:])
        case _:
            return False


def is_sent(target: str) -> bool:
    name, _, path = target.replace("[]", ".[]").partition(".")
    second, _, path = path.partition(".")
    signal = signals().get(f"{name}.{second}")
    return signal is not None and has_path(signal, path.split(".") if path else [])


def test_the_page_has_rows_of_every_source() -> None:
    assert {row.source for row in fields()} == set(SOURCES)
    assert len(fields()) > 400
    assert len(targets()) > 450


def test_a_field_is_sent_or_left_out_for_a_reason() -> None:
    for row in fields():
        sent, reason = row.cells
        assert row.names, row
        assert "*" not in row.names, row
        assert bool(sent) != bool(reason), row
        assert bool(sent) == bool(sent_as(row)), row
    for row in rows():
        assert row.kind in ("field", "value", "resource"), row
        if row.kind == "resource":
            assert (row.resources, bool(row.names), bool(row.cells[0])) == ((LEFT_OUT,), True, True)


def test_a_signal_and_a_field_that_the_page_names_exist() -> None:
    assert sorted({to for _, to in targets() if not is_sent(to)}) == []


def test_a_path_that_no_signal_has_is_found() -> None:
    assert is_sent("order.placed.lines[].price")
    assert is_sent("order.placed.order")
    assert not is_sent("order.placed.lines.price")
    assert not is_sent("order.placed.lines[].weight")
    assert not is_sent("order.teleported")


def covers(pattern: str, name: str) -> bool:
    """Whether the pattern of a row is the name: `*` is any text, and `x.*` is also `x`."""
    expression = re.escape(pattern).replace(r"\*", ".*")
    if pattern.endswith(".*"):
        expression = expression.removesuffix(r"\..*") + r"(?:(?:\[\])*(?:\..*)?|\[\].*)"
    return re.fullmatch(expression, name) is not None


def test_a_pattern_covers_its_fields_only() -> None:
    assert covers("refunds.*", "refunds")
    assert covers("refunds.*", "refunds[].id")
    assert covers("*_set.shop_money.*", "price_set.shop_money.amount")
    assert not covers("refunds.*", "refunds_url")
    assert not covers("amount", "amount.value")


@pytest.mark.skipif(not PAYLOADS.is_dir(), reason="../shared/data/payloads is not here")
@pytest.mark.parametrize("source", SOURCES)
def test_every_field_of_real_payloads_has_a_row(source: str) -> None:
    missing = []
    found = paths_of(source, PAYLOADS / source.lower())
    out = [n for row in rows() if (row.source, row.kind) == (source, "resource") for n in row.names]
    for resource, paths in found.items():
        if any(covers(name, resource) for name in out):
            continue
        names = [
            name
            for row in fields()
            if row.source == source and {resource, EVERY} & set(row.resources)
            for name in row.names
        ]
        missing += [
            f"{resource}: {path}"
            for path in sorted(paths)
            if not any(covers(name, path) for name in names)
        ]
    assert len(found) > 4
    assert missing == []
