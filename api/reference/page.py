"""The page of the API reference: operations by resource, schemas, and problem types."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from msgspec import Struct

from api.http.problem_statuses import STATUS
from api.http.problems import BY_SLUG, MEDIA_TYPE, title
from api.reference.examples import Schema, example_of
from api.reference.shapes import line, prose, shape, table, type_of

CONTENT: Final = "<!-- reference -->"
RESOURCES: Final = "<!-- resources -->"
_JSON: Final = "application/json"
_LONGEST: Final = 400


class Operation(Struct, frozen=True):
    """An operation with its OpenAPI object `contract`."""

    path: str
    method: str
    contract: Mapping[str, Any]

    @property
    def tag(self) -> str:
        tag: str = self.contract["tags"][0]
        return tag


def filled(text: str, document: Mapping[str, Any]) -> str:
    """The page template `text`, filled from the OpenAPI document."""
    shapes: Mapping[str, Schema] = document["components"]["schemas"]
    by_tag: dict[str, list[Operation]] = {}
    for one in operations(document):
        by_tag.setdefault(one.tag, []).append(one)
    resources = "".join(f"<li><a href=#r-{tag}>{tag}</a>" for tag in by_tag)
    content = "".join(
        [
            prose(document["info"]["description"]),
            *(_resource(tag, among, shapes) for tag, among in by_tag.items()),
            "<section aria-labelledby=shapes><h2 id=shapes>Schemas</h2>",
            *(shape(name, shapes[name]) for name in sorted(shapes)),
            "</section>",
            _problems(),
        ]
    )
    return text.replace(RESOURCES, resources).replace(CONTENT, content)


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    """Every operation of the OpenAPI document, in its order."""
    for path, methods in document["paths"].items():
        for method, contract in methods.items():
            yield Operation(path, method.upper(), contract)


def _resource(tag: str, among: Sequence[Operation], shapes: Mapping[str, Schema]) -> str:
    items = "".join(_operation(one, shapes) for one in among)
    return f"<section aria-labelledby=r-{tag}><h2 id=r-{tag}>{tag}</h2>{items}</section>"


def _operation(one: Operation, shapes: Mapping[str, Schema]) -> str:
    contract = one.contract
    parts = [
        prose(contract["description"]) if contract.get("description") else "",
        _access(contract),
        _parameters(contract.get("parameters", ())),
        _body(contract.get("requestBody"), shapes),
        _responses(contract["responses"], shapes),
        f"<h3>Example request</h3><pre>{escape(request_of(one, shapes))}</pre>",
    ]
    return (
        f"<details id={contract['operationId']} class=operation><summary>"
        f"<span class=method>{one.method}</span> <code>{escape(one.path)}</code> "
        f"<span class=says>{escape(contract.get('summary', ''))}</span></summary>"
        f"{''.join(parts)}</details>"
    )


def _access(contract: Mapping[str, Any]) -> str:
    if not contract.get("security"):
        return "<p>Needs no token."
    needed = contract.get("x-permission")
    return f"<p>Needs the permission <code>{needed}</code>." if needed else "<p>Needs a token."


def _parameters(parameters: Sequence[Mapping[str, Any]]) -> str:
    rows = "".join(
        f"<tr><th scope=row><code>{escape(one['name'])}</code>"
        f"{'' if one['required'] else ' <small>optional</small>'}<td>{one['in']}"
        f"<td>{type_of(one['schema'])}<td>{line(one.get('description', ''))}"
        for one in parameters
    )
    headings = ("Name", "In", "Type", "Meaning")
    return f"<h3>Parameters</h3>{table(headings, rows)}" if rows else ""


def _body(body: Mapping[str, Any] | None, shapes: Mapping[str, Schema]) -> str:
    return f"<h3>Body</h3>{_contents(body['content'], shapes)}" if body is not None else ""


def _responses(responses: Mapping[str, Any], shapes: Mapping[str, Schema]) -> str:
    parts = [
        f"<h3>Response {status}</h3><p>{escape(response['description'])}."
        + _contents(response.get("content", {}), shapes)
        for status, response in responses.items()
        if MEDIA_TYPE not in response.get("content", {})
    ]
    problems = [s for s, response in responses.items() if MEDIA_TYPE in response.get("content", {})]
    return "".join(parts) + f"<p>Problems: {', '.join(problems)}."


def _contents(content: Mapping[str, Any], shapes: Mapping[str, Schema]) -> str:
    text = "".join(
        f"<p><code>{escape(kind)}</code>: {type_of(one['schema'])}" for kind, one in content.items()
    )
    if _JSON in content:
        media = content[_JSON]
        example = media["example"] if "example" in media else example_of(media["schema"], shapes)
        shown = json.dumps(example, indent=1, ensure_ascii=False)
        # A longer example says less than the schema.
        text += f"<pre>{escape(shown)}</pre>" if len(shown) <= _LONGEST else ""
    return text


def request_of(one: Operation, shapes: Mapping[str, Schema]) -> str:
    """The operation as a curl command with its required parameters alone."""
    required = [found for found in one.contract.get("parameters", ()) if found["required"]]
    values = {found["name"]: str(example_of(found["schema"], shapes)) for found in required}
    path = re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), one.path)
    query = "&".join(f"{p['name']}={values[p['name']]}" for p in required if p["in"] == "query")
    words = [f'curl -X {one.method} "$URL{path}{"?" + query if query else ""}"']
    if one.contract.get("security"):
        words.append('-H "Authorization: Bearer $CASETRAIL_TOKEN"')
    words += ["-H 'If-Match: \"7\"'" for found in required if found["name"] == "If-Match"]
    content = one.contract.get("requestBody", {}).get("content", {})
    if _JSON in content:
        body = json.dumps(content[_JSON]["example"], ensure_ascii=False)
        words += ["-H 'Content-Type: application/json'", f"-d '{body}'"]
    elif content:
        words += [f"-H 'Content-Type: {next(iter(content))}'", "--data-binary @FILE"]
    return " \\\n  ".join(words)


def _problems() -> str:
    rows = "".join(
        f"<tr><th scope=row><a href=/problems/{slug}>{slug}</a><td>{STATUS[kind]}"
        f"<td>{line(title(kind))}<td>{line(kind.explanation)}"
        for slug, kind in sorted(BY_SLUG.items())
    )
    listing = table(("Name", "Status", "Meaning", "What to do"), rows)
    return (
        "<section aria-labelledby=problems><h2 id=problems>Problem types</h2>"
        f"<p>Every error response is <code>{MEDIA_TYPE}</code>, a <a href=#Problem>Problem</a> "
        f"of one of these types.{listing}</section>"
    )
