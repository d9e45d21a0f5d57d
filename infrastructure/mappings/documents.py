"""Reads mapping documents: YAML in, a compiled mapping out."""

import copy
import typing
from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from domain.errors import Fault, Invalid
from domain.fault_texts import did_you_mean, not_one_of
from domain.orders.signal_body import SignalBody
from domain.orders.signals import Signal
from domain.policy.document_types import Name
from domain.texts import Text
from domain.validation import escape_pointer_token, faults_of, unescape_pointer_token
from infrastructure.mappings.columns import columns_in
from infrastructure.mappings.expressions import Expression
from infrastructure.mappings.field_types import fields_of
from infrastructure.mappings.mapping import DeliveryRule, Mapping, SignalRule, digest_of
from infrastructure.mappings.reading import Table
from infrastructure.mappings.values import Compiler
from infrastructure.strict_yaml import invalid_at_lines
from infrastructure.yaml_documents import load_document, read_document

LARGEST_BYTES: Final = 1 << 18
SHIPPED: Final = Path(__file__).parent / "shipped"
_IDENTITY: Final = frozenset({"source", "id", "shop", "order", "refs", "replaces", "of"})
_KINDS: Final = {str(kind.__struct_config__.tag): kind for kind in typing.get_args(Signal)}


Levels = str | Annotated[tuple[str, ...], Meta(min_length=1, max_length=10)]
"""An expression that names a list; of several, each is looked up in the items of the one before it."""


Unused = Annotated[tuple[str, ...], Meta(max_length=2_000)]
"""Paths with `[]` for an index, and `*` for any text."""


class SignalDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A type of signal, made once or for `each` item of a list, `when` a condition holds."""

    type: str
    fields: dict[str, Any]
    when: str | None = None
    each: Levels | None = None
    may_change: Annotated[tuple[str, ...], Meta(max_length=20)] = ()
    """The fields whose first value counts when the signal is stated again."""


class DeliveryDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The deliveries of some topics: of what they speak, and the signals that they state."""

    topics: Annotated[tuple[str, ...], Meta(max_length=200)] = ()
    when: str | None = None
    of: Levels | None = None
    common: dict[str, Any] = {}
    """Fields of all these signals."""
    unused: Unused = ()
    """Leaves of these deliveries that are known and not needed."""
    signals: Annotated[tuple[SignalDocument, ...], Meta(max_length=100)]


class MappingDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping as it is written: see docs/mappings.md."""

    mapping: Name
    title: Text = ""
    topic: str | None = None
    """An expression over `headers`, `query` and `body`: what tells the kinds of delivery apart."""
    rows_by: Annotated[tuple[str, ...], Meta(max_length=20)] = ()
    """Columns: rows of a file that have the same values there are one delivery, with the `rows`."""
    tables: dict[Name, dict[str, Any]] = {}
    exponents: dict[str, Annotated[int, Meta(ge=0, le=6)]] = {}
    """Currencies whose smallest unit the system counts otherwise than ISO 4217."""
    deliveries: Annotated[tuple[DeliveryDocument, ...], Meta(min_length=1, max_length=200)]
    unused: Unused = ()
    """The same of all deliveries."""
    pieces: Any = None
    """Parts of the document that others repeat by YAML's anchors; not read by themselves."""


def shipped_mappings() -> dict[str, Path]:
    """The files of the mappings that ship with casetrail, by name."""
    return {file.stem: file for file in sorted(SHIPPED.glob("*.yaml"))}


def find_mapping_file(name: str) -> Path:
    """The file of a shipped mapping, or the file of that name. Raises Invalid."""
    file = shipped_mappings().get(name, Path(name))
    if not file.is_file():
        raise Invalid([Fault("", describe_missing(file, [*shipped_mappings()]))], name)
    return file


def describe_missing(file: Path, shipped: Collection[str]) -> str:
    """That a document is neither a file nor one that ships, with those that ship."""
    what = "a directory, and no file" if file.is_dir() else "no such file"
    guess = did_you_mean(str(file), [*shipped])
    return f"{file}: {what}, and none of those that ship{guess}; these ship: {', '.join(shipped)}"


def load_mapping(file: Path) -> Mapping:
    """The mapping of a file. Raises Invalid with every fault, each with its line, and OSError."""
    return parse_mapping(read_mapping(file), str(file))


def read_mapping(file: Path) -> str:
    """The text of a mapping's file. Raises Invalid, and OSError."""
    return read_document(file, LARGEST_BYTES)


def parse_mapping(text: str, what: str = "the mapping") -> Mapping:
    """The mapping of a document's text. Raises Invalid."""
    raw = load_document(text, LARGEST_BYTES, what)
    faults = faults_of(raw, MappingDocument)
    try:
        # What is left without unknown fields is read on: all faults are told at once.
        document = msgspec.convert(_without_unknown(raw, faults), MappingDocument)
    except msgspec.ValidationError:
        raise invalid_at_lines(faults, text, what) from None
    compiler = Compiler(document.tables)
    for name, listed in document.tables.items():
        for code, meaning in listed.items():
            if isinstance(meaning, dict) and any(str(key).startswith("$") for key in meaning):
                detail = "a table has values: no helper is evaluated in it"
                compiler.fault(f"/tables/{name}/{escape_pointer_token(code)}", detail)
    topic = _optional(compiler, document.topic, "/topic")
    deliveries = [
        _delivery_rule(compiler, delivery, f"/deliveries/{n}")
        for n, delivery in enumerate(document.deliveries)
    ]
    if found := [*faults, *compiler.faults]:
        raise invalid_at_lines(found, text, what)
    return Mapping(
        document.mapping,
        document.title,
        digest_of(text),
        topic,
        deliveries,
        {name: Table(listed) for name, listed in document.tables.items()},
        document.exponents,
        document.unused,
        document.rows_by,
        [name for name in document.tables if name not in compiler.used_tables],
    )


def _without_unknown(raw: Any, faults: list[Fault]) -> Any:
    """A copy of the document without the fields at which faults stand."""
    copied = copy.deepcopy(raw) if faults else raw
    for fault in faults:
        *way, last = map(unescape_pointer_token, fault.pointer.split("/"))
        place = copied
        for step in way[1:]:
            if isinstance(place, list) and step.isdigit() and int(step) < len(place):
                place = place[int(step)]
            else:
                place = place.get(step) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place.pop(last, None)
    return copied


def _delivery_rule(compiler: Compiler, document: DeliveryDocument, pointer: str) -> DeliveryRule:
    signals = []
    for n, one in enumerate(document.signals):
        place = f"{pointer}/signals/{n}"
        kind = _KINDS.get(one.type)
        if kind is None:
            compiler.fault(f"{place}/type", not_one_of(one.type, sorted(_KINDS)))
        _names_fields(compiler, one.fields, f"{place}/fields")
        signals.append(
            SignalRule(
                one.type,
                compiler.value(one.fields, f"{place}/fields", kind or _closest_kind(one.type)),
                _optional(compiler, one.when, f"{place}/when"),
                _levels(compiler, one.each, f"{place}/each"),
                _fields_that_may_change(compiler, one.may_change, place, kind),
                _where_the_order_is({**document.common, **one.fields}),
                {
                    name: columns_in(value)
                    for name, value in {**document.common, **one.fields}.items()
                },
            )
        )
    _names_fields(compiler, document.common, f"{pointer}/common")
    return DeliveryRule(
        document.topics,
        tuple(signals),
        compiler.value(document.common, f"{pointer}/common", SignalBody)
        if document.common
        else None,
        _levels(compiler, document.of, f"{pointer}/of"),
        _optional(compiler, document.when, f"{pointer}/when"),
        document.unused,
    )


def _where_the_order_is(fields: dict[str, Any]) -> str:
    """The expression that reads the order, where it is a single one."""
    order = fields.get("order")
    return order if isinstance(order, str) else ""


def _names_fields(compiler: Compiler, fields: dict[str, Any], pointer: str) -> None:
    """Fields of signals have names of their own, and leave the source out: a delivery could speak in the name of a system
    that is trusted more than its sender."""
    for name in fields:
        if name.startswith("$"):
            detail = "fields have names: write the helper as the value of one"
            compiler.fault(f"{pointer}/{escape_pointer_token(name)}", detail)
    if "source" in fields:
        detail = "the source of a signal is the one that sends it: leave it out"
        compiler.fault(f"{pointer}/source", detail)


def _fields_that_may_change(
    compiler: Compiler, names: tuple[str, ...], place: str, kind: Any
) -> tuple[str, ...]:
    known = sorted({*(fields_of(kind) or ())} - _IDENTITY)
    for n, name in enumerate(names):
        if kind is not None and name not in known:
            compiler.fault(f"{place}/may_change/{n}", not_one_of(name, known))
    return names


def _closest_kind(name: str) -> Any:
    """The type that was probably meant, so that its fields are checked too."""
    close = get_close_matches(name, _KINDS, n=1)
    return _KINDS[close[0]] if close else None


def _optional(compiler: Compiler, text: str | None, pointer: str) -> Expression | None:
    return None if text is None else compiler.expression(text, pointer)


def _levels(compiler: Compiler, texts: Levels | None, pointer: str) -> tuple[Expression, ...]:
    if texts is None or isinstance(texts, str):
        one = _optional(compiler, texts, pointer)
        return () if one is None else (one,)
    found = [compiler.expression(text, f"{pointer}/{n}") for n, text in enumerate(texts)]
    return tuple(one for one in found if one is not None)
