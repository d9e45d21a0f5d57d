"""The auditor's questions: a route for each, made from what answers it."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import Parameter, Signature
from typing import Annotated, Any, get_type_hints

from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from msgspec import NODEFAULT, structs

from api.reading import only_known
from api.routes.cases import Asking
from api.routes.questions.question import Answered, Question, Sources, answered, must_say_zones
from api.routes.questions.registry import QUESTIONS, ListedQuestion, listed, parameters_of
from api.service import Service
from api.threads import get
from domain.authority import Permission


@get(
    "/audit/questions",
    needs=Permission.READ_LOG,
    summary="What an auditor asks, and how it is asked here",
)
def list_questions(request: Asking, service: NamedDependency[Service]) -> Sequence[ListedQuestion]:
    """Each question in words, with the route and the command that answer it, and what they take."""
    only_known(request)
    return listed()


def sources_of(service: Service) -> Sources:
    return Sources(service.desks, service.evidence, service.checkpoints)


def _route(question: Question) -> HTTPRouteHandler:
    """As any other handler would be written: a parameter for each field of what is asked."""
    told = {one.name: one.says for one in parameters_of(question)}
    fields = structs.fields(question.asking)
    hints = get_type_hints(question.asking)
    parameters = [
        Parameter("request", Parameter.KEYWORD_ONLY, annotation=Asking),
        Parameter("service", Parameter.KEYWORD_ONLY, annotation=NamedDependency[Service]),
    ]
    for field in fields:
        said = QueryParameter(name=field.encode_name, description=told[field.encode_name])
        parameters.append(
            Parameter(
                field.name,
                Parameter.KEYWORD_ONLY,
                default=Parameter.empty if field.default is NODEFAULT else field.default,
                annotation=Annotated[hints[field.name], said],
            )
        )

    def handler(request: Asking, service: Service, **asked: Any) -> Answered[Any]:
        only_known(request, *told)
        asking = question.asking(**asked)
        must_say_zones(asking)
        return answered(question, sources_of(service), asking, request.user.actor)

    gives = Answered[question.gives]  # type: ignore[name-defined]
    handler.__name__ = handler.__qualname__ = f"answer_{question.name}"
    handler.__doc__ = question.answer.__doc__
    handler.__signature__ = Signature(parameters, return_annotation=gives)  # type: ignore[attr-defined]
    handler.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": gives}
    path = f"/audit/questions/{question.number}"
    return get(path, needs=question.needs, summary=question.asks)(handler)


QUESTION_ROUTES: tuple[HTTPRouteHandler, ...] = tuple(map(_route, QUESTIONS))
