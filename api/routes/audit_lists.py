"""Lists for auditors: the access review as a table, and a comparison with a provider's statement."""

import hashlib
from typing import Annotated, Any

from litestar import Response
from litestar.params import QueryParameter, RawBody

from api.http.authentication import AuthenticatedRequest
from api.http.concurrency import get, post
from api.http.service import ServiceDependency
from api.http.times import require_offset
from api.routes.people import At
from api.routes.questions import QUESTIONS
from api.routes.questions.people import PeopleAsOfParameters
from api.routes.questions.question import (
    AnswerSources,
    Question,
    QuestionParameters,
    RecordedAnswer,
    answer_and_record,
)
from api.routes.questions.routes import answer_sources
from api.routes.questions.wording.payments import statement_compared
from api.routes.reconciliations import decode_statement
from api.routes.trail_page import CSV, write_csv
from application.audit.access import AccessReview
from application.audit.access_rows import COLUMNS, review_rows
from application.audit.provider_statement import StatementComparison, compare_statement
from domain.adjustments.provider_statement import statement_period
from domain.permissions import Permission

ACCESS_QUESTION: Question = next(question for question in QUESTIONS if question.number == 21)


def render_csv(review: AccessReview) -> str:
    return write_csv(COLUMNS, review_rows(review))


@get("/audit/access-review", needs=Permission.READ_PEOPLE, summary="Get the access review")
def get_access_review(
    request: AuthenticatedRequest, service: ServiceDependency, moment: At = None
) -> Response[AccessReview]:
    """Every grant, key, login, agent and delegate of every person. `Accept: text/csv` returns a table.
    This request is recorded, as question 21."""
    if moment is not None:
        require_offset("at", moment)
    found = answer_and_record(
        ACCESS_QUESTION,
        answer_sources(service),
        PeopleAsOfParameters(at=moment),
        request.user.actor,
    ).found
    headers = {"Vary": "Accept"}
    if CSV not in request.headers.get("accept", ""):
        return Response(found.answer, headers=headers)
    text = render_csv(found.answer).encode()
    return Response(text, media_type=CSV, headers=headers)  # type: ignore[arg-type]


class StatementParameters(QuestionParameters, frozen=True, kw_only=True):
    provider: str
    statement: str
    """SHA-256 of the file."""


def statement_question(body: bytes, provider: str) -> tuple[Question, StatementParameters]:
    """Question 18 about a file. Raises MalformedBody, StatementNotWhole."""
    lines = decode_statement(body)
    statement_period(lines)

    def compare(sources: AnswerSources, given: StatementParameters) -> StatementComparison:
        return compare_statement(sources.reading, given.provider, lines)

    question = Question(number=18, answer=compare, words=statement_compared)
    digest = hashlib.sha256(body).hexdigest()
    return question, StatementParameters(provider=provider, statement=digest)


@post(
    "/audit/statement",
    needs=Permission.READ_LOG,
    summary="Compare a provider's statement with the log",
)
def hold_statement(
    request: AuthenticatedRequest,
    service: ServiceDependency,
    body: RawBody,
    provider: Annotated[
        str, QueryParameter(description="The name of the provider in the trail.")
    ] = "local",
) -> RecordedAnswer[StatementComparison]:
    """Lists the differences, and reconciles nothing. The body is the statement, as `text/csv` in the
    format of the local provider. Only the request is recorded."""
    question, given = statement_question(body, provider)
    found: RecordedAnswer[Any] = answer_and_record(
        question, answer_sources(service), given, request.user.actor
    ).found
    return found


AUDIT_LISTS = (get_access_review, hold_statement)
