"""Bundles (exports with proofs): their parameters, and making them for the API and the CLI."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, get_args
from uuid import UUID

import psycopg
from msgspec import Meta, Struct

from api.http.errors import LogNotAsSigned, MalformedParameter, NothingRecorded
from api.http.times import require_ordered_period
from api.routes.questions.question import AnswerSources, QuestionParameters
from api.routes.questions.times import PeriodEnd, PeriodStart
from domain.errors import NotWitnessedYet
from domain.moments import in_utc
from domain.recorded_event import Event
from infrastructure.postgres.datastore import connect
from infrastructure.transparency.checkpoints import LogNotAsWitnessed
from infrastructure.transparency.export import Export, LogAltered, NothingToExport
from infrastructure.transparency.nodes import PositionsMissing
from infrastructure.transparency.signing_keys import KeyUnusable
from infrastructure.verifier.bundle import verify
from infrastructure.verifier.population import AMOUNT_PATTERN

MOST_LISTED = 10_000
_BUNDLE_LOCK = threading.Lock()
"""One bundle is made at a time: each reads the whole log."""

ShortText = Annotated[str, Meta(max_length=100)]
EVENT_TYPES = frozenset(str(kind.__struct_config__.tag) for kind in get_args(Event))
LogSize = Annotated[int, Meta(ge=1, le=2**62)]


class PopulationParameters(
    QuestionParameters, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}
):
    type: Annotated[
        ShortText, Meta(description="The type of event, e.g. adjustment.executed or case.breached.")
    ]
    kind: Annotated[
        ShortText | None,
        Meta(description="The kind, e.g. refund. For an adjustment: that of its proposal."),
    ] = None
    over: Annotated[ShortText | None, Meta(description="Amounts above this one.")] = None
    currency: Annotated[ShortText | None, Meta(description="Amounts in this currency.")] = None
    since: PeriodStart = None
    until: PeriodEnd = None

    def require_valid(self) -> None:
        super().require_valid()
        require_ordered_period(self.since, self.until)
        require_known_type(self.type)
        if self.over is not None and re.fullmatch(AMOUNT_PATTERN, self.over) is None:
            raise MalformedParameter(f"over={self.over} is not an amount such as 500 or 99.90")


class PopulationExportParameters(PopulationParameters, frozen=True, kw_only=True):
    after: Annotated[
        int, Meta(ge=0, le=2**62, description="Only events after the checkpoint of this size [0].")
    ] = 0


class ExportParameters(
    QuestionParameters, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}
):
    case: Annotated[
        UUID | None,
        Meta(description="The trail of one case; or send a period, or neither for everything."),
    ] = None
    since: PeriodStart = None
    until: PeriodEnd = None

    def require_valid(self) -> None:
        super().require_valid()
        require_ordered_period(self.since, self.until)


class ProvenPopulation(Struct, frozen=True, kw_only=True):
    """A population with its proof. `verified`: a bundle of all events was made and verified. `size` and
    `root`: those of its checkpoint."""

    verified: bool
    size: int
    root: str | None
    events: int
    """The number of events examined: all events of the log."""
    count: int
    sums: Mapping[str, str]
    positions: Sequence[int]
    """Their log positions, at most the first ten thousand."""


class MadeBundle(Struct, frozen=True):
    """A bundle in a directory."""

    directory: Path
    events: int
    digest: str
    """SHA-256 of its manifest."""
    listed: Sequence[int]


def manifest_question(given: PopulationParameters) -> dict[str, str]:
    """The question as the manifest contains it."""
    fields = {
        "type": stored_event_type(given.type),
        "kind": given.kind,
        "over": given.over,
        "currency": given.currency,
        "from": optional_envelope_time(given.since),
        "to": optional_envelope_time(given.until),
    }
    return {name: value for name, value in fields.items() if value is not None}


def stored_event_type(name: str) -> str:
    """The stored type: `adjustment.executed` is stored as `case.adjustment_executed`."""
    noun, _, act = name.partition(".")
    return f"case.adjustment_{act}" if noun == "adjustment" else name


def require_known_type(name: str) -> None:
    """Raises MalformedParameter: for a misspelt type, the list would be complete and empty."""
    if stored_event_type(name) in EVENT_TYPES:
        return
    known = [kind.replace("case.adjustment_", "adjustment.") for kind in EVENT_TYPES]
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    raise MalformedParameter(f"type={name} is not an event type (docs/events.md){hint}")


def export_writer(given: ExportParameters) -> Callable[[Export], int]:
    """Raises MalformedParameter."""
    start, end = optional_envelope_time(given.since), optional_envelope_time(given.until)
    if (start is None) is not (end is None) or (given.case is not None and start is not None):
        raise MalformedParameter("send case, or from and to, or none of them for everything")
    case = given.case
    if case is not None:
        return lambda bundle: bundle.case(case)
    if start is not None and end is not None:
        return lambda bundle: bundle.period(start, end)
    return lambda bundle: bundle.everything()


def population_writer(given: PopulationExportParameters) -> Callable[[Export], int]:
    return lambda bundle: bundle.population(manifest_question(given), given.after)


@contextmanager
def make_bundle(sources: AnswerSources, write: Callable[[Export], int]) -> Iterator[MadeBundle]:
    """A bundle that exists within the context. Raises NothingRecorded, LogNotAsSigned, NotWitnessedYet."""
    if sources.checkpoints is None:
        raise NotWitnessedYet("this process has no signing key")
    with TemporaryDirectory(prefix="casetrail-bundle-") as place:
        directory = Path(place) / "bundle"
        with _BUNDLE_LOCK, open_connection(sources) as connection:
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
        yield MadeBundle(directory, events, bundle.manifest_digest, bundle.listed)


def prove_population(sources: AnswerSources, given: PopulationParameters) -> ProvenPopulation:
    with make_bundle(sources, lambda bundle: bundle.population(manifest_question(given))) as bundle:
        found = verify(bundle.directory)
    answer = found.answer or {"count": 0, "sums": {}}
    return ProvenPopulation(
        verified=found.verified,
        size=found.size or 0,
        root=found.root,
        events=found.events,
        count=answer["count"],
        sums=answer["sums"],
        positions=bundle.listed[:MOST_LISTED],
    )


@contextmanager
def open_connection(sources: AnswerSources) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A separate connection, for long reads."""
    with connect(sources.desks.datastore.dsn) as connection:
        connection.execute("SET idle_in_transaction_session_timeout = '60s'")
        yield connection


def optional_envelope_time(moment: datetime | None) -> str | None:
    return envelope_time(moment) if moment is not None else None


def envelope_time(moment: datetime) -> str:
    """The time as envelopes contain it; years before 1000 have four digits too."""
    text = in_utc(moment).replace(tzinfo=None).isoformat(timespec="microseconds")
    return f"{text}Z"
