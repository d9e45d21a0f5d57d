"""Pulls of a source: what each found, and how far the source is known to be complete. One stream for each source."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct

from domain.sources.pull_settings import PullSettings

_NAMESPACE: Final = uuid5(NAMESPACE_URL, "casetrail:source-pulls")
OVERLAP: Final = timedelta(minutes=10)
"""A pull begins so much before the end of the last one: systems list some things late."""
LONGEST_BACKOFF: Final = timedelta(hours=6)
MOST_EXAMPLES: Final = 10


class PullEnd(StrEnum):
    """Why a pull ended."""

    COMPLETE = "complete"
    """All pages were read."""
    STOPPED = "stopped"
    """Somebody stopped it, or its worker ended; or the source was paused or set up otherwise meanwhile."""
    REFUSED = "refused"
    """The system refused the request: a wrong secret, a missing permission, an unknown path."""
    RATE_LIMITED = "rate_limited"
    """The system asked to wait for longer than a pull waits."""
    UNREACHABLE = "unreachable"
    """The system did not answer, or only with errors of its own."""
    UNREADABLE = "unreadable"
    """An answer was not what the document says."""
    ENDLESS = "endless"
    """The pages did not end: one came again, or there were too many."""
    NOT_ALLOWED = "not_allowed"
    """The address, or one that the system named, is not one that we send to."""

    @property
    def is_failure(self) -> bool:
        return self not in (PullEnd.COMPLETE, PullEnd.STOPPED)


class SourcePulled(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="source.pulled"):
    """The lists of a source were read from `since` until `until`, both by the clock of the source."""

    source: str
    since: datetime
    until: datetime
    started_at: datetime
    ended: PullEnd = PullEnd.COMPLETE
    detail: str = ""
    """What went wrong and what to do."""
    pages: int = 0
    """Answers of the system."""
    listed: int = 0
    """Items of the time, each counted once."""
    known: int = 0
    """Items that state nothing new."""
    recorded: int = 0
    """Signals that were recorded or held."""
    not_understood: int = 0
    """Items that were kept with a reason."""
    otherwise: int = 0
    """Signals that were recorded before with other content; the recorded ones count."""
    erased: int = 0
    """Items that were not taken: they speak of an order or a customer that was erased since they were changed last."""
    compared: int | None = None
    """Items that a webhook should have brought, each compared once; None where no webhook is expected."""
    missing: int | None = None
    """Those of them that it had not."""
    examples: tuple[str, ...] = ()
    """Some of them, by the ids of the list."""
    document: str = ""
    """The digest of the pull document."""
    complete_until: datetime | None = None
    """Nothing before this is missing, by all pulls so far."""
    failures: int = 0
    """How many pulls have failed one after another, with this one."""
    not_before: datetime | None = None
    """The system asked not to be asked again before."""


class SourcePulls(Struct, frozen=True, kw_only=True):
    """What the pulls of a source have come to: each event tells all that the next one needs."""

    version: int = 0
    last: SourcePulled | None = None
    last_at: datetime | None = None

    @property
    def complete_until(self) -> datetime | None:
        """Nothing before this is missing."""
        return self.last.complete_until if self.last is not None else None

    @property
    def failures(self) -> int:
        return self.last.failures if self.last is not None else 0

    def next_since(self, settings: PullSettings) -> datetime:
        """Where the next pull begins."""
        return (self.complete_until or settings.begun_at) - OVERLAP

    def complete_after(
        self, settings: PullSettings, since: datetime, until: datetime
    ) -> datetime | None:
        """How far nothing is missing after a complete pull: one that begins later than the last one ended leaves a
        gap, and changes nothing."""
        known = self.complete_until
        if since > (known or settings.begun_at):
            return known
        return until if known is None else max(known, until)

    def next_due(self, settings: PullSettings) -> datetime | None:
        """When the worker pulls next; None if only a command does. After failures it waits longer."""
        if settings.every_minutes is None:
            return None
        if self.last is None or self.last_at is None:
            return settings.begun_at
        every = timedelta(minutes=settings.every_minutes)
        pause = min(every * 2 ** min(self.failures, 20), max(every, LONGEST_BACKOFF))
        due = self.last_at + (timedelta() if self.last.ended is PullEnd.STOPPED else pause)
        return max(due, self.last.not_before or due)


def pulls_stream(source: str) -> UUID:
    return uuid5(_NAMESPACE, source)
