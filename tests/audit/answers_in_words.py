"""What every answer in words must have, so that a reader who does not know casetrail understands it."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, structs
from rich.console import Console

from api.http.service import Service
from api.routes.questions import QUESTIONS
from api.routes.questions.answer_text import render_recorded_answer
from api.routes.questions.question import Answered, Question, answer_and_record, parse_parameters
from api.routes.questions.routes import answer_sources
from api.routes.questions.words import Section
from domain.people import OPERATOR_ACTOR

TEXTS = Path(__file__).with_name("golden") / "text"
WRITE = "CASETRAIL_WRITE_GOLDEN"
WIDTH = 80
IMPLIED = {"case", "readings"}
"""Fields that only repeat what was asked, or name a page."""

UUID_PATTERN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NAMED = re.compile(r"\border \S|break-glass|(?:refund|credit|appeasement|adjustment) of \d")
"""A name of a thing for people: an order, a break-glass with who asked for it, or an amount."""
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?")
ZONE = re.compile(r"Z|[+-]\d\d:\d\d")
AMOUNT = re.compile(r"(?<![\w.:-])\d+\.\d\d(?![\d.])")
CURRENCY = re.compile(r" [A-Z]{3}\b")
BARE_LENGTH = re.compile(r"\bP(?:\d+D)?T?\d+[DHMS]\b|seconds:? \d|\d \d{3,} s\b|\d\.\d{3,} s\b")
ENUM = re.compile(
    r"nothing_to_do|not_reviewed|not_opened|kept_elsewhere|\bNone\b|\bTrue\b|\bFalse\b|\[\]|\{\}"
)


class FieldsRead:
    """An answer that notes which of its fields were read."""

    def __init__(self, answer: Struct) -> None:
        self.answer = answer
        self.read: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.read.add(name)
        return getattr(self.answer, name)


def ask(service: Service, number: int, parameters: Mapping[str, str]) -> tuple[Answered, str]:
    """The answer, and its text at 80 columns. Asserts that each field of the answer is put into words."""
    question = question_of(number)
    given = parse_parameters(question, parameters)
    sources = answer_sources(service)
    answered = answer_and_record(question, sources, given, OPERATOR_ACTOR, "ops")
    assert question.words is not None
    watched = FieldsRead(answered.found.answer)
    question.words(sources, given, watched)
    filled = {name for name, value in structs.asdict(watched.answer).items() if value}
    assert filled - watched.read - IMPLIED == set(), "the words must say these too"
    to = io.StringIO()
    console = Console(
        file=to, width=WIDTH, force_terminal=True, color_system=None, markup=False, emoji=False
    )
    render_recorded_answer(console, answered)
    text = "\n".join(line.rstrip() for line in to.getvalue().splitlines())
    return answered, text + "\n"


def question_of(number: int) -> Question:
    return next(one for one in QUESTIONS if one.number == number)


def require_understandable(answered: Answered, text: str) -> None:
    found = answered.found
    assert found.says
    assert all(sentence.strip() for sentence in found.says)
    assert found.searched.strip()
    assert f"From the log up to position {found.position}, read at " in text
    assert "The question is recorded at position" in text
    assert f"Searched: {found.searched.split()[0]}" in text
    for unit in _units(answered):
        if UUID_PATTERN.search(unit):
            assert NAMED.search(unit), f"an id without a name: {unit}"
        for time in TIME.finditer(unit):
            assert ZONE.match(unit, time.end()), f"a time without a zone: {unit}"
        for amount in AMOUNT.finditer(unit):
            assert CURRENCY.match(unit, amount.end()), f"an amount without a currency: {unit}"
        assert not BARE_LENGTH.search(unit), f"a length of time without units: {unit}"
        assert not ENUM.search(unit), f"a value of the program: {unit}"
    for line in text.splitlines():
        assert len(line) <= WIDTH or line.startswith(("From the log", "SHA-256")), line


def _units(answered: Answered) -> Iterator[str]:
    """Each sentence, finding and row: what a reader sees at once."""
    found = answered.found
    yield from found.says
    yield found.searched
    yield from found.next_steps
    for section in answered.sections:
        yield from _units_of(section)


def _units_of(section: Section) -> Iterator[str]:
    yield section.title
    for item in section.items:
        yield "\n".join((item.heading, *item.lines))
    for row in section.rows:
        assert len(row) == len(section.columns), section
        yield " | ".join(row)


def require_golden(name: str, text: str) -> None:
    """The text equals the golden one, except for positions, hashes and times, which depend on the run."""
    file = TEXTS / f"{name}.txt"
    if os.environ.get(WRITE):
        TEXTS.mkdir(exist_ok=True)
        if not file.exists() or _lasting(file.read_text("utf-8")) != _lasting(text):
            file.write_text(text, "utf-8")
    assert _lasting(text) == _lasting(file.read_text("utf-8")), f"{WRITE}=1 writes it anew"


def _lasting(text: str) -> str:
    head, _, rest = text.partition("Searched: ")
    searched, _, rest = rest.partition("\n\n")
    body, _, _ = rest.rpartition("\nFrom the log up to position")
    joined = " ".join(f"{head} {_NUMBER.sub('0', searched)} {body}".split())
    return _NOW.sub("0", _HASH.sub("…", joined))


_NUMBER = re.compile(r"\d[\d,]*")
_HASH = re.compile(r"\b[0-9a-f]{64}\b|\b[0-9a-f]{12}…|\bcasetrail/[0-9a-f]{8}\b")
_NOW = re.compile(
    r"(?<=position )\d[\d,]*|(?<=--upto )\d+|\d[\d,]*(?= events?\b)|(?<=are in the stream )\S+"
    r"|20(?:2[6-9]|[3-9]\d)-\d\d-\d\d[T ][\d:.]+Z"
)
