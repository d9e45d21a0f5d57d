"""Questions about people: duty conflicts, overrides, access, and acts after leaving."""

from api.routes.questions.question import AnswerSources, Question, QuestionParameters
from api.routes.questions.times import AsOfTime, PeriodParameters
from application.audit.access import AccessReview, review_access
from application.audit.acts_after_leaving import ActsAfterLeaving, find_acts_after_leaving
from application.audit.conflicts import Conflicts, find_conflicts
from application.audit.overrides import Overrides, find_overrides
from domain.permissions import Permission


class DutiesParameters(PeriodParameters, frozen=True, kw_only=True):
    at: AsOfTime = None


class PeopleAsOfParameters(QuestionParameters, frozen=True, kw_only=True):
    at: AsOfTime = None


def which_conflicts(sources: AnswerSources, given: DutiesParameters) -> Conflicts:
    """Persons whose grants allow two duties, as of a date. For the period: refused attempts, names that
    were found to be one person's, and conflicts found from the acts that were not reported."""
    at = given.at or sources.desks.clock()
    return find_conflicts(sources.reading, at, given.period)


def which_overrides(sources: AnswerSources, given: PeriodParameters) -> Overrides:
    """Break-glasses with their acts and reviews, policy changes with authors and approvers, declared
    errors, and policy decisions that persons overrode."""
    return find_overrides(sources.reading, given.period)


def who_might(sources: AnswerSources, given: PeopleAsOfParameters) -> AccessReview:
    """Every person with grants and who gave them, keys, logins, agents, delegates, and the last act."""
    return review_access(sources.reading, given.at or sources.desks.clock())


def what_after_the_end(sources: AnswerSources, given: PeriodParameters) -> ActsAfterLeaving:
    """Acts of persons who had left, and acts with a key, login, agent or delegate that had ended, in the
    order of the log."""
    return find_acts_after_leaving(sources.reading, given.period)


PEOPLE_QUESTIONS = (
    Question(
        number=14,
        answer=which_conflicts,
        holds=lambda found: not found.untold and all(one.was_allowed for one in found.over_orders),
        needs=Permission.READ_PEOPLE,
    ),
    Question(number=15, answer=which_overrides, routes=("GET /v1/break-glass", "GET /v1/policies")),
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
        holds=lambda found: not found.acts,
        needs=Permission.READ_PEOPLE,
    ),
)
