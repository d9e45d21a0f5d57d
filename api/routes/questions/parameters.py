"""Route handlers whose query parameters are the fields of a struct."""

from collections.abc import Callable, Iterator
from inspect import Parameter, Signature
from typing import Annotated, Any, TypeVar, get_type_hints

from litestar.params import QueryParameter
from msgspec import NODEFAULT, Struct, inspect, structs

from api.http.authentication import AuthenticatedRequest
from api.http.service import ServiceDependency
from api.routes.questions.question import QuestionParameters

Handler = TypeVar("Handler", bound=Callable[..., Any])


class QuestionParameter(Struct, frozen=True):
    name: str
    says: str
    required: bool


def parameters_of(kind: type[QuestionParameters]) -> Iterator[QuestionParameter]:
    """The parameters by their public names, with descriptions."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    for field in info.fields:
        description = ""
        if isinstance(field.type, inspect.Metadata):
            description = str((field.type.extra_json_schema or {}).get("description", ""))
        yield QuestionParameter(field.encode_name, description, field.required)


def with_query_parameters(handler: Handler, kind: type[QuestionParameters], gives: Any) -> Handler:
    """Give a handler with `request`, `service` and `**fields` the signature of one with a query parameter
    for each field."""
    descriptions = {parameter.name: parameter.says for parameter in parameters_of(kind)}
    hints = get_type_hints(kind)
    parameters = [
        Parameter("request", Parameter.KEYWORD_ONLY, annotation=AuthenticatedRequest),
        Parameter("service", Parameter.KEYWORD_ONLY, annotation=ServiceDependency),
    ]
    for field in structs.fields(kind):
        name = field.encode_name
        marker = QueryParameter(name=name, description=descriptions[name])
        parameters.append(
            Parameter(
                field.name,
                Parameter.KEYWORD_ONLY,
                default=Parameter.empty if field.default is NODEFAULT else field.default,
                annotation=Annotated[hints[field.name], marker],
            )
        )
    handler.__signature__ = Signature(parameters, return_annotation=gives)  # type: ignore[attr-defined]
    handler.__annotations__ = {each.name: each.annotation for each in parameters} | {
        "return": gives
    }
    return handler
