"""The OpenAPI 3.1 document: paths and parameters from Litestar, schemas of bodies from msgspec."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, get_args

import msgspec
from litestar import Litestar, Response, Router
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, Contact, License, Schema
from litestar.plugins import OpenAPISchemaPlugin
from litestar.response import ServerSentEvent, Stream
from litestar.typing import FieldDefinition
from msgspec import Struct

from api.http.concurrency import NEEDS, NEEDS_KEY
from api.openapi_responses import HEADERS, answer_headers, problem_responses
from api.openapi_schemas import REF, as_generators_read, reachable, with_named_unions
from api.openapi_signals import BODIES, REQUEST_BODY, signal_components
from api.openapi_tags import TAGS
from api.reference.examples import example_answer, example_of
from api.routes import UNVERSIONED, VERSIONED
from api.routes.audit_lists import hold_statement
from api.routes.evidence import MEDIA_TYPES, download_evidence, upload_evidence
from api.routes.questions import give_export, give_population
from api.routes.queues import claim_next
from api.routes.receipts import RECEIPT_MEDIA_TYPE, get_case_receipt, get_envelope, get_receipt
from api.routes.reconciliations import ReconciledPeriod, reconcile
from api.routes.signal_results import SignalResult, SignalResults
from api.routes.signals import send_signals
from api.routes.simulations import NDJSON, simulate_policy
from api.routes.trail import get_trail
from api.routes.trail_page import CSV, HTML
from api.routes.views import stream_view
from api.routes.webhooks import take_webhook
from domain.cases.exception_case import CaseState
from domain.orders.signals import Signal
from domain.recorded_event import Event
from domain.sources.deliveries import DeliveryState
from domain.sources.signature_schemes import SignatureScheme
from infrastructure.build import product_version

REFERENCE_TEMPLATE = "#/components/schemas/{name}"

_SUMMARY = """
Send signals about orders, and work the cases that they open. Every error is a problem document
(RFC 9457); its `type` is the address of an explanation. A command on a case needs the version that you
read, as `If-Match`. A POST may have an `Idempotency-Key`: a retry with the same key gets the first
answer. Every write returns `Casetrail-Position`. Send it as `Casetrail-Min-Position` with a read, and
the answer includes that write.
"""


class FieldFault(Struct, frozen=True):
    detail: str
    pointer: str = ""
    """JSON Pointer (RFC 6901) to the place in the body."""
    parameter: str = ""


class Problem(Struct, frozen=True):
    """An error (RFC 9457). Some types have more members."""

    type: str
    title: str
    status: int
    detail: str
    errors: Sequence[FieldFault] = ()
    request_id: str = ""
    """The `X-Request-Id` of the request, as the service's log names it."""
    trace_id: str = ""
    """The trace of the `traceparent` that the request had."""


@cache
def openapi_document() -> dict[str, Any]:
    """The document, built once."""
    document = _framework_document()
    served = _list_operations()
    types: list[Any] = [
        *(*BODIES, Problem, SignalResult, SignalResults, CaseState, ReconciledPeriod),
        *(Event, SignatureScheme, DeliveryState),
    ]
    for _, _, handler in served:
        types += [t for t in (_body_type(handler), _response_type(handler)) if t is not None]
    schemas, components = msgspec.json.schema_components(types, ref_template=REFERENCE_TEMPLATE)
    of = dict(zip(map(repr, types), schemas, strict=True))
    named_unions = {"Signal": Signal, "Event": Event, "SignatureScheme": SignatureScheme}
    names = {_members(of[repr(union)]): name for name, union in named_unions.items()}
    components |= signal_components(of)
    components["SignalResultOrResults"] = {
        "anyOf": [of[repr(SignalResult)], of[repr(SignalResults)]]
    }
    for path, method, handler in served:
        operation = document["paths"][path][method.lower()]
        operation["tags"] = [path.removeprefix("/v1/").strip("/").partition("/")[0]]
        _describe_operation(operation, handler, of)
    unions: dict[str, Any] = {}
    named = with_named_unions(components, names, unions)
    found = as_generators_read({**named, **with_named_unions(unions, {}, {})})
    document["paths"] = as_generators_read(with_named_unions(document["paths"], names, unions))
    document["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    document["components"] = {
        "schemas": reachable(document["paths"], found),
        "headers": HEADERS,
        "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
    }
    _add_examples(document)
    return document


def _members(union: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(one["$ref"].removeprefix(REF) for one in union["anyOf"])


def _add_examples(document: dict[str, Any]) -> None:
    """An example for each body and each answer in JSON."""
    shapes = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for operation in methods.values():
            asked = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if asked is not None:
                asked["example"] = example_of(asked["schema"], shapes)
            answer = (
                operation["responses"].get("200", {}).get("content", {}).get("application/json")
            )
            if answer is not None:
                name = operation["operationId"]
                answer["example"] = example_answer(name, path, answer["schema"], shapes)


def _framework_document() -> dict[str, Any]:
    app = Litestar(
        route_handlers=[Router("/v1", route_handlers=VERSIONED), *UNVERSIONED],
        dependencies={"service": Provide(lambda: None, sync_to_thread=False)},
        plugins=[_BodilessPlugin()],
        openapi_config=OpenAPIConfig(
            title="casetrail",
            version=product_version(),
            description=_SUMMARY,
            contact=Contact(name="The team that runs this service"),
            license=License(name="All rights reserved", identifier="LicenseRef-casetrail"),
            use_handler_docstrings=True,
            operation_id_creator=lambda handler, method, path: handler.handler_name,
        ),
    )
    schema = app.openapi_schema
    schema.components = Components()
    for path in (schema.paths or {}).values():
        for operation in filter(None, (path.get, path.post)):
            operation.responses = operation.request_body = None
    document: dict[str, Any] = schema.to_schema()
    return document


class _BodilessPlugin(OpenAPISchemaPlugin):
    """Keeps Litestar from making schemas of bodies: they are replaced, and take most of the time."""

    @staticmethod
    def is_plugin_supported_type(value: Any) -> bool:
        return isinstance(value, type) and issubclass(value, Struct)

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: Any) -> Schema:
        return Schema()


def _list_operations() -> Sequence[tuple[str, str, HTTPRouteHandler]]:
    found = []
    for prefix, handlers in (("/v1", VERSIONED), ("", UNVERSIONED)):
        for handler in handlers:
            for path in handler.paths:
                plain = "/".join(_strip_parameter_type(part) for part in path.split("/"))
                found += [(prefix + plain, method, handler) for method in handler.http_methods]
    return found


def _strip_parameter_type(part: str) -> str:
    return part.partition(":")[0] + "}" if part.startswith("{") else part


def _describe_operation(
    operation: dict[str, Any], handler: HTTPRouteHandler, of: dict[str, Any]
) -> None:
    if (needed := handler.opt.get(NEEDS)) is not None:
        operation["x-permission"] = needed
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _without_null(parameter["schema"])
        if parameter["schema"].get("type") == "array":
            _describe_several(parameter)
        # Handlers check it themselves: Litestar would answer 400 where they answer 428.
        is_needed = parameter["name"] == "If-Match" or (
            parameter["name"] == "Idempotency-Key" and bool(handler.opt.get(NEEDS_KEY))
        )
        parameter["required"] = parameter.get("required", False) or is_needed
    if (body := _body_type(handler)) is not None:
        content = {"application/json": {"schema": of[repr(body)]}}
        is_required = not handler.parsed_data_field.has_default  # type: ignore[union-attr]
        operation["requestBody"] = {"required": is_required, "content": content}
    answer: dict[str, Any] = of[repr(_response_type(handler))]
    if handler is send_signals:
        operation["requestBody"] = REQUEST_BODY
        answer = {"$ref": f"{REF}SignalResultOrResults"}
    responses: dict[str, Any] = {
        "200": {"description": "OK", "content": {"application/json": {"schema": answer}}}
    }
    if handler is upload_evidence:
        file = {"schema": {"type": "string", "minLength": 1}}
        kinds = dict.fromkeys(MEDIA_TYPES, file)
        operation["requestBody"] = {"required": True, "content": kinds}
    if handler is take_webhook:
        operation["requestBody"] = {"required": True, "content": {"*/*": {"schema": {}}}}
        text = {"schema": {"type": "string"}}
        responses["200"]["content"]["text/plain; charset=utf-8"] = text
    if handler is reconcile:
        content = {
            "application/json": {"schema": of[repr(ReconciledPeriod)]},
            CSV: {"schema": {"type": "string"}},
        }
        operation["requestBody"] = {"required": True, "content": content}
    if handler is hold_statement:
        content = {CSV: {"schema": {"type": "string"}}}
        operation["requestBody"] = {"required": True, "content": content}
    if handler is download_evidence:
        responses["200"] = {"description": "The file", "content": {"*/*": {"schema": {}}}}
    if handler in (get_receipt, get_case_receipt):
        receipt = {f"{RECEIPT_MEDIA_TYPE}; charset=utf-8": {"schema": {"type": "string"}}}
        responses["200"] = {"description": "The receipt, a tlog-proof", "content": receipt}
    if handler is get_envelope:
        envelope = {"application/json": {"schema": {"type": "object"}}}
        responses["200"] = {"description": "The envelope", "content": envelope}
    if handler in (give_export, give_population):
        bundle = {"application/x-tar": {"schema": {"type": "string"}}}
        responses["200"] = {"description": "A bundle", "content": bundle}
    if handler is stream_view:
        responses["200"] = {
            "description": "Events",
            "content": {"text/event-stream": {"schema": answer}},
        }
    if handler is simulate_policy:
        responses["200"]["content"][NDJSON] = {"schema": {"type": "string"}}
    if handler is get_trail:
        for media_type in (CSV, HTML):
            text = {"schema": {"type": "string"}}
            responses["200"]["content"][f"{media_type}; charset=utf-8"] = text
    if handler is claim_next:
        responses["204"] = {"description": "The queue has no case for you"}
    if handler.handler_name == "readyz":
        responses["503"] = {
            **responses["200"],
            "description": "The service cannot receive signals now",
        }
    for answer_of in responses.values():
        answer_of["headers"] = answer_headers(handler, operation, _response_type(handler))
    problems = problem_responses(handler, operation, of[repr(Problem)])
    # The answer of /readyz when it is not ready is no problem document.
    operation["responses"] = dict(sorted({**problems, **responses}.items()))
    operation["security"] = [] if handler.opt.get("public") else [{"bearer": []}]


def _describe_several(parameter: dict[str, Any]) -> None:
    """A filter that takes several values, repeated or with commas."""
    told = parameter.get("description") or "The names of which one must be true."
    parameter["description"] = f"{told} Several: repeated, or separated by commas."
    parameter["schema"].pop("description", None)
    parameter["style"], parameter["explode"] = "form", True


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter: an optional one is left out, never sent as null."""
    options = [option for option in schema.pop("oneOf", ()) if option.get("type") != "null"]
    return {**schema, **options[0]} if options else schema


def _body_type(handler: HTTPRouteHandler) -> Any:
    field = handler.parsed_data_field
    return field.annotation if field is not None else None


def _response_type(handler: HTTPRouteHandler) -> Any:
    annotation = handler.parsed_return_field.annotation
    if annotation in (ServerSentEvent, Stream) or get_args(annotation) == (bytes,):
        return str
    arguments = get_args(annotation)
    return arguments[0] if getattr(annotation, "__origin__", None) is Response else annotation
