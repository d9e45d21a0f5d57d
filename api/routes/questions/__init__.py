"""The auditor's questions: each answered by a route and by `casetrail audit ask`, from one registry."""

from api.routes.questions.registry import QUESTIONS, ListedQuestion, listed_questions
from api.routes.questions.routes import (
    QUESTION_ROUTES,
    give_export,
    give_population,
    list_questions,
)

__all__ = [
    "QUESTIONS",
    "QUESTION_ROUTES",
    "ListedQuestion",
    "give_export",
    "give_population",
    "list_questions",
    "listed_questions",
]
