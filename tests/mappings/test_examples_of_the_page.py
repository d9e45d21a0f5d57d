"""Every example of docs/mappings.md does what the page says."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from infrastructure.mappings.expressions import Evaluation
from infrastructure.mappings.files import parse_body
from infrastructure.mappings.reading import Reading, Table
from infrastructure.mappings.values import HELPERS, Compiler
from tests.mappings.mapped import documents, read

PAGE = Path(__file__).parents[2] / "docs" / "mappings.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    return BLOCK.findall(PAGE.read_text(encoding="utf-8"))


def examples() -> list[tuple[str, Any, Any]]:
    """A text of YAML, the delivery behind it and what is made of it."""
    found = blocks()
    return [
        (text, parse_body(form, body), json.loads(made))
        for (kind, text), (form, body), (last, made) in zip(
            found, found[1:], found[2:], strict=False
        )
        if (kind, last) == ("yaml", "json") and form in ("json", "xml")
    ]


def test_the_whole_document_makes_the_signals_of_the_page() -> None:
    text, body, signals = examples()[0]
    result = read(text, body, {"x-event": "scan"})
    assert documents(result) == signals
    assert result.is_understood
    assert result.unread == {}
    assert not read(text, body, {"x-event": "label"}).is_known


def test_the_document_of_what_may_change_is_sound() -> None:
    (text,) = [text for kind, text in blocks() if kind == "yaml" and "may_change" in text]
    body = {
        "parcel": {
            "number": "L",
            "expected": "2026-12-01",
            "scans": [{"at": "2026-11-30T10:00:00Z"}],
        }
    }
    assert documents(read(text, body))[0]["estimate"] == "2026-12-01"


def test_every_value_is_what_the_page_says() -> None:
    tables = next(
        yaml.safe_load(text)["tables"] for kind, text in blocks() if text.startswith("tables")
    )
    values = examples()[1:]
    for text, body, made in values:
        compiler = Compiler(tables)
        evaluate = compiler.value(yaml.safe_load(text), "")
        assert compiler.faults == []
        evaluation = Evaluation()
        evaluation.begin({"body": body})
        evaluation.set_root(body)
        reading = Reading(evaluation, {name: Table(codes) for name, codes in tables.items()}, {})
        assert evaluate(reading, body) == made, text
    assert len(values) == 7


def test_every_helper_has_an_example() -> None:
    written = " ".join(text for text, _, _ in examples())
    assert [name for name in HELPERS if name not in written] == []
