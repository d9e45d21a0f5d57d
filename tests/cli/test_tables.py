"""Tables: a name, an id or an amount is never broken, and longer texts wrap at words."""

from __future__ import annotations

import ast
import io
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from rich.console import Console

from api.routes.questions.tables import render_answer
from api.tables import KEPT_WHOLE, Table, shorten

ROOT = Path(__file__).parents[2]
ID = str(UUID(int=2**127))
TEXT = "The parcel was lost by the carrier, and nobody has said where it is now. " * 3
AMOUNT = "1,234,567.00 EUR"
PERSON = "Maria Fernanda de Oliveira"


def printed(table: Table, width: int, *, is_terminal: bool, indent: int = 0) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=is_terminal, color_system=None)
    table.print_on(console, indent)
    return out.getvalue().splitlines()


def table_of(*columns: str, rows: Sequence[Sequence[object]]) -> Table:
    table = Table(*columns, title="A title")
    table.add_rows(rows)
    return table


WIDE = table_of(
    *("adjustment", "case", "what was said", "amount", "approved by"),
    rows=[(ID, ID[::-1], TEXT, AMOUNT, PERSON), (ID, None, "short", 7, PERSON)],
)
NARROW = table_of(
    "amount", "what was said", "by", rows=[(AMOUNT, TEXT, "Ana"), (3, None, "Ana Souza")]
)


@pytest.mark.parametrize("indent", [0, 4])
@pytest.mark.parametrize("is_terminal", [True, False])
@pytest.mark.parametrize("width", [20, 80, 100, 300])
def test_names_ids_and_amounts_stay_whole(width: int, is_terminal: bool, indent: int) -> None:
    for table, whole in ((WIDE, (ID, ID[::-1], AMOUNT, PERSON)), (NARROW, (AMOUNT, "Ana Souza"))):
        lines = printed(table, width, is_terminal=is_terminal, indent=indent)
        text = "\n".join(lines)
        # At 20 columns even the words of a name wrap; its words are whole all the same.
        for one in whole if width > 20 or not is_terminal else (ID,) * (table is WIDE):
            assert one in text
        assert {*TEXT.split()} <= {*text.split()}


def test_a_table_that_fits_is_as_wide_as_the_terminal_at_most() -> None:
    lines = printed(NARROW, 80, is_terminal=True)
    assert max(map(len, lines)) == 80
    assert any(line.startswith("┃ amount") for line in lines)


def test_a_terminal_that_is_too_narrow_gets_one_line_for_each_cell() -> None:
    lines = printed(WIDE, 80, is_terminal=True)
    assert lines[:4] == ["A title", "─ 1 ─", f"adjustment     {ID}", f"case           {ID[::-1]}"]
    assert f"approved by    {PERSON}" in lines
    assert max(map(len, lines)) <= 80
    assert not any(line.startswith("case ") for line in lines[lines.index("─ 2 ─") :])


def test_a_file_gets_a_table_that_is_as_wide_as_it_must_be() -> None:
    lines = printed(WIDE, 80, is_terminal=False)
    (first,) = [line for line in lines if ID[::-1] in line]
    assert all(one in first for one in (ID, AMOUNT, PERSON))


WORDS = st.text("abcdefgh0123456789-.,€é漢", min_size=1, max_size=60)
CELLS = st.lists(WORDS, max_size=12).map(" ".join) | st.none() | st.integers()


@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=4),
    width=st.integers(100, 300),
    is_terminal=st.booleans(),
)
def test_no_word_of_any_cell_is_broken(
    rows: list[tuple[object, ...]], width: int, is_terminal: bool
) -> None:
    text = "\n".join(printed(table_of("a", "b c", "d", rows=rows), width, is_terminal=is_terminal))
    for cell in (cell for row in rows for cell in row if cell is not None):
        assert {*str(cell).split()} <= {*text.split()}
        if len(str(cell)) * 2 <= KEPT_WHOLE:  # some characters are two columns wide
            assert str(cell) in text


def test_every_table_is_one_of_these() -> None:
    found = []
    for folder in ("api", "application", "infrastructure", "projections", "domain"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                names += [n.name for n in node.names] if isinstance(node, ast.Import) else []
                if any(name.startswith(("rich.table", "rich.columns")) for name in names):
                    found.append(file.relative_to(ROOT).as_posix())
    assert found == ["api/tables.py"]


class _Wait(Struct):
    name: str
    wait_seconds: float
    seconds_after: float | None = None


class _Waits(Struct):
    longest_seconds: str
    paused_seconds: float
    seconds: float
    steps: dict[str, str]
    waits: list[_Wait]


def test_seconds_have_their_unit_in_every_answer() -> None:
    out = io.StringIO()
    waits = [_Wait("first", 93_784), _Wait("second", 0.25, seconds_after=-36_000)]
    found = _Waits("3600", 61, 0.5, {"longest_seconds": "7200"}, waits)
    render_answer(Console(file=out, width=100, color_system=None), found)
    text = out.getvalue()
    for told in ("longest: 1 h", "paused: 1 min 1 s", "duration: 0.5 s", "longest 2 h"):
        assert told in text
    for told in ("1 d 2 h 3 min 4 s", "0.25 s", "-10 h"):
        assert told in text
    assert "seconds" not in text


def test_a_text_is_cut_between_words() -> None:
    assert shorten("lost by the carrier", 100) == "lost by the carrier"
    assert shorten("lost by the carrier", 13) == "lost by the…"
    assert shorten("x" * 20, 10) == f"{'x' * 10}…"
