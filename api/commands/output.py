"""Prints tables on standard output."""

from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from api import terminal


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str | None = None,
    soft_wrap: bool = False,
) -> None:
    """Print rows as plain text (no markup); None is an empty cell. Figures are aligned right."""
    table = Table(title=title)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row))
    terminal.console(soft_wrap=soft_wrap).print(table)


def _cell(value: object) -> Text:
    text = "" if value is None else str(value)
    return Text(text, justify="right" if isinstance(value, int) else None)
