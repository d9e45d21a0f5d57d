"""Every route reads its query strictly: what it does not take is refused, with the parameter, the value and
what is allowed."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx2
import pytest

from api.openapi import openapi_document
from domain.permissions import Permission, roles_with
from tests.api.running_service import RunningService
from tests.api.test_parameter_errors import told

WRONG = {
    "integer": ("", "null", "ten", "1.0", "1_0", "+1", "٣"),
    "boolean": ("", "null", "1", "yes", "TRUE"),
    "date-time": ("", "null", "soon", "1732870000", "2026-11-29"),
    "date": ("", "null", "tomorrow", "2026-11-29T10:00:00Z"),
    "uuid": ("", "null", "x", "{}"),
    "enum": ("", "null", "NULL", "nosuch"),
    "string": ("",),
}
IS = {
    "integer": "is not a whole number",
    "boolean": "is not true or false",
    "date-time": "is not a time such as",
    "date": "is not a date such as",
    "uuid": "is not a UUID",
    "enum": "is not",
    "string": "is",
}
ROUTES = [
    (path, method, operation)
    for path, methods in openapi_document()["paths"].items()
    for method, operation in methods.items()
    if method == "get"
    or any(parameter["in"] == "query" for parameter in operation.get("parameters", ()))
]


@pytest.fixture(scope="module")
def clients(server: RunningService) -> Iterator[dict[str, httpx2.Client]]:
    """A client for each permission."""
    people, now = server.service.desks.people, datetime.now(UTC)
    found = {}
    for permission in Permission:
        role = roles_with(permission)[0]
        name = f"has-{role.value.replace('_', '-')}"
        if name not in server.tokens:
            people.add(name, [role], now)
            server.tokens[name] = people.issue_token(name, now)
        found[permission.value] = server.client_as(name)
    yield found
    for client in found.values():
        client.close()


def kind_of(schema: dict[str, Any]) -> str:
    schema = schema.get("items", schema)
    if "$ref" in schema or "allOf" in schema or "enum" in schema:
        return "enum"
    return str(schema.get("format") or schema["type"])


def address_of(path: str, operation: dict[str, Any]) -> str:
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            value = {"uuid": str(uuid4()), "integer": "1"}.get(kind_of(parameter["schema"]), "a")
            path = path.replace(f"{{{parameter['name']}}}", value)
    return path


@pytest.mark.parametrize(("path", "method", "operation"), ROUTES, ids=lambda one: str(one)[:60])
def test_a_route_refuses_what_its_parameters_do_not_take(
    server: RunningService,
    clients: dict[str, httpx2.Client],
    path: str,
    method: str,
    operation: dict[str, Any],
) -> None:
    needed = operation.get("x-permission")
    client = clients[needed] if needed else clients[Permission.READ_CASES.value]
    address = address_of(path, operation)

    def fault(query: str, name: str) -> str:
        return told(client.request(method, f"{address}?{query}"))[name]

    parameters = [one for one in operation.get("parameters", ()) if one["in"] == "query"]
    names = {parameter["name"] for parameter in parameters}
    answer = client.request(method, f"{address}?no_such=1")
    faults = told(answer)
    assert faults.pop("no_such") == "unknown"
    missing = {one["name"] for one in parameters if one["required"]}
    assert faults == dict.fromkeys(missing, "missing")
    known = answer.json()["detail"].partition("known parameters are: ")[2].split(", ")
    assert known == (sorted(names) or ["none"])
    for parameter in parameters:
        name, kind = parameter["name"], kind_of(parameter["schema"])
        for value in WRONG[kind]:
            shown = fault(f"{name}={quote(value)}", name)
            assert shown.startswith(f"{value!r} {IS[kind]}"), (name, value, shown)
        if parameter["schema"].get("type") == "array":
            assert "'' " in fault(f"{name}=,", name)
        else:
            assert "more than once" in fault(f"{name}=a&{name}=b", name)
        assert "NUL" in fault(f"{name}=a%00", name)


def test_an_enumeration_in_a_list_names_what_is_allowed(ana: httpx2.Client) -> None:
    assert told(ana.get("/v1/cases?state=open,opn&state=nul")) == {
        "state": "'nul' is not one of: open, claimed, waiting, pending_approval, resolved"
    }
    detail = ana.get("/v1/cases?state=open,opn").json()["detail"]
    assert "'opn' is not one of: open, claimed" in detail
    assert "did you mean open?" in detail
