"""Schemas as the generators of clients read them: unions have names, and one allowed value is a `const`."""

from collections.abc import Mapping
from typing import Any, Final

REF: Final = "#/components/schemas/"


def with_named_unions(
    document: Any, names: Mapping[frozenset[str], str], components: dict[str, Any]
) -> Any:
    """The document with a reference in place of each union that has a name, by the schemas in it. The union
    itself becomes a component."""
    if isinstance(document, list):
        return [with_named_unions(one, names, components) for one in document]
    if not isinstance(document, dict):
        return document
    members = frozenset(
        one["$ref"].removeprefix(REF) for one in document.get("anyOf", ()) if "$ref" in one
    )
    name = names.get(members) if "discriminator" in document else None
    if name is None:
        return {key: with_named_unions(one, names, components) for key, one in document.items()}
    union = {key: one for key, one in document.items() if key in ("anyOf", "discriminator")}
    # The schemas of one union exclude each other by the tag: generators read `oneOf` as that.
    components[name] = {"oneOf": union["anyOf"], "discriminator": union["discriminator"]}
    beside = {key: one for key, one in document.items() if key not in union}
    return {"$ref": f"{REF}{name}", **beside}


def as_generators_read(schema: Any) -> Any:
    """The schema with `const` for a single allowed value, and with lengths in place of `items: false`."""
    if isinstance(schema, list):
        return [as_generators_read(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: as_generators_read(one) for key, one in schema.items()}
    values = found.get("enum")
    if isinstance(values, list) and len(values) == 1:
        del found["enum"]
        found["const"] = values[0]
        found.setdefault("type", "string" if isinstance(values[0], str) else "integer")
    if found.get("items") is False:
        del found["items"]
    if "prefixItems" in found:
        items = found.pop("prefixItems")
        same = items[0] if all(one == items[0] for one in items) else {"anyOf": items}
        found |= {"items": same, "minItems": len(items), "maxItems": len(items)}
    return found


def reachable(paths: Any, components: Mapping[str, Any]) -> dict[str, Any]:
    """The components that the paths need, by name."""
    found: set[str] = set()
    waiting = _refs_in(paths)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting |= _refs_in(components[name])
    return {name: components[name] for name in sorted(found)}


def _refs_in(document: Any) -> set[str]:
    if isinstance(document, list):
        return set().union(*map(_refs_in, document))
    if not isinstance(document, dict):
        return set()
    own = document.get("$ref")
    names = {own.removeprefix(REF)} if isinstance(own, str) and own.startswith(REF) else set()
    return names.union(*map(_refs_in, document.values()))
