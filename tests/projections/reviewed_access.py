"""An access review that people opened, decided and completed, for the story of the reports."""

from datetime import datetime

from application.log.caller import system_caller
from application.log.event_log import EventLog
from application.log.streams import ACCESS_REVIEWS
from domain.access_reviews import (
    ACCESS_REVIEWS_STREAM,
    AccessReviewCompleted,
    AccessReviewDecided,
    AccessReviewOpened,
)
from domain.people import OPERATOR_ACTOR


def review_access(log: EventLog, at: datetime) -> None:
    by = system_caller(OPERATOR_ACTOR, at, "command:access-review")
    review = [
        AccessReviewOpened(review="r1", position=log.head(), grants=(), digest="ab" * 32),
        AccessReviewDecided(review="r1", decisions=()),
        AccessReviewCompleted(
            review="r1", position=log.head(), digest="ab" * 32, kept=0, revoked=0
        ),
    ]
    log.append([by.write(ACCESS_REVIEWS_STREAM, ACCESS_REVIEWS, 0, review)])
