"""The files, commands, options, routes and settings that the pages name exist."""

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from api.cli import casetrail
from api.openapi import openapi_document

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in PAGES}
CODE = "\n".join(
    file.read_text(encoding="utf-8")
    for folder in ("infrastructure", "api", "application", "tests/proofs")
    for file in (ROOT / folder).rglob("*.py")
)
TOPS = ("domain", "application", "projections", "infrastructure", "api", "tests", "verifiers")
RUN_PY = {"test", "test-dates", "check", "bench", "--help"}
MADE_BY_THE_READER = {
    "projections/rework.py",
    "tests/projections/test_rework.py",
    "infrastructure/payments/NAME.py",
}


@pytest.mark.parametrize("page", TEXTS)
def test_a_file_that_a_page_names_exists(page: str) -> None:
    named = re.findall(rf"`((?:{'|'.join(TOPS)})/[\w./-]*)`", TEXTS[page])
    missing = [name for name in named if not (ROOT / name).exists()]
    assert set(missing) <= MADE_BY_THE_READER


@pytest.mark.parametrize("page", TEXTS)
def test_a_setting_that_a_page_names_is_read_by_the_code(page: str) -> None:
    for name in set(re.findall(r"\bCASETRAIL_[A-Z_]+\b", TEXTS[page])) - {"CASETRAIL_VENV"}:
        assert name in CODE, name


def commands_of(text: str) -> list[list[str]]:
    """The words of each command in code: `casetrail people add NAME --role ROLE`."""
    inline = re.findall(r"`(?:casetrail|python3 run\.py) ([^`\n]+)`", text)
    blocks = "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
    typed = re.findall(
        r"(?:^|\$ |/casetrail )(?:casetrail|python3 run\.py) ([^#\n]+)", blocks, re.M
    )
    return [words.split() for words in (*inline, *typed)]


@pytest.mark.parametrize("page", TEXTS)
def test_a_command_that_a_page_names_exists_with_its_options(page: str) -> None:
    for words in commands_of(TEXTS[page]):
        if words[0] in RUN_PY or words[0].isupper():
            continue
        command: click.Command | None = casetrail
        path: list[str] = []
        for word in words:
            if not isinstance(command, click.Group) or not re.fullmatch(r"[a-z][a-z-]+|\d+", word):
                break
            command = command.get_command(click.Context(command), word)
            path.append(word)
            assert command is not None, f"casetrail {' '.join(path)}"
        assert path, words
        shown = CliRunner().invoke(casetrail, [*path, "--help"]).output
        for option in re.findall(r"(?<!\w)--[a-z][a-z-]+", " ".join(words)):
            assert option in shown, f"{option} of casetrail {' '.join(path)}"


def test_the_pages_name_many_commands_and_routes() -> None:
    assert sum(len(commands_of(text)) for text in TEXTS.values()) > 150
    assert sum(len(routes_of(text)) for text in TEXTS.values()) > 80


def routes_of(text: str) -> list[str]:
    return re.findall(r"`((?:GET|POST) /v1/[\w/{}:-]+)", text)


@pytest.mark.parametrize("page", TEXTS)
def test_a_route_that_a_page_names_is_served(page: str) -> None:
    """Without the names of parameters, which a page may shorten."""

    def shape(route: str) -> str:
        return re.sub(r"\{[^}]*\}|\b(?:NAME|VERSION|ID|CASE_ID)\b", "{}", route)

    operations = openapi_document()["paths"]
    served = {f"{method.upper()} {shape(path)}" for path, of in operations.items() for method in of}
    numbered = [re.sub(r"(questions/)\d+$", r"\1{}", route) for route in routes_of(TEXTS[page])]
    assert {shape(route) for route in numbered} <= served | {
        re.sub(r"(questions/)\d+$", r"\1{}", route) for route in served
    }
