"""Reads real payloads as paths of fields: which resource has which fields, in the words of
docs/payload-fields.md. A resource inside another resource has its own paths."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

Paths = dict[str, set[str]]
Restart = Callable[[str, str, object], str | None]
"""Resource, key and value of a field; the name of the resource that begins there, or None."""


def leaves(value: object, resource: str, path: str, restart: Restart) -> Iterator[tuple[str, str]]:
    """Resource and path of each field that has a value or null. An empty list has none."""
    if isinstance(value, dict):
        for key, inner in value.items():
            begins = restart(resource, key, inner) if isinstance(inner, dict | list) else None
            below = (begins, "") if begins else (resource, f"{path}.{key}" if path else key)
            yield from leaves(inner, *below, restart)
    elif isinstance(value, list):
        for inner in value:
            begins = restart(resource, "", inner)
            below = (begins, "") if begins else (resource, f"{path}[]" if path else "")
            yield from leaves(inner, *below, restart)
    else:
        yield resource, path


SHOPIFY_INNER = {
    "line_items": "line item",
    "line_item": "line item",
    "shipping_lines": "shipping line",
    "refunds": "refund",
    "transactions": "transaction",
    "fulfillments": "fulfillment",
    "customer": "customer",
}
SHOPIFY_OUTER = {
    "original_fulfillment_order": "fulfillment order",
    "moved_fulfillment_order": "fulfillment order",
    "submitted_fulfillment_order": "fulfillment order",
    "addresses": "customer address",
    "countries": "shipping zone",
}
SHOPIFY_FOLDERS = {"orderlineitems": "line item", "shippinglines": "shipping line"}


def shopify_inner(resource: str, key: str, value: object) -> str | None:
    if resource in ("order", "refund", "fulfillment", "draft order"):
        return SHOPIFY_INNER.get(key)
    return None


def shopify(file: Path) -> Iterator[tuple[str, str]]:
    """Malformed files are in the data on purpose: they have no fields."""
    try:
        payload = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return
    if folder := SHOPIFY_FOLDERS.get(file.parent.name):
        yield from leaves(payload, folder, "", shopify_inner)
        return
    for key, value in payload.items():
        one = SHOPIFY_OUTER.get(key) or re.sub(r"(?<=[^s])s$|(?<=ss)es$", "", key)
        resource = one.replace("_", " ")
        if file.name.startswith("payments_"):
            resource = f"payments {resource}"
        if isinstance(value, dict | list):
            yield from leaves(value, resource, "", shopify_inner)


def by_object(resource: str, key: str, value: object) -> str | None:
    """Stripe and EasyPost name the resource in its `object`."""
    name = value.get("object") if isinstance(value, dict) else None
    return name if isinstance(name, str) and name != "list" else None


def stripe(file: Path) -> Iterator[tuple[str, str]]:
    for name, value in json.loads(file.read_text(encoding="utf-8"))["resources"].items():
        yield from leaves({name: value}, name, "", by_object)


def easypost(file: Path) -> Iterator[tuple[str, str]]:
    yield from leaves(json.loads(file.read_text(encoding="utf-8")), "recording", "", by_object)


ADYEN_FILES = {
    "authorise": "authorise answer",
    "modification": "modification answer",
    "post": "dispute answer",
}


def adyen_item(resource: str, key: str, value: object) -> str | None:
    code = value.get("eventCode") if isinstance(value, dict) else None
    return code if isinstance(code, str) else None


def adyen(file: Path) -> Iterator[tuple[str, str]]:
    payload = json.loads(file.read_text(encoding="utf-8"))
    kind = ADYEN_FILES.get(file.name.partition("-")[0]) or payload.get("type")
    if "SaleToPOIRequest" in payload:
        kind = "terminal"
    kind = payload.get("eventCode") or kind or "notification"
    yield from leaves(payload, kind, "", adyen_item)


def no_restart(resource: str, key: str, value: object) -> None:
    return None


def elements(element: ElementTree.Element, path: str = "") -> Iterator[str]:
    name = re.sub(r"\{.*\}", "", element.tag)
    path = f"{path}.{name}" if path else name
    for attribute in element.attrib:
        yield f"{path}@{re.sub(r'{.*}', '', attribute)}"
    if not len(element):
        yield path
    for inner in element:
        yield from elements(inner, path)


def carriers(file: Path) -> Iterator[tuple[str, str]]:
    resource = "normalised" if file.name.startswith("normalized_") else file.parent.name
    if "request" in file.name.lower():
        resource = "request"
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".xml":
        yield from ((resource, path) for path in elements(ElementTree.fromstring(text.strip())))
    else:
        yield from leaves(json.loads(text), resource, "", no_restart)


SOURCES: dict[str, Callable[[Path], Iterator[tuple[str, str]]]] = {
    "Shopify": shopify,
    "Stripe": stripe,
    "Adyen": adyen,
    "EasyPost": easypost,
    "Carriers": carriers,
}


def paths_of(source: str, folder: Path) -> Paths:
    """The paths of every resource of the source, in all files below the folder."""
    found: Paths = defaultdict(set)
    for file in sorted(folder.rglob("*")):
        if file.suffix in (".json", ".xml"):
            for resource, path in SOURCES[source](file):
                found[resource] |= {path} - {""}
    return found
