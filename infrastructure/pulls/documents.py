"""Pull documents: YAML in, checked settings with compiled expressions out. See docs/pulls.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct

from domain.errors import Fault, Invalid
from domain.fault_texts import not_one_of
from domain.policy.document_types import Name
from domain.sources.pull_settings import LARGEST_PULL_DOCUMENT, Address, PullChoice
from domain.sources.signature_schemes import HeaderName, Prefix, UserName
from domain.texts import Text, form, one_line
from domain.validation import faults_of
from infrastructure.mappings.expressions import Expression, ExpressionBroken
from infrastructure.mappings.mapping import digest_of
from infrastructure.strict_yaml import invalid_at_lines
from infrastructure.yaml_documents import load_document, read_document

SHIPPED: Final = Path(__file__).parent / "shipped"
PLACEHOLDER: Final = re.compile(r"\{([A-Za-z0-9_]{1,64})\}")
ExpressionText = Annotated[str, Meta(min_length=1)]
_SEGMENT: Final = r"(?!\.{1,2}(?:/|$))(?:[A-Za-z0-9._~-]|\{[A-Za-z0-9_]{1,64}\})+"
ListPath = Annotated[
    str,
    form(
        f"{_SEGMENT}(?:/{_SEGMENT}){{0,9}}",
        "a path below the address, such as orders.json, without a slash before it and without a query",
    ),
]
TopicHeader = Annotated[
    str, form("[Xx]-[A-Za-z0-9-]{1,90}", "a header that begins with X-, such as X-Shopify-Topic")
]
ParameterName = Annotated[
    str, form(r"[^\s&=#]{1,100}", "the name of a query parameter of 1 to 100 characters")
]
ParameterValue: TypeAlias = Annotated[str, one_line(500)] | int | bool
Parameters: TypeAlias = dict[ParameterName, ParameterValue]


class _Choice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="by"):
    """The base class of alternatives."""


class ByHeader(_Choice, frozen=True, kw_only=True, tag="header"):
    """The secret in a header, after a prefix such as `Bearer `."""

    header: HeaderName
    prefix: Prefix = ""


class ByBasic(_Choice, frozen=True, kw_only=True, tag="basic"):
    """HTTP Basic: a user name, and the secret as its password."""

    user: UserName


class ByNothing(_Choice, frozen=True, kw_only=True, tag="nothing"):
    """Anybody may read the list."""


class LinkHeader(_Choice, frozen=True, kw_only=True, tag="link_header"):
    """The next page is in the header Link, as `rel="next"` (RFC 8288)."""


class NextUrl(_Choice, frozen=True, kw_only=True, tag="next_url"):
    """The address of the next page is in the answer."""

    next: ExpressionText


class Cursor(_Choice, frozen=True, kw_only=True, tag="cursor"):
    """A value of the answer is a parameter of the next request; without one, or where `more` is false, it was the last."""

    parameter: ParameterName
    cursor: ExpressionText
    more: ExpressionText | None = None


class PageNumber(_Choice, frozen=True, kw_only=True, tag="page"):
    """Pages are numbered; the last one is empty, or `more` is false."""

    parameter: ParameterName = "page"
    first: Annotated[int, Meta(ge=0, le=1)] = 1
    more: ExpressionText | None = None


class Offset(_Choice, frozen=True, kw_only=True, tag="offset"):
    """A parameter says how many items to leave out; the last page is empty, or `more` is false."""

    parameter: ParameterName = "offset"
    more: ExpressionText | None = None


Authentication: TypeAlias = ByHeader | ByBasic | ByNothing
Pages: TypeAlias = LinkHeader | NextUrl | Cursor | PageNumber | Offset


class Since(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameter that leaves out what is older, and how it writes a time."""

    parameter: ParameterName
    unit: Annotated[
        str, form("iso8601|seconds|milliseconds|day", "iso8601, seconds, milliseconds or day")
    ] = "iso8601"


class DetailDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A list of its own of each item of another list: `{id}` in its path is the item's field `id`."""

    path: ListPath
    items: ExpressionText = "@"
    """The list in the answer."""
    parameters: Parameters = {}
    pages: Pages | None = None
    """How pages go on; left out, there is one page."""
    id: ExpressionText | None = None
    """The system's id of an item, or of what it tells."""
    headers: Annotated[dict[TopicHeader, Annotated[str, one_line(200)]], Meta(max_length=10)] = {}
    """What the mapping sees as the headers of a webhook, such as its topic."""
    wrap: Annotated[str, one_line(100, least=1)] | None = None
    """The mapping sees an object with this member: a list that has the item alone."""
    webhook: bool = True
    """The same comes by a webhook, so that an item that did not is missing."""


class ListDocument(DetailDocument, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A list: where it is, what is asked for, and as what its items are read."""

    time: ExpressionText | None = None
    """When an item was changed last: a time of ISO 8601, or seconds since 1970. Left out, none is too young."""
    since: Since | None = None
    """Left out, the whole list is read each time."""
    details: Annotated[tuple[DetailDocument, ...], Meta(max_length=5)] = ()


class PullDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is pulled from a system."""

    pull: Name
    lists: Annotated[tuple[ListDocument, ...], Meta(min_length=1, max_length=20)]
    title: Text = ""
    address: Address | None = None
    """Where it is, if it is the same for everybody."""
    authentication: Authentication = ByNothing()
    keeps_days: Annotated[int, Meta(ge=1)] | None = None
    """What is older is not listed."""


def shipped_pulls() -> dict[str, Path]:
    """The files of the pull documents that ship with casetrail, by name."""
    return {file.stem: file for file in sorted(SHIPPED.glob("*.yaml"))}


def load_pull(file: Path) -> str:
    """The text of a pull document. Raises Invalid and OSError."""
    return read_document(file, LARGEST_PULL_DOCUMENT)


def parse_pull(text: str, what: str = "the pull document") -> PullDocument:
    """Raises Invalid, with the line of each fault."""
    raw = load_document(text, LARGEST_PULL_DOCUMENT, what)
    if faults := faults_of(raw, PullDocument):
        raise invalid_at_lines(faults, text, what)
    document = msgspec.convert(raw, PullDocument)
    if faults := [*_broken_expressions(document), *_wrong_placeholders(document)]:
        raise invalid_at_lines(faults, text, what)
    return document


def choose_pull(name: str | None, document: str | None) -> tuple[PullChoice, str | None]:
    """The version of a document that ships, by name, or a document as it is now; and the address that it names.
    Raises Invalid."""
    if (name is None) is (document is None):
        fault = Fault("/pull", "give either `pull`, the name of one that ships, or `document`")
        raise Invalid([fault], "the pull")
    if name is not None:
        shipped = shipped_pulls()
        if name not in shipped:
            raise Invalid([Fault("/pull", not_one_of(name, list(shipped)))], "the pull")
        document = load_pull(shipped[name])
    assert document is not None
    try:
        parsed = parse_pull(document)
    except Invalid as error:
        faults = [Fault("/document", f"{f.pointer or '/'}: {f.detail}") for f in error.faults]
        raise Invalid(faults, "the pull document") from None
    return PullChoice(parsed.pull, digest_of(document), document), parsed.address


def _lists(document: PullDocument) -> Iterator[tuple[str, DetailDocument]]:
    """All lists, each with its pointer."""
    for n, one in enumerate(document.lists):
        yield f"/lists/{n}", one
        for m, detail in enumerate(one.details):
            yield f"/lists/{n}/details/{m}", detail


def _broken_expressions(document: PullDocument) -> Iterator[Fault]:
    for pointer, one in _lists(document):
        named = {"items": one.items, "time": getattr(one, "time", None), "id": one.id}
        for name in ("next", "cursor", "more"):
            named[f"pages/{name}"] = getattr(one.pages, name, None)
        for name, text in named.items():
            try:
                _ = text is None or Expression(text)
            except ExpressionBroken as error:
                yield Fault(f"{pointer}/{name}", str(error))


def _wrong_placeholders(document: PullDocument) -> Iterator[Fault]:
    for pointer, one in _lists(document):
        is_detail = "/details/" in pointer
        if bool(PLACEHOLDER.search(one.path)) is not is_detail:
            yield Fault(
                f"{pointer}/path",
                "a list of each item names a field of it, such as orders/{id}/transactions.json"
                if is_detail
                else "only the path of `details` names fields of items",
            )
