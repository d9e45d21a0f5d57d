"""The times that questions are about: a period, or a moment."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from api.http.times import must_be_in_order
from api.routes.questions.question import Asking
from application.policy.reperformance import Period

From = Annotated[datetime | None, Meta(description="Recorded then or later: an RFC 3339 time.")]
To = Annotated[datetime | None, Meta(description="Recorded before: an RFC 3339 time.")]
At = Annotated[
    datetime | None,
    Meta(description="As it was recorded until then: an RFC 3339 time; left out: now."),
]


class InPeriod(Asking, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    since: From = None
    until: To = None

    def must_be_sound(self) -> None:
        super().must_be_sound()
        must_be_in_order(self.since, self.until)

    @property
    def period(self) -> Period:
        return Period(self.since, self.until)
