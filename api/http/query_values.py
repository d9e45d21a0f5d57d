"""Query strings are read strictly: each parameter is known, given as often as it may be, and has a value of
its type as the OpenAPI document tells it.

Litestar reads `state=null` as no filter, `due=1` as a second of 1970 and drops all but one of repeated
values: each is an answer to another question than the client asked.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from types import NoneType
from typing import Any, Final, cast, get_args, get_origin
from urllib.parse import parse_qsl, urlencode
from uuid import UUID
from weakref import WeakKeyDictionary

import msgspec
from litestar import Request
from litestar.enums import ScopeType
from litestar.handlers import HTTPRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.params import HeaderParameter, QueryParameter
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct

from api.http.concurrency import ANY_QUERY
from api.http.errors import MalformedParameter
from api.http.request_errors import describe_fault
from domain.errors import without_known
from domain.fault_texts import TYPES, not_one_of, shown, words_of

_FORMS: Final[Mapping[type, tuple[str, str]]] = {
    bool: (r"true|false", "bool"),
    int: (r"-?[0-9]+", "int"),
    datetime: (r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ].*", "datetime"),
    date: (r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "date"),
    UUID: (r"[0-9A-Fa-f-]+", "uuid"),
}
"""What values of a type look like. The framework's decoder checks the rest."""


_KNOWN: Final[WeakKeyDictionary[HTTPRouteHandler, dict[str, "_Parameter"]]] = WeakKeyDictionary()
"""The parameters of each route, read once. An application that is gone takes its routes with it."""


class _Parameter(Struct, frozen=True):
    kind: Any
    """The type of one value."""
    takes_several: bool
    has_form: bool
    """The framework checks it by a pattern."""


class StrictQuery(ASGIMiddleware):
    """Refuses what the route's parameters do not take, and splits `kind=a,b` into both values."""

    scopes = (ScopeType.HTTP,)
    should_bypass_for_scope = staticmethod(
        lambda scope: not scope["query_string"] or scope.get("method") == "OPTIONS"
    )

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        handler = cast(HTTPRouteHandler, scope["route_handler"])
        if handler.resolve_include_in_schema() and not handler.opt.get(ANY_QUERY):
            known = _parameters_of(handler)
            given = _split_query(scope["query_string"], known)
            if faults := _strict_faults(given, known):
                faults += _other_faults(scope, handler, {name for name, _ in faults})
                raise _refusal(faults, given, known)
            pairs = [(n, value) for n, values in given.items() for value in dict.fromkeys(values)]
            scope = cast(Scope, {**scope, "query_string": urlencode(pairs).encode()})
        await next_app(scope, receive, send)


def _split_query(query: bytes, known: Mapping[str, _Parameter]) -> Mapping[str, Sequence[str]]:
    """The names with their values, several values one by one."""
    given: dict[str, list[str]] = {}
    for name, value in _pairs_of(query):
        parameter = known.get(name)
        several = parameter is not None and parameter.takes_several
        given.setdefault(name, []).extend(value.split(",") if several else [value])
    return given


def _pairs_of(query: bytes) -> list[tuple[str, str]]:
    """The names and values. Raises MalformedParameter for bytes that are no UTF-8: several would be read as one."""
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise MalformedParameter(
            "the query has bytes that are not UTF-8: percent-encode its values as UTF-8"
        ) from None


def _strict_faults(
    given: Mapping[str, Sequence[str]], known: Mapping[str, _Parameter]
) -> list[tuple[str, str]]:
    return [
        (name, fault)
        for name, values in sorted(given.items())
        for fault in _faults_of(values, known.get(name))
    ]


def _other_faults(
    scope: Scope, handler: HTTPRouteHandler, named: Collection[str]
) -> Iterator[tuple[str, str]]:
    """What the framework would refuse besides, so that the client hears of all faults at once."""
    request: Request[Any, Any, Any] = Request(scope)
    types = handler.signature_model.__annotations__
    for key, field in handler.parsed_fn_signature.parameters.items():
        told = field.kwarg_definition
        name = getattr(told, "name", None) or key
        if name in named or not isinstance(told, QueryParameter | HeaderParameter):
            continue
        place: Any = request.query_params if isinstance(told, QueryParameter) else request.headers
        if (values := place.getall(name, [])) and field.is_non_string_sequence:
            continue  # its values have been checked
        if values:
            try:
                msgspec.convert(values[-1], types[key], strict=False)
            except msgspec.ValidationError as error:
                yield name, describe_fault(request, {"key": key, "message": str(error)})
        elif not field.has_default:
            yield name, "missing"


def _refusal(
    faults: Sequence[tuple[str, str]], given: Collection[str], known: Collection[str]
) -> MalformedParameter:
    wrong = "; ".join(f"{name}: {without_known(detail)}" for name, detail in faults)
    if not {*given} <= {*known}:
        wrong += f"; known parameters are: {', '.join(sorted(known)) or 'none'}"
    errors = [{"parameter": name, "detail": detail} for name, detail in faults]
    return MalformedParameter(wrong, errors=errors)


def _faults_of(values: Sequence[str], parameter: _Parameter | None) -> Iterator[str]:
    if parameter is None:
        yield "unknown"
    elif len(values) > 1 and not parameter.takes_several:
        yield f"given more than once ({' and '.join(map(shown, values))}); it takes one value"
    else:
        for value in values:
            if fault := _fault_of(value, parameter):
                yield fault


def _fault_of(value: str, parameter: _Parameter) -> str | None:
    if "\0" in value:
        return "contains a NUL character"
    if words := words_of(parameter.kind):
        return None if value in words else not_one_of(value, words)
    if parameter.kind in _FORMS:
        form, name = _FORMS[parameter.kind]
        return None if re.fullmatch(form, value) else f"{shown(value)} is not {TYPES[name]}"
    if not value and not parameter.has_form:
        return "'' is empty: give a value, or leave the parameter out"
    return None


def _parameters_of(handler: HTTPRouteHandler) -> Mapping[str, _Parameter]:
    """The query parameters of a route, by their public names."""
    if (known := _KNOWN.get(handler)) is not None:
        return known
    found = _KNOWN[handler] = {}
    for name, field in handler.parsed_fn_signature.parameters.items():
        told = field.kwarg_definition
        if isinstance(told, QueryParameter):
            kind = _without_none(field.annotation)
            several = get_origin(kind) is list
            one = get_args(kind)[0] if several else kind
            found[told.name or name] = _Parameter(one, several, told.pattern is not None)
    return found


def _without_none(annotation: Any) -> Any:
    """The type of a parameter that is sent."""
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    return kinds[0] if NoneType in get_args(annotation) and len(kinds) == 1 else annotation
