"""A command none of whose fields is required takes an empty body as `{}`; others say what is missing."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from api.openapi import openapi_document
from tests.api.adjustments import open_paid_case, post
from tests.api.running_service import RunningService
from tests.api.signals import in_future


def body_schemas() -> dict[str, tuple[bool, dict[str, Any]]]:
    """The path of each command with a JSON body: whether it is required, and its schema."""
    document = openapi_document()
    found = {}
    for path, operations in document["paths"].items():
        body = operations.get("post", {}).get("requestBody", {})
        schema = body.get("content", {}).get("application/json", {}).get("schema", {})
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        if "properties" in schema:  # not a choice of several
            found[path] = body["required"], schema
    return found


SCHEMAS = body_schemas()
OPTIONAL = sorted(path for path, (is_required, _) in SCHEMAS.items() if not is_required)


def test_a_body_is_required_if_one_of_its_fields_is() -> None:
    assert {path for path, (_, schema) in SCHEMAS.items() if not schema.get("required")} == {
        *OPTIONAL
    }
    assert len(OPTIONAL) >= 7


@pytest.mark.parametrize("content_type", [None, "application/json"])
def test_a_wait_ends_and_a_case_is_released_without_a_body(
    server: RunningService, content_type: str | None
) -> None:
    with server.client_as("ana") as ana:
        case = open_paid_case(server)
        wait = {"dependency": "carrier", "party": "dhl", "expected_by": in_future(hours=9)}
        case = post(ana, case, "wait", wait).json()
        for command, event in (("resume", "claimed"), ("release", "open")):
            headers = {"If-Match": f'"{case["version"]}"', "Idempotency-Key": str(uuid4())}
            if content_type is not None:
                headers["Content-Type"] = content_type
            address = f"/v1/cases/{case['id']}/{command}"
            answer = ana.post(address, headers=headers)
            assert answer.status_code == 200, answer.text
            again = ana.post(address, headers=headers)
            assert again.content == answer.content
            case = answer.json()
            assert case["state"] == event


@pytest.mark.parametrize("path", OPTIONAL)
def test_an_empty_body_is_answered_as_an_empty_object_is(server: RunningService, path: str) -> None:
    with server.client_as("ana") as ana:
        case = open_paid_case(server)
        address = path.replace("{case_id}", case["id"]).replace("{version}", "no-such-version")
        empty = ana.post(address)
        assert empty.status_code == ana.post(address, json={}).status_code
        assert empty.json()["type"] != "/problems/malformed-body"


def test_a_required_body_that_is_empty_is_refused(server: RunningService) -> None:
    with server.client_as("ana") as ana:
        case = open_paid_case(server)
        refused = ana.post(
            f"/v1/cases/{case['id']}/notes", headers={"If-Match": f'"{case["version"]}"'}
        )
        assert refused.status_code == 400
        assert "empty" in refused.json()["detail"]
        assert ana.get(f"/v1/cases/{case['id']}").json()["version"] == case["version"]
