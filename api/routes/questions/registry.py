"""The auditor's questions. A new one: a function and a `Question` in the file of its subject; a new
subject: one file here, one line below."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from api.routes.questions.cases import CASES
from api.routes.questions.control import CONTROL
from api.routes.questions.decisions import DECISIONS
from api.routes.questions.money import MONEY
from api.routes.questions.parameters import TakenParameter, parameters_of
from api.routes.questions.people import PEOPLE
from api.routes.questions.privacy import PRIVACY
from api.routes.questions.question import Question
from api.routes.questions.the_log import THE_LOG

QUESTIONS: tuple[Question, ...] = tuple(
    sorted(
        (*DECISIONS, *CASES, *PEOPLE, *MONEY, *CONTROL, *THE_LOG, *PRIVACY),
        key=lambda question: question.number,
    )
)


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
            parameters=[*parameters_of(question.asking)],
            other_routes=question.routes,
            other_commands=question.commands,
        )
        for question in QUESTIONS
    ]
