"""Example JSON values, generated from schemas."""

import re
from collections.abc import Mapping
from typing import Any, Final

Schema = Mapping[str, Any]
REF: Final = "#/components/schemas/"
_DEEPEST = 5
_FORMATS: Mapping[str, str] = {
    "uuid": "5f3c7d1e-8a42-4c19-9d0b-2e6f1a7b3c58",
    "date-time": "2026-11-20T12:00:00Z",
    "date": "2026-11-20",
    "decimal": "12.50",
    "duration": "P1D",
}
_NAMED: Mapping[str, str] = {
    "order": "A-1001",
    "person": "ana",
    "owner": "ana",
    "name": "ana",
    "to_person": "ana",
    "queue": "refund_validation",
    "currency": "EUR",
    "amount": "12.50",
    "note": "The customer called.",
    "reason": "The customer called.",
    "title": "Call the customer",
    "source": "shop",
    "id": "shop-1",
    "ref": "carrier/scan-1",
    "evidence": "carrier/scan-1",
    "party": "carrier",
    "country": "DE",
    "region": "DE",
    "digest": "5e" * 32,
}
_TEXTS = (
    *("text", "12.50", "12:00", "EUR", "DE", "g1", "a.b", "5e" * 16, "5e" * 32),
    "sha256:" + "5e" * 32,
)


def example_of(schema: Schema, shapes: Mapping[str, Schema], name: str = "", depth: int = 0) -> Any:
    """A valid value of the schema with its required members alone."""
    if "$ref" in schema:
        return example_of(shapes[schema["$ref"].removeprefix(REF)], shapes, name, depth)
    for word in ("const", "default"):
        if word in schema:
            return schema[word]
    if "enum" in schema:
        return schema["enum"][0]
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return example_of(options[0], shapes, name, depth)
    match schema.get("type"):
        case "object":
            return _object(schema, shapes, depth)
        case "array":
            return _array(schema, shapes, name, depth)
        case "string":
            return _text(schema, name)
        case "integer" | "number":
            return max(1, schema.get("minimum", 1))
        case "boolean":
            return True
        case "null":
            return None
    return {}


def _object(schema: Schema, shapes: Mapping[str, Schema], depth: int) -> dict[str, Any]:
    members = schema.get("properties", {})
    found = {
        name: example_of(members[name], shapes, name, depth + 1)
        for name in schema.get("required", ())
    }
    if schema.get("minProperties"):
        name = _text(schema.get("propertyNames", {}), "name")
        found[name] = example_of(schema["additionalProperties"], shapes, name, depth + 1)
    return found


def _array(schema: Schema, shapes: Mapping[str, Schema], name: str, depth: int) -> list[Any]:
    if "prefixItems" in schema:
        return [example_of(one, shapes, name, depth + 1) for one in schema["prefixItems"]]
    if depth >= _DEEPEST and not schema.get("minItems"):
        return []
    one = example_of(schema.get("items") or {"type": "string"}, shapes, name, depth + 1)
    return [one] * max(1, schema.get("minItems", 0))


def _text(schema: Schema, name: str) -> str:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    pattern = re.compile(schema.get("pattern", ""))
    most, least = schema.get("maxLength", 1_000), schema.get("minLength", 0)
    for text in (_NAMED.get(name, "text"), *_TEXTS):
        if pattern.search(text) and least <= len(text) <= most:
            return text
    return ""
