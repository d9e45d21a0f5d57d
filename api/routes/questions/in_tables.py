"""Answers for people: what a struct says, line by line, and its lists as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.routes.questions.question import Answered, Question

MOST_ROWS = 500


def tell_list(console: Console, questions: Sequence[Any]) -> None:
    table = Table("number", "question", "takes")
    for one in questions:
        takes = " ".join(f"--{p.name}" if p.required else f"[--{p.name}]" for p in one.parameters)
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
    """Every field: single values first, then each list as a table."""
    told = msgspec.to_builtins(answer)
    lists = {name: value for name, value in told.items() if _is_rows(value)}
    for name, value in told.items():
        if name not in lists:
            console.print(f"{_spoken(name)}: {escape(_cell(value))}", soft_wrap=True)
    for name, rows in lists.items():
        console.print(f"\n{_spoken(name)}: {len(rows)}")
        if rows:
            _tell_rows(console, rows)


def _tell_rows(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    names = [*dict.fromkeys(name for row in rows for name in row)]
    table = Table(*map(_spoken, names))
    for row in rows[:MOST_ROWS]:
        table.add_row(*(escape(_cell(row.get(name))) for name in names))
    console.print(table)
    if len(rows) > MOST_ROWS:
        console.print(f"and {len(rows) - MOST_ROWS} more (--json tells all)")


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case str():
            return value
        case list():
            return "\n".join(_cell(part) for part in value)
        case dict():
            said = ((name, _cell(part)) for name, part in value.items())
            return ", ".join(f"{_spoken(name)} {part}" for name, part in said if part)
        case _:
            return str(value)


def _spoken(name: str) -> str:
    return name.replace("_", " ")
