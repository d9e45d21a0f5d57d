"""Questions about the log as a whole: what it was asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from api.routes.questions.question import Asking, Question, Sources
from application.audit.asked import AskedBefore, asked_before

From = Annotated[datetime | None, Meta(description="Recorded then or later: an RFC 3339 time.")]
To = Annotated[datetime | None, Meta(description="Recorded before: an RFC 3339 time.")]


class InPeriod(Asking, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    since: From = None
    until: To = None


class WhoAsked(Struct, frozen=True):
    """Every answer of the auditor's that was given out, oldest first."""

    asked: Sequence[AskedBefore]


def who_asked(sources: Sources, asked: InPeriod) -> WhoAsked:
    """Every export, population, sample, re-performance and question that was answered, by whom, with
    which parameters, how far the log reached, and the digest of what was answered."""
    return WhoAsked(asked_before(sources.desks.log, asked.since, asked.until))


THE_LOG = (
    Question(number=24, name="who_asked", asking=InPeriod, gives=WhoAsked, answer=who_asked),
)
