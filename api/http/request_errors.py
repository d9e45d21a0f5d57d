"""Describes what is wrong with the path or a parameter of a request that Litestar refuses."""

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any
from uuid import UUID

from litestar import Request
from litestar.routes import HTTPRoute


def allowed_methods(request: Request[Any, Any, Any]) -> list[str]:
    """The methods of the request's path."""
    return sorted({method for route, _ in _matching_routes(request) for method in route.methods})


def _matching_routes(
    request: Request[Any, Any, Any],
) -> Iterator[tuple[HTTPRoute, Mapping[str, str]]]:
    """The routes that match the path if any text is a valid parameter, each with its parameters."""
    for route in request.app.routes:
        pattern = re.sub(r"\\{([^/]*)\\}", r"(?P<\1>[^/]+)", re.escape(route.path_format))
        found = re.fullmatch(pattern, request.url.path)
        if found and isinstance(route, HTTPRoute):
            yield route, found.groupdict()


def describe_unknown_path(request: Request[Any, Any, Any]) -> str:
    """Says which part of the path is not an id; if each is one, that there is no such route."""
    for route, given in _matching_routes(request):
        for name, text in given.items():
            if route.path_parameters[name].type is UUID and not _is_uuid(text):
                kind = "break-glass" if name == "break_glass" else name.removesuffix("_id")
                hint = "; GET /v1/cases?order=ORDER lists the cases of an order"
                return f"{text} is not {'an' if kind[0] == 'a' else 'a'} {kind} id (a UUID)" + (
                    hint if kind == "case" else ""
                )
    return f"no route {request.url.path}"


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def parameter_name(request: Request[Any, Any, Any], name: str) -> str:
    """The public name of a parameter of the handler."""
    field = request.route_handler.parsed_fn_signature.parameters.get(name)
    return getattr(field.kwarg_definition if field else None, "name", None) or name


def describe_fault(request: Request[Any, Any, Any], fault: Mapping[str, Any]) -> str:
    """What is wrong with a parameter; for an enum, with its allowed values."""
    message = str(fault.get("message", ""))
    field = request.route_handler.parsed_fn_signature.parameters.get(str(fault.get("key", "")))
    found = re.match(r"Invalid enum value ('.*')", message, re.DOTALL)
    if field is None or found is None:
        return message
    kinds = (field.annotation, *(inner.annotation for inner in field.inner_types))
    values = [str(one) for k in kinds if isinstance(k, type) and issubclass(k, Enum) for one in k]
    return f"{found[1]} is not one of: {', '.join(values)}" if values else message
