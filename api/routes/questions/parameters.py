"""Handlers whose query parameters are the fields of a struct."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import Parameter, Signature
from typing import Annotated, Any, TypeVar, get_type_hints

from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import NODEFAULT, Struct, inspect, structs

from api.http.service import Service
from api.routes.cases import Asking as Request
from api.routes.questions.question import Asking

Handler = TypeVar("Handler", bound=Callable[..., Any])


class TakenParameter(Struct, frozen=True):
    name: str
    says: str
    required: bool


def parameters_of(asking: type[Asking]) -> Iterator[TakenParameter]:
    """Each as it is sent, with what it means."""
    told = inspect.type_info(asking)
    assert isinstance(told, inspect.StructType)
    for field in told.fields:
        said = ""
        if isinstance(field.type, inspect.Metadata):
            said = str((field.type.extra_json_schema or {}).get("description", ""))
        yield TakenParameter(field.encode_name, said, field.required)


def taking(handler: Handler, asking: type[Asking], gives: Any) -> Handler:
    """The handler, which takes `request`, `service` and all fields by name, told as if each were a
    parameter of its own."""
    told = {one.name: one.says for one in parameters_of(asking)}
    hints = get_type_hints(asking)
    parameters = [
        Parameter("request", Parameter.KEYWORD_ONLY, annotation=Request),
        Parameter("service", Parameter.KEYWORD_ONLY, annotation=NamedDependency[Service]),
    ]
    for field in structs.fields(asking):
        said = QueryParameter(name=field.encode_name, description=told[field.encode_name])
        parameters.append(
            Parameter(
                field.name,
                Parameter.KEYWORD_ONLY,
                default=Parameter.empty if field.default is NODEFAULT else field.default,
                annotation=Annotated[hints[field.name], said],
            )
        )
    handler.__signature__ = Signature(parameters, return_annotation=gives)  # type: ignore[attr-defined]
    handler.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": gives}
    return handler
