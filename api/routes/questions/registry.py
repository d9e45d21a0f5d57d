"""The auditor's questions. A new one: a function and a `Question` in the file of its subject; a new
subject: one file here, one line below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct, inspect

from api.routes.questions.control import CONTROL
from api.routes.questions.decisions import DECISIONS
from api.routes.questions.money import MONEY
from api.routes.questions.people import PEOPLE
from api.routes.questions.question import Question
from api.routes.questions.the_log import THE_LOG

QUESTIONS: tuple[Question, ...] = tuple(
    sorted((*DECISIONS, *PEOPLE, *MONEY, *CONTROL, *THE_LOG), key=lambda question: question.number)
)


class TakenParameter(Struct, frozen=True):
    name: str
    says: str
    required: bool


class ListedQuestion(Struct, frozen=True, kw_only=True):
    """A question, and how it is asked."""

    number: int
    asks: str
    route: str
    command: str
    parameters: Sequence[TakenParameter]
    other_routes: Sequence[str]
    """What answers it as well, or tells more of it."""
    other_commands: Sequence[str]


def listed() -> list[ListedQuestion]:
    """All of them, in the order of their numbers."""
    return [
        ListedQuestion(
            number=question.number,
            asks=question.asks,
            route=f"GET /v1/audit/questions/{question.number}",
            command=f"casetrail audit ask {question.number}",
            parameters=[*parameters_of(question)],
            other_routes=question.routes,
            other_commands=question.commands,
        )
        for question in QUESTIONS
    ]


def parameters_of(question: Question) -> Iterator[TakenParameter]:
    told = inspect.type_info(question.asking)
    assert isinstance(told, inspect.StructType)
    for field in told.fields:
        said = ""
        if isinstance(field.type, inspect.Metadata):
            said = str((field.type.extra_json_schema or {}).get("description", ""))
        yield TakenParameter(field.encode_name, said, field.required)
