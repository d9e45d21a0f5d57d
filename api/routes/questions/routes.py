"""The auditor's questions: a route for each, made from what answers it; and bundles to take along."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from litestar import Response
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream

from api.http.concurrency import get
from api.http.query import require_known_parameters
from api.http.responses import POSITION_HEADER
from api.http.service import Service
from api.routes.cases import AuthenticatedRequest
from api.routes.questions.bundles import (
    ExportParameters,
    PopulationExportParameters,
    export_writer,
    make_bundle,
    population_writer,
)
from api.routes.questions.parameters import parameters_of, with_query_parameters
from api.routes.questions.question import (
    AnswerSources,
    Question,
    RecordedAnswer,
    answer_and_record,
    parameters_as_text,
    record_answer,
    validate_parameters,
)
from api.routes.questions.registry import QUESTIONS, ListedQuestion, listed_questions
from domain.permissions import Permission
from infrastructure.transparency.export import Export
from infrastructure.verifier.archives import archive_parts

TAR_MEDIA_TYPE = "application/x-tar"
NO_STORE_HEADERS = {"Cache-Control": "no-store"}
"""What a cache would answer, nobody would have recorded."""


@get(
    "/audit/questions",
    needs=Permission.READ_LOG,
    summary="What an auditor asks, and how it is asked here",
)
def list_questions(
    request: AuthenticatedRequest, service: NamedDependency[Service]
) -> Sequence[ListedQuestion]:
    """Each question in words, with the route and the command that answer it, and what they take."""
    require_known_parameters(request)
    return listed_questions()


def answer_sources(service: Service) -> AnswerSources:
    return AnswerSources(service.desks, service.evidence, service.checkpoints)


def _route(question: Question) -> HTTPRouteHandler:
    names = [one.name for one in parameters_of(question.parameters_type)]

    def handler(
        request: AuthenticatedRequest, service: Service, **asked: Any
    ) -> Response[RecordedAnswer[Any]]:
        require_known_parameters(request, *names)
        asking = validate_parameters(question.parameters_type, asked)
        found = answer_and_record(question, answer_sources(service), asking, request.user.actor)
        headers = {POSITION_HEADER: str(found.recorded)} if found.recorded is not None else {}
        return Response(found, headers={**NO_STORE_HEADERS, **headers})

    handler.__name__ = handler.__qualname__ = f"answer_{question.name}"
    handler.__doc__ = question.answer.__doc__
    gives = Response[RecordedAnswer[question.gives]]  # type: ignore[name-defined]
    path = f"/audit/questions/{question.number}"
    return get(path, needs=question.needs, summary=question.asks)(
        with_query_parameters(handler, question.parameters_type, gives)
    )


def _bundle_route(
    name: str,
    summary: str,
    doc: str,
    kind: type[Any],
    write: Callable[[Any], Callable[[Export], int]],
) -> HTTPRouteHandler:
    names = [one.name for one in parameters_of(kind)]

    def handler(request: AuthenticatedRequest, service: Service, **asked: Any) -> Stream:
        require_known_parameters(request, *names)
        asking = validate_parameters(kind, asked)
        sources = answer_sources(service)
        position = sources.desks.log.head()
        stack = ExitStack()
        try:
            bundle = stack.enter_context(make_bundle(sources, write(asking)))
            recorded = record_answer(
                sources,
                name,
                parameters_as_text(asking),
                position,
                bundle.digest,
                request.user.actor,
            )
        except BaseException:
            stack.close()
            raise
        headers = {
            **NO_STORE_HEADERS,
            POSITION_HEADER: str(recorded),
            "Content-Disposition": f'attachment; filename="casetrail-{name}.tar"',
        }
        return Stream(_parts(stack, bundle.directory), media_type=TAR_MEDIA_TYPE, headers=headers)

    handler.__name__ = handler.__qualname__ = f"give_{name}"
    handler.__doc__ = doc
    return get(f"/audit/{name}", needs=Permission.READ_LOG, summary=summary)(
        with_query_parameters(handler, kind, Stream)
    )


def _parts(stack: ExitStack, directory: Path) -> Iterator[bytes]:
    with stack:
        yield from archive_parts(directory)


give_export = _bundle_route(
    "export",
    "Events with the proof that they are the log's",
    "A case's, a period's, or all of them: the bundle of `casetrail audit export` as a tar, which "
    "`casetrail verify` takes as it is. That it was given out is recorded first; "
    "`Casetrail-Position` says where.",
    ExportParameters,
    export_writer,
)
give_population = _bundle_route(
    "population",
    "A list with the proof that it is complete",
    "All events, or all after a checkpoint, so that none can have been left out: the bundle of "
    "`casetrail audit population` as a tar. Whoever verifies it filters, counts and sums anew.",
    PopulationExportParameters,
    population_writer,
)
QUESTION_ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_questions,
    *map(_route, QUESTIONS),
    give_export,
    give_population,
)
