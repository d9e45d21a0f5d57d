"""Watches sources: one that sends too little, or whose own list differs from what arrived, is a case for its owner."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, Protocol

from msgspec import Struct

from application.log.event_log import EventLog, Write
from application.log.recorder import VersionTaken
from application.orders.receipts import AffectedCase
from application.orders.subject_cases import Subject, SubjectCases
from application.sources.source_desk import SourceDesk
from application.sources.source_packets import (
    MOST_NAMED,
    listed_facts,
    packet_about,
    silence_facts,
    total_facts,
)
from domain.cases.events import CaseAbout
from domain.cases.exception_case import ExceptionCase
from domain.errors import TooContended
from domain.policy.decision import Verdict
from domain.policy.reader import SOURCE_SILENT
from domain.policy.rulebook import Rulebook
from domain.policy.source_parts import Silence
from domain.sources.list_comparison import ListComparison
from domain.sources.silence import WEEK, Quiet, SourceFigures, is_low
from domain.sources.source import Source
from domain.sources.subjects import subject_name

SILENT_RULE: Final = "source-sends-too-little"
SPOKE_RULE: Final = "source-sends-again"
EVERYBODY_RULE: Final = "nobody-sends"
DIFFERS_RULE: Final = "source-list-differs"
AGREES_RULE: Final = "source-list-agrees"
EVERYBODY: Final = subject_name("", "everybody")
"""The subject of a case about all sources."""
MARK_IS_VALID: Final = timedelta(minutes=10)
"""A window that was not judged for so long is given up: what came since may have shown that nothing is wrong."""
ATTEMPTS: Final = 5


class MeasuredSources(Struct, frozen=True):
    """What sources sent, as the report of deliveries had it at this position of the log."""

    position: int
    figures: Sequence[SourceFigures]


class MeasureSources(Protocol):
    def __call__(self, sources: Collection[str], end: datetime, rules: Silence) -> MeasuredSources:
        """The figures of these sources, for the window that ends at this time."""


class _Mark(Struct, frozen=True):
    """A moment, and the end of the log at that moment."""

    at: datetime
    head: int


class SourceWatch:
    def __init__(
        self,
        log: EventLog,
        sources: SourceDesk,
        cases: SubjectCases,
        rulebook: Callable[[], Rulebook],
        measure: MeasureSources,
    ) -> None:
        self._log = log
        self._sources = sources
        self._cases = cases
        self._rulebook = rulebook
        self._measure = measure
        self._mark: _Mark | None = None

    def report_missing(
        self, name: str, found: ListComparison, now: datetime
    ) -> AffectedCase | None:
        """Open a case for the source's owner if its own list has more than what arrived, and clear it once a later
        list agrees. Returns the case that changed; None if none did.

        Call it after each comparison, with what had arrived *before* the missing entries were fetched. A list
        without entries shows nothing. While the source is paused, or policy has no kind `source_silent`, nothing
        is recorded. Raises SourceNotFound, TooContended.
        """
        source = self._sources.find(name)
        if self._rules() is None or source.paused_for is not None or not found.listed:
            return None
        subject = _subject(source, "list")
        missing = found.listed - found.arrived
        verdicts = [Verdict("list.missing", "is 0", missing, missing == 0)]
        packet = packet_about(listed_facts(source, found), name, found.until)
        cause = f"source:{name}"
        for _ in range(ATTEMPTS):
            case = self._cases.latest(subject.name, SOURCE_SILENT)
            if missing:
                writes = self._cases.open(subject, case, DIFFERS_RULE, verdicts, packet, now, cause)
            elif case is not None and case.detected_at and found.until > case.detected_at:
                writes = self._cases.settle(case, AGREES_RULE, verdicts, packet, now, cause)
            else:
                return None
            if not writes:
                return None
            with suppress(VersionTaken):
                self._log.append(writes)
                return _affected(writes)
        raise TooContended(f"the case of the source {name}, {ATTEMPTS} attempts")

    def look(self, now: datetime) -> int:
        """Look for sources that are silent, and for those that send again; return how many cases changed.

        A window is judged by one of the next looks, when the report of deliveries has all that the log had at its
        end: a report that is behind, or a delivery that is not committed yet, makes no source silent.
        """
        rules = self._rules()
        if rules is None:
            return 0
        mark = self._mark
        if mark is None or not timedelta() <= now - mark.at <= MARK_IS_VALID:
            self._mark = _Mark(now, self._log.head())
            return 0
        sources = {one.name: one for one in self._observed(mark.at, rules)}
        measured = self._measure([*sources], mark.at, rules)
        if measured.position < mark.head:
            return 0
        self._mark = _Mark(now, self._log.head())
        changed = 0
        for write in self._decide(sources, measured.figures, mark.at, rules, now):
            with suppress(VersionTaken):  # another worker was faster
                self._log.append([write])
                changed += 1
        return changed

    def _rules(self) -> Silence | None:
        document = self._rulebook().document
        if document.sources is None or SOURCE_SILENT not in document.kinds:
            return None
        return document.sources.silence

    def _observed(self, end: datetime, rules: Silence) -> Iterator[Source]:
        """The sources that have a history of all the weeks, and were not paused within the window."""
        begin = end - rules.window
        for source in self._sources.everything():
            is_known = source.added_at <= begin - rules.weeks * WEEK
            has_resumed = source.resumed_at is None or source.resumed_at <= begin
            if is_known and has_resumed and source.paused_for is None:
                yield source

    def _decide(
        self,
        sources: Mapping[str, Source],
        figures: Sequence[SourceFigures],
        end: datetime,
        rules: Silence,
        now: datetime,
    ) -> Iterator[Write]:
        subjects = {name: _subject(source, "silent") for name, source in sources.items()}
        names = [EVERYBODY, *(one.name for one in subjects.values())]
        cases = self._cases.latest_of([(name, SOURCE_SILENT) for name in names])
        quiet = Quiet.of(figures, rules)
        silent = [one for one in figures if one.is_silent(rules)]
        cause = f"window:{end.isoformat()}"
        yield from self._decide_on_all(
            figures, silent, quiet, cases.get((EVERYBODY, SOURCE_SILENT)), end, rules, now
        )
        for one in figures:
            subject = subjects[one.source]
            packet = packet_about(
                silence_facts(sources[one.source], one, end, rules), one.source, end
            )
            verdicts = [_verdict_on(one.now.whole, one.usual, rules)]
            case = cases.get((subject.name, SOURCE_SILENT))
            if one.is_silent(rules):
                if not (quiet.earlier or quiet.recent):
                    yield from self._cases.open(
                        subject, case, SILENT_RULE, verdicts, packet, now, cause
                    )
            elif _speaks_since(case, one) and not one.is_low(rules):
                yield from self._cases.settle(case, SPOKE_RULE, verdicts, packet, now, cause)

    def _decide_on_all(
        self,
        figures: Sequence[SourceFigures],
        silent: Sequence[SourceFigures],
        quiet: Quiet,
        case: ExceptionCase | None,
        end: datetime,
        rules: Silence,
        now: datetime,
    ) -> Sequence[Write]:
        """What all sources together show: one case for the team that policy routes it to, and none for each."""
        count = sum(one.now.recent for one in figures)
        usual = sum(one.usual_recent for one in figures)
        verdicts = [_verdict_on(count, usual, rules, "sources.deliveries_in_half_a_window")]
        packet = packet_about(total_facts(count, usual, silent, end, rules), "casetrail", end)
        cause = f"window:{end.isoformat()}"
        if silent and quiet.recent:
            names = tuple(sorted(one.source for one in silent)[:MOST_NAMED])
            subject = Subject(EVERYBODY, SOURCE_SILENT, CaseAbout(sources=names))
            return self._cases.open(subject, case, EVERYBODY_RULE, verdicts, packet, now, cause)
        if not quiet.recent and any(_speaks_since(case, one) for one in figures):
            return self._cases.settle(case, SPOKE_RULE, verdicts, packet, now, cause)
        return ()


def _subject(source: Source, what: str) -> Subject:
    name = subject_name(source.shop or "", source.name, what)
    return Subject(name, SOURCE_SILENT, CaseAbout(source=source.name), source.owner)


def _speaks_since(case: ExceptionCase | None, one: SourceFigures) -> bool:
    """Whether it sent anything since its case was opened."""
    since = case.detected_at if case is not None else None
    return since is not None and one.spoke_after(since)


def _verdict_on(
    count: int, usual: float, rules: Silence, fact: str = "source.deliveries"
) -> Verdict:
    test = f"at_least {rules.below_percent} % of {usual:g}"
    return Verdict(fact, test, count, not is_low(count, usual, rules))


def _affected(writes: Sequence[Write]) -> AffectedCase:
    write = writes[-1]
    event = write.events[-1][1]
    return AffectedCase(write.stream, SOURCE_SILENT, str(event.__struct_config__.tag))
