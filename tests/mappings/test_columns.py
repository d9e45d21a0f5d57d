"""The columns that a mapping reads, and those that a file lacks."""

from __future__ import annotations

import pytest

from infrastructure.mappings.columns import columns_in, missing_columns
from infrastructure.mappings.documents import parse_mapping
from infrastructure.mappings.mapping import Delivery

DOCUMENT = """
mapping: rows
tables: {states: {A: in_transit}}
deliveries:
  - common: {order: order}
    signals:
      - type: shipment.scanned
        fields:
          id: {$join: [order, "':'", at]}
          event_time: at || time
          status: {$code: {of: state || status, table: states}}
"""


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("number", {"number"}),
        ("a.b.c || d[0].e", {"a", "d"}),
        ("split(path, '/')[-1]", {"path"}),
        ("root().number", {"number"}),
        ("delivery().headers.x", set()),
        ("list(rows)[?sku == 'x'].code", {"rows"}),
        ({"$code": {"of": "[a, b]", "table": "codes"}}, {"a", "b"}),
        ({"$each": "rows", "as": {"sku": "sku"}}, {"rows", "sku"}),
        ("'text'", set()),
        ("not an |", set()),
    ],
)
def test_the_names_that_a_value_looks_up(value: object, names: set[str]) -> None:
    assert columns_in(value) == names


@pytest.mark.parametrize(
    ("row", "missing"),
    [
        ({"order": "A", "at": "2026-11-30T10:00:00Z", "state": "A"}, {}),
        ({"order": "A", "at": "2026-11-30T10:00:00Z"}, {"/status": {"state", "status"}}),
        ({"order": "A", "at": "2026-11-30T10:00:00Z", "state": " "}, {"/status": {"status"}}),
        ({"order": "A", "at": "yesterday", "state": "A"}, {}),
        ({"order": "A b\x00", "at": "2026-11-30T10:00:00Z", "state": "A"}, {}),
    ],
)
def test_a_fault_is_explained_by_a_column_only_where_a_value_is_missing(
    row: dict[str, str], missing: dict[str, set[str]]
) -> None:
    read = parse_mapping(DOCUMENT).read(Delivery(body=row), {"source": "test"})
    assert missing_columns(read.signals, row) == missing
