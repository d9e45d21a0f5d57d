"""CSV that casetrail writes: no cell becomes a formula in a spreadsheet, and plain numbers stay numbers."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.csv_cells import guard_cell, unguard_cell, write_rows
from infrastructure.payments.provider.ledger import LedgerRefund
from infrastructure.payments.provider.own_api import write_statement
from infrastructure.payments.statement_file import read_statement

FORMULAS = [
    "=1+1",
    "+49 30 1234",
    "-1+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "\t=1",
    "\rtext",
    "\ntext",
    "  =1+1",
    " \t text",
    '"=1+1"',
    "'=1+1",
    " ' \"@x",
    "\ufeff=1",
    "\xa0=1",
    "\uff1d1+1",
    "\uff0b1",
    "-",
    "--1",
    "-1.5.2",
    "+1",
    "-12.30 EUR",
    "-1 day",
]
SAFE = [
    "",
    "x",
    "a=b",
    "1",
    "-12.30",
    "-0",
    "12.30",
    "-1e-05",
    "2026-11-21",
    "\u2013 x",
    "'x",
    "a\tb",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_cell_that_begins_like_a_formula_is_guarded(text: str) -> None:
    assert guard_cell(text) == f"'{text}"
    assert unguard_cell(f"'{text}") == text


@pytest.mark.parametrize("text", SAFE)
def test_other_text_and_plain_numbers_stay(text: str) -> None:
    assert guard_cell(text) == text
    assert unguard_cell(text) == text


@pytest.mark.parametrize("value", [None, -3, Decimal("-12.30"), datetime(2026, 11, 21, tzinfo=UTC)])
def test_values_that_are_not_text_stay(value: object) -> None:
    assert guard_cell(value) is value


@given(st.text() | st.sampled_from(FORMULAS).map(lambda text: f"'{text}"))
def test_a_guarded_cell_is_read_as_it_was(text: str) -> None:
    assert unguard_cell(str(guard_cell(text))) == text


def test_a_table_is_guarded_and_read_by_a_csv_reader() -> None:
    out = io.StringIO(newline="")
    write_rows(out, ("a", "b"), [(one, Decimal("-12.30")) for one in FORMULAS])
    rows = [*csv.reader(io.StringIO(out.getvalue(), newline=""))]
    assert rows == [["a", "b"], *([f"'{one}", "-12.30"] for one in FORMULAS)]


def test_a_statement_guards_its_ids_and_is_read_with_the_ids_as_they_were() -> None:
    odd = ["=pay", "+1", "-x", "@x", "'=x", "-12", " =x"]
    refunds = [
        LedgerRefund(
            reference=f"re_{n}",
            key=one,
            payment=one,
            currency="EUR",
            amount="1.50",
            reason="",
            metadata={},
            status="succeeded",
            failure="",
            created_at="2026-11-21T09:00:00.000+00:00",
        )
        for n, one in enumerate(odd)
    ]
    written = write_statement(refunds)
    cells = [row[3] for row in [*csv.reader(written.decode().splitlines())][1:-1]]
    assert [cell for cell in cells if cell[0] in "=+@"] == []
    assert cells == ["'=pay", "'+1", "'-x", "'@x", "''=x", "-12", "' =x"]
    lines = [*read_statement(written)]
    assert [line.payment for line in lines] == odd
    assert [line.key for line in lines] == odd
