"""Questions about people: which duties met in one of them, what went past the usual way, who might do
what, and what was done after somebody had left."""

from __future__ import annotations

from api.routes.questions.question import Asking, Question, Sources
from api.routes.questions.times import At, InPeriod
from application.audit.access import AccessReview, access
from application.audit.acts_after_leaving import AfterTheEnd, after_the_end
from application.audit.conflicts import Conflicts, conflicts
from application.audit.overrides import Overrides, overrides
from domain.permissions import Permission


class AboutDuties(InPeriod, frozen=True, kw_only=True):
    at: At = None


class AsOf(Asking, frozen=True, kw_only=True):
    at: At = None


def which_conflicts(sources: Sources, asked: AboutDuties) -> Conflicts:
    """Whose grants would allow two duties, as of a date; and of the period: who tried and was refused,
    whose names turned out to be one human's, and, found anew from every act, what nobody has told."""
    at = asked.at or sources.desks.clock()
    return conflicts(sources.reading, at, asked.period)


def which_overrides(sources: Sources, asked: InPeriod) -> Overrides:
    """Break-glass with what was done under it and how it was judged, edits of policy with authors and
    approvers, declared errors, and decisions of policy that people set aside."""
    return overrides(sources.reading, asked.period)


def who_might(sources: Sources, asked: AsOf) -> AccessReview:
    """Everybody with grants and who gave them, keys, logins, agents, delegates, and what each did last."""
    return access(sources.reading, asked.at or sources.desks.clock())


def what_after_the_end(sources: Sources, asked: InPeriod) -> AfterTheEnd:
    """Acts of somebody who had left, and by a key, login, agent or delegate that was no longer good, in
    the order of the log."""
    return after_the_end(sources.reading, asked.period)


PEOPLE = (
    Question(
        number=14,
        answer=which_conflicts,
        holds=lambda told: not told.untold,
        needs=Permission.READ_PEOPLE,
    ),
    Question(
        number=15,
        answer=which_overrides,
        routes=("GET /v1/break-glass", "GET /v1/policies"),
    ),
    Question(
        number=21,
        answer=who_might,
        needs=Permission.READ_PEOPLE,
        routes=("GET /v1/access-review", "GET /v1/audit/access-review"),
        commands=("casetrail audit access", "casetrail people review"),
    ),
    Question(
        number=22,
        answer=what_after_the_end,
        holds=lambda told: not told.acts,
        needs=Permission.READ_PEOPLE,
    ),
)
