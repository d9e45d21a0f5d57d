"""What an auditor takes along, or brings: the access review as a table, and a provider's own list."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter, RawBody

from api.http.concurrency import get, post
from api.http.errors import MalformedBody
from api.http.query import only_known
from api.http.service import Service
from api.http.times import must_have_zone
from api.routes.cases import Asking as Request
from api.routes.questions import QUESTIONS
from api.routes.questions.people import AsOf
from api.routes.questions.question import Answered, Asking, Question, Sources, answered
from api.routes.questions.routes import sources_of
from api.routes.trail_page import CSV, cell
from application.audit.access import AccessReview
from application.audit.access_rows import COLUMNS, review_rows
from application.audit.provider_statement import AgainstList, held_against
from domain.adjustments.errors import StatementNotWhole
from domain.adjustments.statement import StatementLine
from domain.permissions import Permission
from infrastructure.payments.local import read_statement

ACCESS: Question = next(question for question in QUESTIONS if question.number == 21)


def as_csv(review: AccessReview) -> str:
    """RFC 4180, with a head; what begins like a formula stands behind an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in review_rows(review):
        writer.writerow([cell(value) for value in row])
    return out.getvalue()


@get(
    "/audit/access-review",
    needs=Permission.READ_PEOPLE,
    summary="Who might do what, to take along",
)
def get_access_review(
    request: Request,
    service: NamedDependency[Service],
    moment: Annotated[
        datetime | None,
        QueryParameter(
            name="at", description="As it was recorded until then: an RFC 3339 time; left out: now."
        ),
    ] = None,
) -> Response[AccessReview]:
    """With `Accept: text/csv` as a table, with a row for each grant, key, login, agent and delegate of
    everybody. That it was asked is recorded, as question 21."""
    only_known(request, "at")
    if moment is not None:
        must_have_zone("at", moment)
    found = answered(ACCESS, sources_of(service), AsOf(at=moment), request.user.actor)
    headers = {"Vary": "Accept"}
    if CSV not in request.headers.get("accept", ""):
        return Response(found.answer, headers=headers)
    text = as_csv(found.answer).encode()
    return Response(text, media_type=CSV, headers=headers)  # type: ignore[arg-type]


class AboutStatement(Asking, frozen=True, kw_only=True):
    provider: str
    statement: str
    """SHA-256 of the file."""


def statement_question(body: bytes, provider: str) -> tuple[Question, AboutStatement]:
    """Question 18, asked of a file. Raises MalformedBody, StatementNotWhole."""
    try:
        lines: Sequence[StatementLine] = read_statement(body.decode())
    except UnicodeDecodeError as error:
        raise MalformedBody(f"the file is not UTF-8: {error}") from None
    if not lines:
        raise StatementNotWhole("it has no lines, and so no period")

    def against(sources: Sources, asked: AboutStatement) -> AgainstList:
        return held_against(sources.reading, asked.provider, lines)

    question = Question(number=18, answer=against)
    digest = hashlib.sha256(body).hexdigest()
    return question, AboutStatement(provider=provider, statement=digest)


@post(
    "/audit/statement",
    needs=Permission.READ_LOG,
    status_code=200,
    summary="Hold a provider's list against the log, and reconcile nothing",
)
def hold_statement(
    request: Request,
    service: NamedDependency[Service],
    body: RawBody,
    provider: Annotated[
        str, QueryParameter(description="Whose list it is, as the trail calls it.")
    ] = "local",
) -> Answered[AgainstList]:
    """The body is the list, as `text/csv` in the format of the local provider. What does not agree is
    named; nothing is recorded but that it was asked."""
    only_known(request, "provider")
    question, asking = statement_question(body, provider)
    found: Answered[Any] = answered(question, sources_of(service), asking, request.user.actor)
    return found


AUDIT_LISTS = (get_access_review, hold_statement)
