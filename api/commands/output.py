"""Prints tables on standard output."""

from collections.abc import Iterable, Sequence

from api import terminal
from api.tables import Table


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None
) -> None:
    """Print rows as plain text (no markup); None is an empty cell. Figures are aligned right."""
    table = Table(*columns, title=title)
    table.add_rows(rows)
    table.print_on(terminal.console())
