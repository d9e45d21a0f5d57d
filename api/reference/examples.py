"""Example JSON values, generated from schemas.

What a schema does not say, such as which states go together, is in `possible_values`: a member that may be null is null,
times are in order, and each answer shows what its command did.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from api.reference.possible_values import AFTER, MAY_BE_SHOWN, NOON, OF_SHAPE, SHOWN, time_named

Schema = Mapping[str, Any]
REF: Final = "#/components/schemas/"
_DEEPEST = 5
_FORMATS: Mapping[str, str] = {
    "uuid": "5f3c7d1e-8a42-4c19-9d0b-2e6f1a7b3c58",
    "date-time": NOON,
    "date": "2026-11-20",
    "decimal": "12.50",
    "duration": "P1D",
}
_NAMED: Mapping[str, str] = {
    "order": "A-1001",
    "order_id": "A-1001",
    "shop": "default",
    "kind": "payment_mismatch",
    "bucket": "payment_mismatch",
    "severity": "high",
    "automation": "review",
    "state": "open",
    "owner_team": "payments_desk",
    "team": "payments_desk",
    "principal": "login:ana",
    "grant": "g1",
    "packet": "5e" * 32,
    "policy_digest": "5e" * 32,
    "base": "5e" * 32,
    "counted": "12.50",
    "of_order": "12.50",
    "here": "12.50",
    "there": "12.50",
    "matched": "12.50",
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
        shape = schema["$ref"].removeprefix(REF)
        found = example_of(shapes[shape], shapes, name, depth)
        if isinstance(found, dict):
            members = shapes[shape].get("properties", {})
            found |= {key: one for key, one in OF_SHAPE.get(shape, {}).items() if key in members}
        return found
    for word in ("const", "default"):
        if word in schema:
            return schema[word]
    if "enum" in schema:
        return schema["enum"][0]
    if options := schema.get("anyOf") or schema.get("oneOf"):
        if {"type": "null"} in options and name not in MAY_BE_SHOWN:
            return None
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


_ITEMS: Final = {"adjustments": "Adjustment", "grants": "GrantView"}
"""Members of answers whose items a command changes, with their shapes."""


def example_answer(operation: str, path: str, schema: Schema, shapes: Mapping[str, Schema]) -> Any:
    """An answer of an operation: after a command, what it did."""
    found = example_of(schema, shapes)
    if not isinstance(found, dict):
        return found
    members = _members(schema, shapes)
    for name, value in AFTER.get(operation, {}).items():
        if value is SHOWN:
            value = example_of(members[name]["anyOf"][0], shapes, name)
        if name in _ITEMS:
            whole = example_of({"$ref": REF + _ITEMS[name]}, shapes)
            value = [{**whole, **one} for one in value]
        found[name] = value
    if "question" in found and (number := re.search(r"/questions/(\d+)", path)) is not None:
        found["question"] = int(number[1])
    return found


def _members(schema: Schema, shapes: Mapping[str, Schema]) -> Mapping[str, Any]:
    found = shapes[schema["$ref"].removeprefix(REF)] if "$ref" in schema else schema
    members: Mapping[str, Any] = found.get("properties", {})
    return members


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
    if "pattern" not in schema and (moment := time_named(name)) is not None:
        return moment
    pattern = re.compile(schema.get("pattern", ""))
    most, least = schema.get("maxLength", 1_000), schema.get("minLength", 0)
    for text in (_NAMED.get(name, "text"), *_TEXTS):
        if pattern.search(text) and least <= len(text) <= most:
            return text
    return ""
