"""Questions about a case: what it rests on, how it stood, and what has changed since."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import psycopg
from msgspec import Meta, Struct
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.routes.case import CaseDiff, case_diff_of, parse_point
from api.routes.cases import CaseView, view_of
from api.routes.questions.bundles import open_connection
from api.routes.questions.decisions import CaseId
from api.routes.questions.question import AnswerSources, Question, QuestionParameters
from application.audit.evidence import EvidenceReport, check_evidence
from application.audit.facts_by_time import FactsAtTimes, find_facts_at, list_signal_times
from application.cases.history import case_of, lines_until, lines_until_both
from application.cases.trail import UnshownSignal
from infrastructure.evidence_store import EvidenceStore
from infrastructure.transparency.checkpoints import find_first_altered


class CaseParameters(QuestionParameters, frozen=True, kw_only=True):
    case: CaseId


VersionOrTime = Annotated[str, Meta(max_length=40)]


class ChangesParameters(
    QuestionParameters, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}
):
    case: CaseId
    since: Annotated[VersionOrTime, Meta(description="A version of the case, or an RFC 3339 time.")]
    until: Annotated[
        VersionOrTime | None, Meta(description="The same; left out: as it stands.")
    ] = None


class AsOfParameters(QuestionParameters, frozen=True, kw_only=True):
    case: CaseId
    as_of: Annotated[
        datetime | None,
        Meta(description="By what had happened until then: an RFC 3339 time; left out: now."),
    ] = None
    known_at: Annotated[
        datetime | None,
        Meta(description="By what was recorded until then: an RFC 3339 time; left out: now."),
    ] = None


class PolicyIdentity(Struct, frozen=True):
    version: str
    digest: str


class CaseChanges(Struct, frozen=True, kw_only=True):
    """All that differs in the case and its packet, the order's signals that were recorded meanwhile,
    and the policy that decided at either point."""

    diff: CaseDiff
    signals: Sequence[UnshownSignal]
    policy_before: PolicyIdentity | None
    policy_after: PolicyIdentity | None


class CaseStateView(Struct, frozen=True, kw_only=True):
    """The case by what was done by both times; and the facts behind it by both limits."""

    version: int
    of: int
    """How many versions it has by now."""
    case: CaseView
    order: FactsAtTimes


def on_which_evidence(sources: AnswerSources, asked: CaseParameters) -> EvidenceReport:
    """Each file, signal and record that a line of the trail names. Files and signals are read and hashed
    now, and compared with their digest. Records of other systems cannot be checked: the answer says so."""
    lines = sources.desks.cases.trail(asked.case)
    with open_connection(sources) as connection:
        stored = _Stored(sources.evidence, connection)
        return check_evidence(lines, sources.order_trail(lines), stored)


class _Stored:
    """The evidence store, and the envelopes of the log."""

    def __init__(
        self, evidence: EvidenceStore, connection: psycopg.Connection[tuple[object, ...]]
    ) -> None:
        self.current_digest = evidence.current_digest
        self.is_erased = evidence.is_erased
        self._connection = connection

    def is_as_recorded(self, position: int) -> bool:
        return find_first_altered(self._connection, position - 1, position) is None


def _print_evidence(console: Console, found: EvidenceReport) -> None:
    console.print(found.says)
    table = Table("evidence", "type", "is it unchanged?", "kept in", "cited by")
    for one in found.pieces:
        name = f"{one.title}\n{one.ref}" if one.title else one.ref
        cited = ", ".join(map(str, one.cited_by))
        table.add_row(escape(name), one.type or "", escape(one.says), escape(one.where), cited)
    if found.pieces:
        console.print(table)


def what_changed(sources: AnswerSources, asked: ChangesParameters) -> CaseChanges:
    """Between two versions or times: in the case, in its packet, in what is known of its order, and in
    the policy."""
    lines = sources.desks.cases.trail(asked.case)
    before = lines_until(lines, parse_point("from", asked.since))
    until = parse_point("to", asked.until) if asked.until is not None else None
    after = lines_until(lines, until) if until is not None else lines
    began, ended = before[-1].recorded_at, after[-1].recorded_at
    if isinstance(until, datetime):
        ended = until
    elif until is None:
        ended = sources.desks.clock()
    told = list_signal_times(sources.order_trail(lines))
    return CaseChanges(
        diff=case_diff_of(before, after),
        signals=[one for one in told if began < one.recorded_at <= ended],
        policy_before=_policy_at(sources, began),
        policy_after=_policy_at(sources, ended),
    )


def how_it_stood(sources: AnswerSources, asked: AsOfParameters) -> CaseStateView:
    """What is done to a case happens when it is recorded: the case is as it was at the earlier of the
    two times. What it is about has two: the facts that had happened by `as_of`, of what was recorded by
    `known_at`, and what came later by either."""
    lines = sources.desks.cases.trail(asked.case)
    then = case_of(lines_until_both(lines, asked.as_of, asked.known_at))
    return CaseStateView(
        version=then.version,
        of=len(lines),
        case=view_of(then),
        order=find_facts_at(
            sources.order_trail(lines), lines[0].order or "", asked.as_of, asked.known_at
        ),
    )


def _policy_at(sources: AnswerSources, at: datetime) -> PolicyIdentity | None:
    found = sources.desks.policy.refresh().in_force(at)
    return PolicyIdentity(found.version, found.digest) if found is not None else None


CASE_QUESTIONS = (
    Question(
        number=7,
        answer=on_which_evidence,
        tell=_print_evidence,
        holds=lambda found: found.unchanged is not False,
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
