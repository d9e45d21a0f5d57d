"""Describes what is wrong with the path or a parameter of a request that Litestar refuses."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from litestar import Request
from litestar.routes import HTTPRoute

from api.http.order_names import SHOP_PATTERN
from api.http.query import KEY_FORM, KEY_PATTERN
from domain.fault_texts import TYPES, plain_text, shown
from domain.orders.signal_body import SHOP_FORM

_FORMS = {KEY_PATTERN.pattern: KEY_FORM, SHOP_PATTERN: SHOP_FORM}
"""What the patterns of parameters mean."""


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
    """What is wrong with a parameter, in plain words: the value that was sent, and what it must be."""
    key, message = str(fault.get("key", "")), str(fault.get("message", ""))
    field = request.route_handler.parsed_fn_signature.parameters.get(key)
    if field is None:
        return message
    name = parameter_name(request, key)
    places = (request.query_params, request.headers, request.path_params)
    sent: str | None = next((place[name] for place in places if name in place), None)
    if sent is None:
        return "missing" if message.startswith("Missing required") else message
    text = re.sub(r" - at `.*`$", "", message)
    if found := re.fullmatch(r"Expected `([^`]+)`, got `[^`]+`", text):
        names = [one for one in found[1].split(" | ") if one != "null"]
        return f"{shown(sent)} is not {' or '.join(TYPES.get(one, one) for one in names)}"
    if text.startswith("Expected `str` matching regex"):
        return (
            f"{shown(sent)} is not {_FORMS.get(_pattern_of(field) or '', 'of the expected form')}"
        )
    return plain_text(text, sent, field.raw)


def _pattern_of(field: Any) -> str | None:
    """The pattern that a parameter must match."""
    pattern: str | None = getattr(field.kwarg_definition, "pattern", None)
    return pattern
