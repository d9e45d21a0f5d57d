"""Reads the files of a source that was added: each part is kept like a delivery."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from collections.abc import Mapping as Dict
from itertools import islice
from pathlib import Path
from typing import Final

import click
import msgspec
from msgspec import Struct, field, structs

from api.commands.missing_columns import MissingColumns
from api.composition import Desks, migrated_desks
from application.orders.receipts import SignalOutcome
from application.sources.delivery_desk import DeliveryResult
from application.sources.ports import FilePlace, RawDelivery
from domain.people import OPERATOR_ACTOR
from infrastructure.mappings.documents import parse_mapping
from infrastructure.mappings.files import read_parts
from infrastructure.mappings.mapping import Delivery, Mapping
from infrastructure.mappings.parts import FileUnreadable, Part
from infrastructure.settings import Settings

PARTS_AT_ONCE: Final = 200
_JSON: Final = "application/json"
_PLAIN: Final = "text/plain; charset=utf-8"
"""Of a part that its format does not allow: it is kept as it stands there."""


class Beside(Struct, frozen=True):
    """What goes with the files of a source: their format where their names do not tell it, headers and query."""

    form: str | None = None
    headers: Dict[str, str] = {}
    query: Dict[str, str] = {}
    rows_by: Sequence[str] = ()


def mapping_of(working: Desks, source: str) -> Mapping:
    """Raises SourceNotFound."""
    return parse_mapping(working.sources.find(source).mapping.document)


class FilePart(Struct, frozen=True):
    """A part of a file with its place in words; `ends` if the file could not be read from there on."""

    place: str
    raw: RawDelivery
    ends: bool = False

    @property
    def words(self) -> str:
        """Its place without the folder, such as `stock.csv:3`."""
        return self.raw.place.in_words if self.raw.place is not None else self.place


def unexplained_texts(
    part: FilePart, result: DeliveryResult, mapping: Mapping, missing: MissingColumns
) -> list[str]:
    """Why a part, or something of it, became no signal, without what comes from columns that its file lacks."""
    explained: Collection[str] = ()
    place = part.raw.place
    if result.reasons and place is not None and place.line is not None and not place.fault:
        row = msgspec.json.decode(part.raw.body)
        delivery = Delivery(body=row, headers=part.raw.headers, query=part.raw.query)
        explained = missing.explains(part.place, row, mapping.read(delivery, {"source": "file"}))
    return [text for pointer, text in reason_texts(result) if pointer not in explained]


class Totals(Struct):
    """What became of the deliveries in files, and of the signals of those that were new."""

    deliveries: int = 0
    known: int = 0
    """Taken before: nothing was done now."""
    not_understood: int = 0
    """In whole or in part, also of those that were known."""
    outcomes: Counter[str] = field(
        default_factory=lambda: Counter({str(outcome): 0 for outcome in SignalOutcome})
    )

    def add(self, result: DeliveryResult) -> None:
        self.deliveries += 1
        self.known += result.is_known
        self.not_understood += bool(result.reasons)
        self.outcomes.update(str(one.outcome) for one in result.receipts)

    @property
    def figures(self) -> dict[str, int]:
        return {
            "deliveries": self.deliveries,
            "new": self.deliveries - self.known,
            "known": self.known,
            "not_understood": self.not_understood,
            "signals": self.outcomes.total(),
            **self.outcomes,
        }

    @property
    def in_words(self) -> str:
        outcomes = ", ".join(f"{count} {word}" for word, count in sorted(self.outcomes.items()))
        return (
            f"{counted(self.deliveries, 'delivery', 'deliveries')}: {self.deliveries - self.known} new, "
            f"{self.known} known; {self.not_understood} of them not understood\n"
            f"{counted(self.outcomes.total(), 'signal', 'signals')} of the new ones: {outcomes}"
        )


def counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def read_source_files(
    settings: Settings, source: str, files: Sequence[Path], beside: Beside, as_json: bool
) -> None:
    """Read files as the source says, and print what became of them. Raises SystemExit if a part was not
    understood."""
    totals = Totals()
    problems: list[tuple[str, str]] = []
    with migrated_desks(settings) as working:
        working.ensure_policy()
        mapping, missing = mapping_of(working, source), MissingColumns()
        read_by = structs.replace(beside, rows_by=mapping.rows_by)
        parts = (part for file in files for part in file_parts(file, read_by))
        for part, result in take_parts(working, source, parts):
            totals.add(result)
            texts = unexplained_texts(part, result, mapping, missing)
            problems += [(part.place, text) for text in texts]
    problems += missing.lines()
    for place, detail in problems:
        click.echo(f"{place}: {detail}", err=True)
    if as_json:
        listed = [{"place": place, "detail": detail} for place, detail in problems]
        click.echo(msgspec.json.encode({**totals.figures, "problems": listed}))
    else:
        click.echo(totals.in_words)
    if problems:
        raise SystemExit(1)


def take_parts(
    working: Desks, source: str, parts: Iterator[FilePart]
) -> Iterator[tuple[FilePart, DeliveryResult]]:
    """Record parts of files, some at a time, and say what became of each. Raises SourceNotFound and what keeps a
    delivery from being taken."""
    while batch := list(islice(parts, PARTS_AT_ONCE)):
        raws = [part.raw for part in batch]
        results = working.deliveries.take_parts(source, raws, OPERATOR_ACTOR, working.clock())
        yield from zip(batch, results, strict=True)


def file_parts(file: Path, beside: Beside, content: bytes | None = None) -> Iterator[FilePart]:
    """The parts of a file as JSON. A row that is not what its format says is a part as well, with its fault; so is
    the rest of a file that cannot be read from some line on, or at all."""
    name = printable(file.name)
    try:
        for part in read_parts(file, beside.form, content, beside.rows_by):
            yield FilePart(printable(part.place), _raw_part(part, name, beside))
    except FileUnreadable as error:
        yield unreadable_part(error, file, beside, content)


def unreadable_part(
    error: FileUnreadable, file: Path, beside: Beside, content: bytes | None = None
) -> FilePart:
    """A file, or the rest of one, that cannot be read. Only the reason is kept."""
    place = FilePlace(
        printable(file.name), error.line, error.detail, _content_id(file, content, error)
    )
    raw = RawDelivery(b"", {"content-type": _PLAIN, **beside.headers}, beside.query, place)
    return FilePart(printable(error.place), raw, ends=True)


def reason_texts(result: DeliveryResult) -> list[tuple[str, str]]:
    """Why a part, or something of it, became no signal: the pointer of the field, and the reason with it."""
    return [(one.pointer or "", f"{one.pointer or '/'}: {one.detail}") for one in result.reasons]


def printable(name: str) -> str:
    """A file's name for a terminal and for the log: bytes that are no text, and control characters, are replaced."""
    text = name.encode(errors="surrogateescape").decode(errors="replace")
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def _raw_part(part: Part, name: str, beside: Beside) -> RawDelivery:
    body = part.text.encode() if part.fault else msgspec.json.encode(part.body)
    media_type = _PLAIN if part.fault else _JSON
    place = FilePlace(name, part.line, part.fault)
    return RawDelivery(body, {"content-type": media_type, **beside.headers}, beside.query, place)


def _content_id(file: Path, content: bytes | None, error: FileUnreadable) -> str:
    """Names a file by what is wrong with it and by its content, as far as that can be read: the same file is kept
    once, and listed again once it is another one."""
    digest = hashlib.sha256(f"{file.name}\n{error.detail}\n".encode(errors="surrogateescape"))
    try:
        if content is not None:
            digest.update(content)
        elif file.is_file():
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
    except OSError:
        pass  # it is named by what is wrong with it
    return f"file:{digest.hexdigest()}"
