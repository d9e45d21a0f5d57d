"""Texts of other systems are printed as they are: no markup, no emoji."""

from __future__ import annotations

from pathlib import Path

import pytest

import api
from api import terminal
from api.commands.output import print_table
from api.routes.questions.tables import render_answer
from api.tables import Table
from domain.errors import Fault

ODD = "line:A: [red]x[/red] [link=x]y :smile: [/]"


def test_a_printed_line_is_the_text_itself(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.console(soft_wrap=True).print(ODD)
    terminal.console(soft_wrap=True).print(f"\n{ODD}", style="bold")
    assert capsys.readouterr().out == f"{ODD}\n\n{ODD}\n"


def test_a_cell_and_a_title_are_the_text_itself(capsys: pytest.CaptureFixture[str]) -> None:
    print_table((ODD,), [[ODD]], title=ODD)
    table = Table(ODD, title=ODD)
    table.add_row(ODD)
    table.print_on(terminal.console())
    assert capsys.readouterr().out.count(ODD) == 6


def test_an_answer_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    render_answer(terminal.console(soft_wrap=True), Fault(pointer=ODD, detail=ODD))
    assert capsys.readouterr().out.count(ODD) == 2


def test_commands_make_no_console_of_their_own() -> None:
    root = Path(str(api.__file__)).parent
    own = [
        str(file.relative_to(root))
        for file in root.rglob("*.py")
        if " Console(" in (text := file.read_text("utf-8")) or "=Console(" in text
    ]
    assert own == ["terminal.py"]
