"""Bundles by API and by command: what is asked for, and the files that answer it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, get_args
from uuid import UUID

import psycopg
from msgspec import Meta, Struct

from api.http.errors import LogNotAsSigned, MalformedParameter, NothingRecorded
from api.http.times import must_be_in_order
from api.routes.questions.question import Asking, Sources
from api.routes.questions.times import From, To
from domain.errors import NotWitnessedYet
from domain.recorded import Event
from infrastructure.postgres.datastore import connect
from infrastructure.transparency.checkpoints import LogNotAsWitnessed
from infrastructure.transparency.export import Export, LogAltered, NothingToExport
from infrastructure.transparency.nodes import PositionsMissing
from infrastructure.transparency.signing_keys import KeyUnusable
from infrastructure.verifier.bundle import verify
from infrastructure.verifier.population import AMOUNT

MOST_LISTED = 10_000
_ONE = threading.Lock()
"""One bundle is made at a time: each reads all of the log."""

Text = Annotated[str, Meta(max_length=100)]
TYPES = frozenset(str(kind.__struct_config__.tag) for kind in get_args(Event))
Size = Annotated[int, Meta(ge=1, le=2**62)]


class OfPopulation(Asking, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    type: Annotated[Text, Meta(description="Of which events: adjustment.executed, case.breached.")]
    kind: Annotated[
        Text | None,
        Meta(description="Of which kind: refund. An adjustment's is its proposal's."),
    ] = None
    over: Annotated[Text | None, Meta(description="Of more than this amount.")] = None
    currency: Annotated[Text | None, Meta(description="In this currency.")] = None
    since: From = None
    until: To = None

    def must_be_sound(self) -> None:
        super().must_be_sound()
        must_be_in_order(self.since, self.until)
        must_be_known(self.type)
        if self.over is not None and re.fullmatch(AMOUNT, self.over) is None:
            raise MalformedParameter(f"over={self.over} is no amount such as 500 or 99.90")


class FromCheckpoint(OfPopulation, frozen=True, kw_only=True):
    after: Annotated[
        int,
        Meta(ge=0, le=2**62, description="Of the events after the checkpoint of this size [0]."),
    ] = 0


class OfExport(Asking, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    case: Annotated[
        UUID | None, Meta(description="One case's trail; else a period, or everything.")
    ] = None
    since: From = None
    until: To = None

    def must_be_sound(self) -> None:
        super().must_be_sound()
        must_be_in_order(self.since, self.until)


class PopulationProven(Struct, frozen=True, kw_only=True):
    """`verified` says that a bundle of all events was made and verified; `size` and `root` are of the
    checkpoint that signed them."""

    verified: bool
    size: int
    root: str | None
    events: int
    """How many events were looked at: all that there are."""
    count: int
    sums: Mapping[str, str]
    positions: Sequence[int]
    """Where they stand in the log; of very many, the first ten thousand."""


class Made(Struct, frozen=True):
    """A bundle that lies in a directory."""

    directory: Path
    events: int
    digest: str
    """SHA-256 of its manifest."""
    listed: Sequence[int]


def question_of(asked: OfPopulation) -> dict[str, str]:
    """As it stands in a manifest."""
    told = {
        "type": tag(asked.type),
        "kind": asked.kind,
        "over": asked.over,
        "currency": asked.currency,
        "from": in_utc(asked.since),
        "to": in_utc(asked.until),
    }
    return {name: said for name, said in told.items() if said is not None}


def tag(told: str) -> str:
    """As it is stored: adjustments are part of their case."""
    noun, _, act = told.partition(".")
    return f"case.adjustment_{act}" if noun == "adjustment" else told


def must_be_known(told: str) -> None:
    """A list of what is misspelt would be complete, and empty. Raises MalformedParameter."""
    if tag(told) in TYPES:
        return
    spoken = {one.replace("case.adjustment_", "adjustment."): one for one in TYPES}
    near = get_close_matches(told, [*spoken], n=3, cutoff=0.5)
    alike = f"; near it are {', '.join(near)}" if near else ""
    raise MalformedParameter(f"type={told} is no type of event (docs/events.md){alike}")


def export(asked: OfExport) -> Callable[[Export], int]:
    """Raises MalformedParameter."""
    start, end = in_utc(asked.since), in_utc(asked.until)
    if (start is None) is not (end is None) or (asked.case is not None and start is not None):
        raise MalformedParameter("say case, or from and to, or none of them for everything")
    case = asked.case
    if case is not None:
        return lambda bundle: bundle.case(case)
    if start is not None and end is not None:
        return lambda bundle: bundle.period(start, end)
    return lambda bundle: bundle.everything()


def population(asked: FromCheckpoint) -> Callable[[Export], int]:
    return lambda bundle: bundle.population(question_of(asked), asked.after)


@contextmanager
def made(sources: Sources, write: Callable[[Export], int]) -> Iterator[Made]:
    """The bundle, for as long as this lasts. Raises NothingRecorded, LogNotAsSigned, NotWitnessedYet."""
    if sources.checkpoints is None:
        raise NotWitnessedYet("this process does not know the key that signs")
    with TemporaryDirectory(prefix="casetrail-bundle-") as place:
        directory = Path(place) / "bundle"
        with _ONE, connected(sources) as connection:
            try:
                sources.checkpoints.compare(connection)
                bundle = Export(connection, sources.checkpoints.signer, directory)
                events = write(bundle)
            except KeyUnusable as error:
                raise NotWitnessedYet(f"this process cannot sign: {error}") from None
            except NothingToExport as error:
                raise NothingRecorded(str(error)) from None
            except (LogAltered, LogNotAsWitnessed, PositionsMissing) as error:
                raise LogNotAsSigned(str(error)) from None
        yield Made(directory, events, bundle.manifest_digest, bundle.listed)


def prove(sources: Sources, asked: OfPopulation) -> PopulationProven:
    with made(sources, lambda bundle: bundle.population(question_of(asked))) as bundle:
        found = verify(bundle.directory)
    answer = found.answer or {"count": 0, "sums": {}}
    return PopulationProven(
        verified=found.verified,
        size=found.size or 0,
        root=found.root,
        events=found.events,
        count=answer["count"],
        sums=answer["sums"],
        positions=bundle.listed[:MOST_LISTED],
    )


@contextmanager
def connected(sources: Sources) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection of its own, for what takes long."""
    with connect(sources.desks.datastore.dsn) as connection:
        connection.execute("SET idle_in_transaction_session_timeout = '60s'")
        yield connection


def in_utc(moment: datetime | None) -> str | None:
    return as_in_envelopes(moment) if moment is not None else None


def as_in_envelopes(moment: datetime) -> str:
    """Also of a year before 1000, which has four digits as every other."""
    told = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    return f"{told}Z"
