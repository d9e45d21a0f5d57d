"""Time parameters of questions: a period, or a point in time."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from api.http.times import require_ordered_period
from api.routes.questions.question import QuestionParameters
from application.policy.reperformance import Period

PeriodStart = Annotated[
    datetime | None, Meta(description="Recorded at that time or later: an RFC 3339 time.")
]
PeriodEnd = Annotated[
    datetime | None, Meta(description="Recorded before that time: an RFC 3339 time.")
]
AsOfTime = Annotated[
    datetime | None, Meta(description="As recorded by then: an RFC 3339 time [now].")
]


class PeriodParameters(
    QuestionParameters, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}
):
    since: PeriodStart = None
    until: PeriodEnd = None

    def require_valid(self) -> None:
        super().require_valid()
        require_ordered_period(self.since, self.until)

    @property
    def period(self) -> Period:
        return Period(self.since, self.until)
