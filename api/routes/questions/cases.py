"""Questions about a case: its evidence, its changes, and its state at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import psycopg
from msgspec import Meta, Struct

from api.routes.case import CaseDiff, case_diff_of, parse_point
from api.routes.cases import CaseView, view_of
from api.routes.questions.bundles import open_connection
from api.routes.questions.decisions import CaseId
from api.routes.questions.question import AnswerSources, Question, QuestionParameters
from application.audit.evidence import EvidenceReport, check_evidence
from application.audit.facts_by_time import FactsAtTimes, find_facts_at, list_signal_times
from application.cases.history import case_of, lines_until, lines_until_both
from application.cases.trail import UnshownSignal
from application.log.recorder import leaf_digest
from domain.orders.held_signals import held_stream
from infrastructure.evidence_store import EvidenceStore
from infrastructure.personal.recorded_erasures import is_erasure_recorded
from infrastructure.transparency.nodes import read_envelopes


class CaseParameters(QuestionParameters, frozen=True, kw_only=True):
    case: CaseId


VersionOrTime = Annotated[str, Meta(max_length=40)]


class ChangesParameters(
    QuestionParameters, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}
):
    case: CaseId
    since: Annotated[VersionOrTime, Meta(description="A version of the case, or an RFC 3339 time.")]
    until: Annotated[VersionOrTime | None, Meta(description="A version or a time [now].")] = None


class AsOfParameters(QuestionParameters, frozen=True, kw_only=True):
    case: CaseId
    as_of: Annotated[
        datetime | None, Meta(description="What had happened by then: an RFC 3339 time [now].")
    ] = None
    known_at: Annotated[
        datetime | None, Meta(description="What was recorded by then: an RFC 3339 time [now].")
    ] = None


class PolicyIdentity(Struct, frozen=True):
    version: str
    digest: str


class CaseChanges(Struct, frozen=True, kw_only=True):
    """The differences of the case and its packet, the order's signals recorded in between, and the active
    policy at both points."""

    diff: CaseDiff
    signals: Sequence[UnshownSignal]
    policy_before: PolicyIdentity | None
    policy_after: PolicyIdentity | None


class CaseStateView(Struct, frozen=True, kw_only=True):
    """The case at the earlier of both times, and the facts about its order by both limits."""

    version: int
    of: int
    """The number of versions now."""
    case: CaseView
    order: FactsAtTimes


def on_which_evidence(sources: AnswerSources, given: CaseParameters) -> EvidenceReport:
    """Each file, signal and record that the trail cites. Files and signals are read and hashed now, and
    compared with their digest. Records of other systems cannot be checked; the answer says so."""
    lines = sources.desks.cases.trail(given.case)
    # A case about a signal without an order cites the held signal.
    signals = sources.order_trail(lines) or sources.desks.log.trail(
        held_stream(lines[0].order or "")
    )
    with open_connection(sources) as connection:
        stored = Stored(sources.evidence, connection)
        return check_evidence(lines, signals, stored)


class Stored:
    """Reads evidence from the evidence store and from the log."""

    def __init__(
        self, evidence: EvidenceStore, connection: psycopg.Connection[tuple[object, ...]]
    ) -> None:
        self.current_digest = evidence.current_digest
        self._connection = connection

    def is_erased(self, ref: str) -> bool:
        return is_erasure_recorded(self._connection, ref)

    def is_as_recorded(self, position: int) -> bool | None:
        rows = [*read_envelopes(self._connection, position, position)]
        return all(leaf_digest(state) == leaf for _, state, leaf in rows) if rows else None


def what_changed(sources: AnswerSources, given: ChangesParameters) -> CaseChanges:
    """The changes between two versions or times: of the case, its packet, the facts about its order, and
    the policy."""
    lines = sources.desks.cases.trail(given.case)
    before = lines_until(lines, parse_point("from", given.since))
    until = parse_point("to", given.until) if given.until is not None else None
    after = lines_until(lines, until) if until is not None else lines
    began, ended = before[-1].recorded_at, after[-1].recorded_at
    if isinstance(until, datetime):
        ended = until
    elif until is None:
        ended = sources.desks.clock()
    signals = list_signal_times(sources.order_trail(lines))
    return CaseChanges(
        diff=case_diff_of(before, after),
        signals=[signal for signal in signals if began < signal.recorded_at <= ended],
        policy_before=_policy_at(sources, began),
        policy_after=_policy_at(sources, ended),
    )


def how_it_stood(sources: AnswerSources, given: AsOfParameters) -> CaseStateView:
    """The case at the earlier of the two times, since acts on it happen when they are recorded. And the
    facts about its order that had happened by `as_of` and were recorded by `known_at`, and the later
    ones."""
    lines = sources.desks.cases.trail(given.case)
    past = case_of(lines_until_both(lines, given.as_of, given.known_at))
    return CaseStateView(
        version=past.version,
        of=len(lines),
        case=view_of(past),
        order=find_facts_at(
            sources.order_trail(lines), lines[0].order or "", given.as_of, given.known_at
        ),
    )


def _policy_at(sources: AnswerSources, at: datetime) -> PolicyIdentity | None:
    found = sources.desks.policy.refresh().in_force(at)
    return PolicyIdentity(found.version, found.digest) if found is not None else None


CASE_QUESTIONS = (
    Question(
        number=7,
        answer=on_which_evidence,
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
