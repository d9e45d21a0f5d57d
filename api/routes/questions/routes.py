"""The routes of the auditor's questions, one for each, and of bundles."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream

from api.http.authentication import AuthenticatedRequest
from api.http.concurrency import get
from api.http.responses import POSITION_HEADER
from api.http.service import Service, ServiceDependency
from api.routes.questions import bundles
from api.routes.questions import question as shared
from api.routes.questions.parameters import with_query_parameters
from api.routes.questions.registry import QUESTIONS, ListedQuestion, listed_questions
from domain.permissions import Permission
from infrastructure.transparency.export import Export
from infrastructure.verifier.archives import archive_parts

TAR_MEDIA_TYPE = "application/x-tar"
NO_STORE_HEADERS = {"Cache-Control": "no-store"}
"""An answer from a cache would not be recorded."""


@get("/audit/questions", needs=Permission.READ_LOG, summary="List the auditor's questions")
def list_questions(
    request: AuthenticatedRequest, service: ServiceDependency
) -> Sequence[ListedQuestion]:
    """Each question in words, with its route, its command and their parameters."""
    return listed_questions()


def answer_sources(service: Service) -> shared.AnswerSources:
    return shared.AnswerSources(
        service.desks, service.evidence, service.checkpoints, witnesses=service.receipts.policy
    )


def _route(question: shared.Question) -> HTTPRouteHandler:
    def handler(
        request: AuthenticatedRequest, service: Service, **fields: Any
    ) -> Response[shared.RecordedAnswer[Any]]:
        given = shared.validate_parameters(question.parameters_type, fields)
        found = shared.answer_and_record(
            question, answer_sources(service), given, request.user.actor
        ).found
        headers = {POSITION_HEADER: str(found.recorded)} if found.recorded is not None else {}
        return Response(found, headers={**NO_STORE_HEADERS, **headers})

    handler.__name__ = handler.__qualname__ = f"answer_{question.name}"
    handler.__doc__ = question.answer.__doc__
    gives = Response[shared.RecordedAnswer[question.gives]]  # type: ignore[name-defined]
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
    def handler(request: AuthenticatedRequest, service: Service, **fields: Any) -> Stream:
        given = shared.validate_parameters(kind, fields)
        sources = answer_sources(service)
        position = sources.desks.log.head()
        stack = ExitStack()
        try:
            bundle = stack.enter_context(bundles.make_bundle(sources, write(given)))
            recorded = shared.record_answer(
                sources,
                name,
                shared.parameters_as_text(given),
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
    "Export events with proofs",
    "Of a case, of a period, or all: the bundle of `casetrail audit export` as a tar file, which "
    "`casetrail verify` verifies. The export is recorded first, at `Casetrail-Position`.",
    bundles.ExportParameters,
    bundles.export_writer,
)
give_population = _bundle_route(
    "population",
    "Export a population with proofs of completeness",
    "All events, or all after a checkpoint, so that none can be missing: the bundle of `casetrail audit "
    "population` as a tar file. Its verifier filters, counts and sums the events again.",
    bundles.PopulationExportParameters,
    bundles.population_writer,
)
QUESTION_ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_questions,
    *map(_route, QUESTIONS),
    give_export,
    give_population,
)
