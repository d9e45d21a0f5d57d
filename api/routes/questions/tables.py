"""Printing answers: the fields of a struct line by line, and its lists as tables."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.text import Text

from api.tables import Table, shorten
from domain.cases.event_descriptions import format_duration

MOST_ROWS = 500
MOST_COLUMNS = 7
MOST_IN_LINE = 4
MAX_CELL_LENGTH = 240
_SECONDS = "seconds"


def render_question_list(console: Console, questions: Sequence[Any]) -> None:
    table = Table("number", "question", "options")
    for question in questions:
        options = ((f"--{p.name.replace('_', '-')}", p.required) for p in question.parameters)
        takes = " ".join(name if required else f"[{name}]" for name, required in options)
        table.add_row(str(question.number), question.asks, takes)
    table.print_on(console)


def render_answer(console: Console, answer: Struct) -> None:
    """Print every field: single values first, then each list, as a table if it is flat and narrow."""
    _render_fields(console, msgspec.json.decode(msgspec.json.encode(answer)), "")


def _render_fields(console: Console, fields: Mapping[str, Any], indent: str) -> None:
    below = {name: value for name, value in fields.items() if _is_rows(value) or _is_deep(value)}
    for name, value in fields.items():
        if name not in below and (_is_present(value) or not (indent or value is None)):
            text = _format_field(name, value).replace("\n", ", ") or "none"
            console.print(f"{indent}{_label(name)}: {text}")
    for name, value in below.items():
        if isinstance(value, dict):
            console.print(Text.assemble(indent, (_label(name), "bold")))
            _render_fields(console, value, indent + "  ")
        else:
            console.print(Text.assemble(indent, (_label(name), "bold"), f": {len(value)}"))
            _render_rows(console, value, indent + "  ")


def _render_rows(console: Console, rows: Sequence[Mapping[str, Any]], indent: str) -> None:
    shown = rows[:MOST_ROWS]
    names = [
        *dict.fromkeys(name for row in shown for name, value in row.items() if _is_present(value))
    ]
    if len(names) <= MOST_COLUMNS and not any(_is_rows(row.get(n)) for row in shown for n in names):
        table = Table(*map(_label, names))
        for row in shown:
            table.add_row(*(_format_field(name, row.get(name)) for name in names))
        if shown:
            table.print_on(console, len(indent))
    else:
        for number, row in enumerate(shown, 1):
            console.print(Text.assemble(indent, (str(number), "dim")))
            _render_fields(console, row, indent + "  ")
    if len(rows) > MOST_ROWS:
        console.print(f"{indent}and {len(rows) - MOST_ROWS} more (--json shows all)")


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _is_deep(value: object) -> bool:
    return isinstance(value, dict) and (
        len(value) > MOST_IN_LINE or any(isinstance(part, list | dict) for part in value.values())
    )


def _is_present(value: object) -> bool:
    return value not in (None, "", [], {})


def _format_cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case str() if len(value) > MAX_CELL_LENGTH:
            return f"{shorten(value, MAX_CELL_LENGTH)} ({len(value)} characters; --json shows all)"
        case list():
            return "\n".join(_format_cell(part) for part in value)
        case dict():
            cells = ((name, _format_field(name, part)) for name, part in value.items())
            return ", ".join(f"{_label(name)} {part}" for name, part in cells if part)
        case _:
            return str(value)


def _format_field(name: str, value: object) -> str:
    """The cell of a field; a number of seconds as a duration with its units."""
    if _SECONDS not in name.split("_") or not isinstance(value, int | float | str):
        return _format_cell(value)
    try:
        length = float(value)
    except ValueError:
        return _format_cell(value)
    if abs(length) < 60:  # the fraction counts too
        return f"{length:g} s"
    return f"{'-' if length < 0 else ''}{format_duration(timedelta(seconds=abs(length)))}"


def _label(name: str) -> str:
    """The name of a field in words, without the unit that its values are printed with."""
    return " ".join(word for word in name.split("_") if word != _SECONDS) or "duration"
