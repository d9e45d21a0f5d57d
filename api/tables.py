"""Tables of the command line: a name, an id or an amount is never broken, and longer texts wrap at words.

A terminal that is too narrow for this gets one line for each cell, as psql's expanded display. A file or
a pipe has no width: there the table is as wide as it must be.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment, SegmentLines
from rich.table import Table as Grid
from rich.text import Text

KEPT_WHOLE: Final = 32
"""A line of a cell up to this width is kept whole: a name, an id, an amount or a time."""
BORDERS: Final = 3
"""What a column needs beside its text: a border, and a space on either side."""


class Table:
    """Rows under named columns, which print themselves in the width that there is."""

    def __init__(self, *columns: str, title: str | None = None, has_header: bool = True) -> None:
        self.columns = columns
        self.title = title
        self.has_header = has_header
        self._rows: list[list[Text]] = []

    def add_row(self, *cells: object) -> None:
        """Add a row. Texts are no markup; None is an empty cell, and figures are aligned right."""
        self._rows.append([*map(_cell, cells)])

    def add_rows(self, rows: Iterable[Sequence[object]]) -> None:
        for row in rows:
            self.add_row(*row)

    def print_on(self, console: Console, indent: int = 0) -> None:
        room = console.width - indent
        least = [self._least(n) for n in range(len(self.columns))]
        needed = sum(least) + BORDERS * len(least) + 1
        if needed > room and console.is_terminal:
            self._print_records(console, indent)
            return
        widths = self._widths(least, max(room, needed))
        grid = Grid(title=self.title, show_header=self.has_header)
        for name, width in zip(self.columns, widths, strict=True):
            grid.add_column(Text(name), width=width, overflow="fold")
        for row in self._rows:
            grid.add_row(*row)
        # The console would cut what is wider than itself.
        options = console.options.update(width=max(room, needed))
        lines = [
            [Segment(" " * indent), *line]
            for line in console.render_lines(grid, options, pad=False)
        ]
        console.print(SegmentLines(lines, new_lines=True), crop=False, end="")

    def _lines(self, column: int) -> list[str]:
        return [line for row in self._rows for line in row[column].plain.splitlines()]

    def _least(self, column: int) -> int:
        """The least width that breaks no word, and no line that is kept whole."""
        found = [cell_len(word) for word in self.columns[column].split() if self.has_header]
        for line in self._lines(column):
            words = [KEPT_WHOLE, *map(cell_len, line.split())]
            found.append(min(cell_len(line), max(words)))
        return max(found, default=1)

    def _widths(self, least: Sequence[int], room: int) -> list[int]:
        """The width of each column: as wide as its texts; if that is too much, the widest ones wrap."""
        headings = self.columns if self.has_header else [""] * len(self.columns)
        widths = [
            max(map(cell_len, [heading, *self._lines(n)])) for n, heading in enumerate(headings)
        ]
        excess = sum(widths) + BORDERS * len(widths) + 1 - room
        while excess > 0:
            widest = max(range(len(widths)), key=lambda n: (widths[n] > least[n], widths[n]))
            widths[widest] -= 1
            excess -= 1
        return widths

    def _print_records(self, console: Console, indent: int) -> None:
        if self.title:
            console.print(Text(" " * indent + self.title, style="italic"), soft_wrap=True)
        label = max(map(cell_len, self.columns), default=0)
        for number, row in enumerate(self._rows, 1):
            console.print(Text(f"{' ' * indent}─ {number} ─", style="dim"), soft_wrap=True)
            for name, cell in zip(self.columns, row, strict=True):
                if not cell.plain:
                    continue
                longest = max(map(cell_len, cell.plain.split()), default=1)
                width = max(console.width - indent - label - 2, longest)
                for n, line in enumerate(cell.wrap(console, width, justify="left")):
                    line.rstrip()
                    head = (name if n == 0 else "").ljust(label)
                    text = Text.assemble(" " * indent, (head, "bold"), "  ", line)
                    console.print(text, soft_wrap=True)


def _cell(value: object) -> Text:
    if isinstance(value, Text):
        return value
    text = "" if value is None else str(value)
    return Text(text, justify="right" if isinstance(value, int) else None)


def shorten(text: str, most: int) -> str:
    """A text of at most so many characters, cut between words."""
    if len(text) <= most:
        return text
    return f"{text[:most].rsplit(maxsplit=1)[0]}…"
