"""Prints an answer in words: sentences, what was searched, what to do next, and lists."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from api.routes.questions.question import Answered
from api.routes.questions.words import Item, Section, at
from api.tables import Table

MOST_ROWS = 500


def render_recorded_answer(console: Console, answered: Answered) -> None:
    """Print the question, the answer in sentences, what was searched, what to do next, and the lists."""
    found = answered.found
    console.print(f"{found.question}. {found.asks}", style="bold")
    render_words(console, found.says, found.searched, found.next_steps, answered.sections)
    recorded = (
        f"recorded at position {found.recorded}"
        if found.recorded
        else "not recorded: the log is halted"
    )
    console.print(
        f"\nFrom the log up to position {found.position}, read at {at(found.answered_at)} (all times are UTC). "
        f"The question is {recorded}.\nSHA-256 of the answer (--json): {found.digest}",
        style="dim",
        soft_wrap=True,
    )


def render_words(
    console: Console,
    says: Sequence[str],
    searched: str,
    next_steps: Sequence[str],
    sections: Sequence[Section],
) -> None:
    console.print()
    for sentence in says:
        console.print(sentence)
    console.print()
    console.print(f"Searched: {searched}")
    for step in next_steps:
        console.print(f"Next: {step}")
    for section in sections:
        console.print(f"\n{section.title}", style="bold")
        if section.items:
            _print_items(console, section.items)
        if section.rows:
            _print_table(console, section.columns, section.rows)


def _print_indented(console: Console, text: str, indent: int) -> None:
    """A terminal wraps the text at words; a file or a pipe gets each line whole."""
    if not console.is_terminal:
        console.print(" " * indent + text, soft_wrap=True)
        return
    width = max(console.width - indent, *map(cell_len, text.split() or [""]))
    for line in Text(text).wrap(console, width):
        line.rstrip()
        console.print(Text(" " * indent).append_text(line), soft_wrap=True)


def _print_items(console: Console, items: Sequence[Item]) -> None:
    for item in items[:MOST_ROWS]:
        _print_indented(console, item.heading, 2)
        for line in item.lines:
            _print_indented(console, line, 6)
    _print_rest(console, len(items))


def _print_table(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(*columns)
    table.add_rows(rows[:MOST_ROWS])
    table.print_on(console)
    _print_rest(console, len(rows))


def _print_rest(console: Console, of: int) -> None:
    if of > MOST_ROWS:
        console.print(f"  and {of - MOST_ROWS:,} more (--json shows all)")
