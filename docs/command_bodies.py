"""The page of commands: every POST route, with the permission that it needs and the fields of its body."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from api.openapi import openapi_document

_SIGNALS = "/v1/signals"


def command_bodies() -> str:
    return "\n".join(
        [
            "# Bodies of commands",
            "",
            "This page is for developers who call the API. It lists every POST route, the permission that it needs, and the fields of",
            "its JSON body; the required ones are bold. `/docs` of a running service shows each schema in full. How signals are sent",
            "is explained in [send signals](signals.md); the [glossary](glossary.md) explains the terms.",
            "",
            "| POST | permission | body |",
            "| --- | --- | --- |",
            *_rows(),
            "",
        ]
    )


def _rows() -> Iterable[str]:
    for path, operations in sorted(openapi_document()["paths"].items()):
        if (command := operations.get("post")) is None or path == _SIGNALS:
            continue
        content = command.get("requestBody", {}).get("content", {})
        told = "; ".join(_fields(content.get("application/json", {}).get("schema", {})))
        if not told:
            told = "a file" if content else "none"
        yield f"| `{path}` | {_permission(command)} | {told} |"


def _permission(command: dict[str, Any]) -> str:
    return f"`{command['x-permission']}`" if "x-permission" in command else ""


def _fields(schema: dict[str, Any]) -> Iterable[str]:
    schema = _resolve(schema)
    required = schema.get("required", ())
    for name, of in schema.get("properties", {}).items():
        shown = f"**`{name}`**" if name in required else f"`{name}`"
        yield f"{shown} {_describe(of)}"


def _describe(schema: dict[str, Any]) -> str:
    schema = _resolve(schema)
    choices = [_describe(one) for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if choices:
        return " or ".join(dict.fromkeys(choices))
    if "enum" in schema:
        return f"({', '.join(f'`{one}`' for one in schema['enum'])})"
    match schema.get("type"):
        case "string":
            return {"date-time": "time", "date": "date"}.get(schema.get("format", ""), "text")
        case "array":
            return f"list of {_describe(schema.get('items', {}))}"
        case "object" if "properties" in schema:
            return f"{{{', '.join(_fields(schema))}}}"
        case "object":
            return "object"
        case kind:
            return str(kind or "any JSON")


def _resolve(schema: dict[str, Any]) -> dict[str, Any]:
    while (ref := schema.get("$ref")) is not None:
        schema = openapi_document()["components"]["schemas"][ref.rpartition("/")[2]]
    return schema
