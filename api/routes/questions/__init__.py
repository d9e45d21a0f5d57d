"""The auditor's questions: each answered by a route and by `casetrail audit ask`, from one registry."""

from api.routes.questions.registry import QUESTIONS, ListedQuestion, listed, parameters_of
from api.routes.questions.routes import QUESTION_ROUTES, list_questions

__all__ = [
    "QUESTIONS",
    "QUESTION_ROUTES",
    "ListedQuestion",
    "list_questions",
    "listed",
    "parameters_of",
]
