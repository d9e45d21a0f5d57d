"""The auditor's questions: one registry for the routes and for `casetrail audit ask`."""

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
