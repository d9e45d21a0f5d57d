"""The registry of the auditor's questions.

A new question is a function and a `Question` in the file of its subject, and its answer in words in
`wording`. A new subject is one file here, and one line below.
"""

from collections.abc import Sequence

from msgspec import Struct, structs

from api.routes.questions.cases import CASE_QUESTIONS
from api.routes.questions.control import CONTROL_QUESTIONS
from api.routes.questions.decisions import DECISION_QUESTIONS
from api.routes.questions.log import LOG_QUESTIONS
from api.routes.questions.money import MONEY_QUESTIONS
from api.routes.questions.parameters import QuestionParameter, parameters_of
from api.routes.questions.people import PEOPLE_QUESTIONS
from api.routes.questions.privacy import PRIVACY_QUESTIONS
from api.routes.questions.question import Question
from api.routes.questions.wording import WORDS

QUESTIONS: tuple[Question, ...] = tuple(
    structs.replace(question, words=WORDS[question.number])
    for question in sorted(
        (
            *DECISION_QUESTIONS,
            *CASE_QUESTIONS,
            *PEOPLE_QUESTIONS,
            *MONEY_QUESTIONS,
            *CONTROL_QUESTIONS,
            *LOG_QUESTIONS,
            *PRIVACY_QUESTIONS,
        ),
        key=lambda question: question.number,
    )
)


class ListedQuestion(Struct, frozen=True, kw_only=True):
    """A question, with its route and its command."""

    number: int
    asks: str
    route: str
    command: str
    parameters: Sequence[QuestionParameter]
    other_routes: Sequence[str]
    """Other routes that answer it, or give more detail."""
    other_commands: Sequence[str]


def listed_questions() -> list[ListedQuestion]:
    """All questions by number."""
    return [
        ListedQuestion(
            number=question.number,
            asks=question.asks,
            route=f"GET /v1/audit/questions/{question.number}",
            command=f"casetrail audit ask {question.number}",
            parameters=[*parameters_of(question.parameters_type)],
            other_routes=question.routes,
            other_commands=question.commands,
        )
        for question in QUESTIONS
    ]
