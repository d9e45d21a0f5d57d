"""Questions about a case: what it rests on, how it stood, and what has changed since."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from api.routes.cases import CaseView, view_of
from api.routes.one_case import CaseDiff, diff_of, point_of
from api.routes.questions.decisions import Case
from api.routes.questions.question import Asking, Question, Sources
from application.audit.evidence import RestsOn, rests_on
from application.audit.facts_by_time import Facts, facts_by, signals_of
from application.cases.history import case_of, lines_until, until_both
from application.cases.trail import NotShown


class AboutCase(Asking, frozen=True, kw_only=True):
    case: Case


Point = Annotated[str, Meta(max_length=40)]


class Since(Asking, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    case: Case
    since: Annotated[Point, Meta(description="A version of the case, or an RFC 3339 time.")]
    until: Annotated[Point | None, Meta(description="The same; left out: as it stands.")] = None


class ByTwoClocks(Asking, frozen=True, kw_only=True):
    case: Case
    as_of: Annotated[
        datetime | None,
        Meta(description="By what had happened until then: an RFC 3339 time; left out: now."),
    ] = None
    known_at: Annotated[
        datetime | None,
        Meta(description="By what was recorded until then: an RFC 3339 time; left out: now."),
    ] = None


class PolicyNamed(Struct, frozen=True):
    version: str
    digest: str


class ChangedSince(Struct, frozen=True, kw_only=True):
    """All that differs in the case and its packet, the order's signals that were recorded meanwhile,
    and the policy that decided at either point."""

    diff: CaseDiff
    signals: Sequence[NotShown]
    policy_before: PolicyNamed | None
    policy_after: PolicyNamed | None


class Stood(Struct, frozen=True, kw_only=True):
    """The case by what was done by both times; and the facts behind it by both limits."""

    version: int
    of: int
    """How many versions it has by now."""
    case: CaseView
    order: Facts


def on_which_evidence(sources: Sources, asked: AboutCase) -> RestsOn:
    """Each file, signal and record that a line of the trail names: files are hashed anew, signals are
    looked for in the log, and of what lies elsewhere that is said."""
    lines = sources.desks.cases.trail(asked.case)
    return rests_on(lines, sources.order_trail(lines), sources.evidence.rehashed)


def what_changed(sources: Sources, asked: Since) -> ChangedSince:
    """Between two versions or times: in the case, in its packet, in what is known of its order, and in
    the policy."""
    lines = sources.desks.cases.trail(asked.case)
    before = lines_until(lines, point_of("from", asked.since))
    until = point_of("to", asked.until) if asked.until is not None else None
    after = lines_until(lines, until) if until is not None else lines
    began, ended = before[-1].recorded_at, after[-1].recorded_at
    if isinstance(until, datetime):
        ended = until
    elif until is None:
        ended = sources.desks.clock()
    told = signals_of(sources.order_trail(lines))
    return ChangedSince(
        diff=diff_of(before, after),
        signals=[one for one in told if began < one.recorded_at <= ended],
        policy_before=_policy(sources, began),
        policy_after=_policy(sources, ended),
    )


def how_it_stood(sources: Sources, asked: ByTwoClocks) -> Stood:
    """What is done to a case happens when it is recorded: the case is as it was at the earlier of the
    two times. What it is about has two: the facts that had happened by `as_of`, of what was recorded by
    `known_at`, and what came later by either."""
    lines = sources.desks.cases.trail(asked.case)
    then = case_of(until_both(lines, asked.as_of, asked.known_at))
    return Stood(
        version=then.version,
        of=len(lines),
        case=view_of(then),
        order=facts_by(
            sources.order_trail(lines), lines[0].order or "", asked.as_of, asked.known_at
        ),
    )


def _policy(sources: Sources, at: datetime) -> PolicyNamed | None:
    found = sources.desks.policy.refresh().in_force(at)
    return PolicyNamed(found.version, found.digest) if found is not None else None


CASES = (
    Question(
        number=7,
        answer=on_which_evidence,
        holds=lambda found: found.unchanged,
        routes=("GET /v1/evidence/{digest}",),
    ),
    Question(
        number=8,
        answer=what_changed,
        routes=("GET /v1/cases/{case_id}/diff",),
        commands=("casetrail case diff",),
    ),
    Question(
        number=9,
        answer=how_it_stood,
        routes=("GET /v1/cases/{case_id}", "GET /v1/cases/{case_id}/packet"),
        commands=("casetrail case show",),
    ),
)
