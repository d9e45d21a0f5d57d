"""Generated pages match the code, and the commands in the README work."""

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from api.cli import casetrail
from api.http.signal_bodies import parse_items
from api.openapi import openapi_document
from domain.orders.purchase_signals import OrderPlaced

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text()


def generator():
    spec = spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name", ["commands.md", "events.md", "problems.md", "facts.md", "questions.md", "readings.md"]
)
def test_each_generated_page_is_up_to_date(name: str):
    written = (ROOT / "docs" / name).read_text()
    assert written == generator().pages()[name], "run .venv/bin/python docs/generate.py"


def test_the_example_of_a_signal_is_valid():
    page = (ROOT / "docs" / "events.md").read_text()
    found = re.search(r"```json\n(.*?)```", page, re.DOTALL)
    assert found is not None
    (order,), single = parse_items(found[1].encode(), "application/json")
    assert single
    assert isinstance(order, OrderPlaced), order
    assert str(order.lines[0].price) == "44.50 EUR"


def test_every_type_of_a_field_is_a_word_or_a_linked_section_with_content():
    page = (ROOT / "docs" / "events.md").read_text()
    types = "\n".join(re.findall(r"^- `\w+`: (.+)$", page, re.MULTILINE))
    unlinked = re.sub(r"\[\w+\]\(#\w+\)|\([^)]*\)|`[^`]*`", "", types)
    assert set(re.findall(r"\b[A-Z]\w+", unlinked)) <= {"UUID"}
    sections = dict(re.findall(r"^## (\w+)\n\n(.*?)(?=^#|\Z)", page, re.DOTALL | re.MULTILINE))
    assert {"Customer", "Line", "Promise", "Address", "PositiveMoney"} <= sections.keys()
    assert "`accept`, `review`, `reject`" in sections["FraudVerdict"]
    for name, content in sections.items():
        assert re.search(r"^- `|^One of `", content, re.MULTILINE), name


def test_the_values_that_the_console_offers_are_in_the_api_contract():
    schemas = openapi_document()["components"]["schemas"]
    scripts = [script.read_text() for script in sorted((ROOT / "api" / "console").glob("*.js"))]
    offered = re.findall(r'choice\("\w+", "[^"]+", "(\w+)"\)', "\n".join(scripts))
    assert {"ResolutionReason", "NextAction", "HoldOn"} <= set(offered)
    for name in offered:
        assert schemas[name]["enum"], name


def test_every_script_of_the_console_is_on_a_page():
    console = ROOT / "api" / "console"
    pages = "".join(page.read_text() for page in console.glob("*.html"))
    for script in console.glob("*.js"):
        assert f'src="/console/{script.name}"' in pages


def test_every_link_in_readme_and_docs_has_a_target():
    for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def commands_of_the_readme() -> list[str]:
    return re.findall(r"^\$ python3 run\.py ([^#\n]+?)\s*(?:#.*)?$", README, re.MULTILINE)


def test_the_readme_has_the_two_commands():
    assert commands_of_the_readme()[:2] == ["demo", "test"]


@pytest.mark.parametrize(
    "words", [w for w in commands_of_the_readme() if w not in ("demo", "test")]
)
def test_a_command_of_the_readme_exists(words: str):
    """The command exists; its own tests check what it does."""
    names = [
        word
        for word in words.split()
        if word.islower() and "." not in word and not word.startswith("-")
    ]
    command = []
    for name in names[:2]:
        done = run_help([*command, name])
        if done.exit_code != 0:
            break
        command.append(name)
    assert command, f"casetrail {words}"
    for option in re.findall(r"--\w+", words):
        assert option in run_help(command).output, f"{option} of casetrail {' '.join(command)}"


def run_help(words: list[str]) -> Result:
    return CliRunner().invoke(casetrail, [*words, "--help"], prog_name="casetrail")
