"""Answers for people: what a struct says, line by line, and its lists as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from api.routes.questions.question import Answered, Question

MOST_ROWS = 500
MOST_COLUMNS = 7
MOST_IN_LINE = 4
LONGEST = 240


def tell_list(console: Console, questions: Sequence[Any]) -> None:
    table = Table("number", "question", "takes")
    for one in questions:
        options = ((f"--{p.name.replace('_', '-')}", p.required) for p in one.parameters)
        takes = " ".join(name if required else f"[{name}]" for name, required in options)
        table.add_row(str(one.number), escape(one.asks), escape(takes))
    console.print(table)


def tell_answered(console: Console, question: Question, found: Answered[Any]) -> None:
    console.print(f"[bold]{found.question}. {escape(found.asks)}[/bold]")
    if question.tell is not None:
        question.tell(console, found.answer)
    else:
        tell(console, found.answer)
    where = f"position {found.recorded}" if found.recorded is not None else "nowhere: it is halted"
    console.print(
        f"\nof the log up to position {found.position}; recorded at {where}; sha256 {found.digest}",
        style="dim",
    )


def tell(console: Console, answer: Struct) -> None:
    """Every field: single values first, then each list, as a table where it is flat and narrow."""
    _tell_fields(console, msgspec.json.decode(msgspec.json.encode(answer)), "")


def _tell_fields(console: Console, told: Mapping[str, Any], indent: str) -> None:
    below = {name: value for name, value in told.items() if _is_rows(value) or _is_deep(value)}
    for name, value in told.items():
        if name not in below and (_is_said(value) or not (indent or value is None)):
            said = escape(_cell(value)).replace("\n", ", ") or "none"
            console.print(f"{indent}{_spoken(name)}: {said}", soft_wrap=True)
    for name, value in below.items():
        if isinstance(value, dict):
            console.print(f"{indent}[bold]{_spoken(name)}[/bold]")
            _tell_fields(console, value, indent + "  ")
        else:
            console.print(f"{indent}[bold]{_spoken(name)}[/bold]: {len(value)}")
            _tell_rows(console, value, indent + "  ")


def _tell_rows(console: Console, rows: Sequence[Mapping[str, Any]], indent: str) -> None:
    shown = rows[:MOST_ROWS]
    names = [*dict.fromkeys(name for row in shown for name, said in row.items() if _is_said(said))]
    if len(names) <= MOST_COLUMNS and not any(_is_rows(row.get(n)) for row in shown for n in names):
        table = Table()
        for name in names:
            table.add_column(_spoken(name), overflow="fold")
        for row in shown:
            table.add_row(*(escape(_cell(row.get(name))) for name in names))
        if shown:
            console.print(Padding(table, (0, 0, 0, len(indent))))
    else:
        for number, row in enumerate(shown, 1):
            console.print(f"{indent}[dim]{number}[/dim]")
            _tell_fields(console, row, indent + "  ")
    if len(rows) > MOST_ROWS:
        console.print(f"{indent}and {len(rows) - MOST_ROWS} more (--json tells all)")


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _is_deep(value: object) -> bool:
    return isinstance(value, dict) and (
        len(value) > MOST_IN_LINE or any(isinstance(part, list | dict) for part in value.values())
    )


def _is_said(value: object) -> bool:
    return value not in (None, "", [], {})


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case str() if len(value) > LONGEST:
            return f"{value[:LONGEST]}… ({len(value)} characters; --json tells all)"
        case list():
            return "\n".join(_cell(part) for part in value)
        case dict():
            said = ((name, _cell(part)) for name, part in value.items())
            return ", ".join(f"{_spoken(name)} {part}" for name, part in said if part)
        case _:
            return str(value)


def _spoken(name: str) -> str:
    return name.replace("_", " ")
