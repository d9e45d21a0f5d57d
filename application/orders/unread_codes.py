"""The cases of codes that no mapping reads: one at a time for each code of a source, or of the signals by API."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from msgspec import UNSET, Struct, structs

from application.log.caller import system_caller
from application.log.event_log import EventLog, Write
from application.log.streams import UNREAD_CODES, unread_codes
from application.orders.batches import Arrival
from application.orders.order_locks import NamedLocks
from application.orders.receipts import (
    BesideTaken,
    IntakeResult,
    MakeRow,
    MakeWrites,
    Receipt,
    SignalOutcome,
)
from application.orders.subject_cases import Subject, SubjectCases
from domain.cases.events import CaseAbout
from domain.cases.exception_case import ExceptionCase
from domain.cases.packet import PacketFact
from domain.errors import TooContended
from domain.orders.unread_codes import unread_code_of
from domain.people import POLICY_ACTOR, Actor
from domain.policy.decision import FactValue, Verdict
from domain.policy.reader import UNKNOWN_CODE
from domain.policy.rulebook import Rulebook
from domain.sources.subjects import subject_name
from domain.sources.unread_codes import (
    SIGNALS_BY_API,
    Code,
    CodeCaseOpened,
    UnreadCodes,
    folded,
    unread_codes_stream,
)

TakeSignals = Callable[[Sequence[Arrival], Actor, MakeRow | None, MakeWrites | None], IntakeResult]
ATTEMPTS: Final = 20
UNREAD_RULE: Final = "no-mapping-reads-it"
READ_RULE: Final = "a-mapping-reads-it"
_REMEDY_FOR_SIGNALS: Final = (
    "Send the scan's `status` beside the code, or name a `mapping` that lists the code. Replace the signals that "
    "were recorded as `unknown`."
)


class CodeSource(Struct, frozen=True):
    """Whose codes they are: a source and its owner, or the signals by API."""

    name: str = SIGNALS_BY_API
    owner: str | None = None


class FoundCode(Struct, frozen=True):
    """A code that was not read, and where it was found first."""

    code: Code
    found_in: str
    """`source/id` of a signal, or `delivery:` and an id."""
    system: str
    """The source, or the system that sent the signal."""
    facts: Mapping[str, FactValue]
    """What else is known, with the remedy last."""
    at: datetime


class UnreadCodeCases:
    def __init__(
        self, log: EventLog, cases: SubjectCases, rulebook: Callable[[], Rulebook]
    ) -> None:
        self._codes = unread_codes(log)
        self._cases = cases
        self._rulebook = rulebook
        self._turns = NamedLocks()

    def report(
        self, source: CodeSource, found: Sequence[FoundCode], now: datetime, cause: str
    ) -> list[Write]:
        """The writes that open a case for each code that has none, until as many are open as policy allows.

        An append of them raises VersionTaken if another process opens one of the same source meanwhile.
        """
        document = self._rulebook().document
        if not found or document.sources is None or UNKNOWN_CODE not in document.kinds:
            return []
        known = self._known(source)
        most = document.sources.codes_at_most
        asked: dict[Code, FoundCode] = {}
        first: dict[Code, Code] = {}
        for one in found:
            code = known.spelled(one.code)
            code = code if code in known.cases else first.setdefault(folded(code), code)
            asked.setdefault(code, structs.replace(one, code=code))
        before = self._newest(source, known, asked)
        places = most - self._count_open(source, known, most)
        writes, opened = list[Write](), list[CodeCaseOpened]()
        for code, one in asked.items():
            case = before.get(code)
            is_new = case is None or case.is_resolved
            if is_new and len(opened) >= places:
                continue
            is_last = is_new and len(opened) + 1 == places
            writes += self._open(source, one, case, most if is_last else None, now, cause)
            if is_new:
                number = case.occurrence + 1 if case is not None else 1
                table, text = code
                opened.append(
                    CodeCaseOpened(source=source.name, table=table, code=text, occurrence=number)
                )
        if opened:
            by = system_caller(POLICY_ACTOR, now, cause)
            stream = unread_codes_stream(source.name)
            writes.append(by.write(stream, UNREAD_CODES, known.version, opened))
        return writes

    def take(
        self, take: TakeSignals, arrivals: Sequence[Arrival], actor: Actor, command: MakeRow | None
    ) -> IntakeResult:
        """Take signals by API, some of them with codes that were not read, with the cases of these."""
        for attempt in range(ATTEMPTS):
            # Of several that open cases for new codes, one succeeds: the others take turns.
            turn = [SIGNALS_BY_API] if attempt else []
            with suppress(BesideTaken), self._turns.of(turn):
                return take(arrivals, actor, command, partial(self._report_signals, arrivals))
        raise TooContended(f"{len(arrivals)} signals with unknown codes, {ATTEMPTS} attempts")

    def _report_signals(
        self, arrivals: Sequence[Arrival], receipts: Sequence[Receipt]
    ) -> list[Write]:
        """The writes that open cases for the codes of those signals that are new."""
        found = [
            _found_in_signal(arrival, code)
            for arrival, receipt in zip(arrivals, receipts, strict=True)
            if (code := unread_code_of(arrival.signal)) is not None and _is_new(arrival, receipt)
        ]
        if not found:
            return []
        now = max(arrival.received_at for arrival in arrivals)
        return self.report(CodeSource(), found, now, f"signal:{found[0].found_in}")

    def open_cases(self, source: CodeSource, codes: Collection[Code]) -> Mapping[Code, UUID]:
        """The open cases about these codes."""
        if not codes:
            return {}
        known = self._known(source)
        spelled = {code: known.spelled(code) for code in codes}
        found = self._newest(source, known, spelled.values())
        return {
            code: case.id
            for code, name in spelled.items()
            if (case := found.get(name)) is not None and not case.is_resolved
        }

    def settle(
        self,
        source: CodeSource,
        codes: Collection[Code],
        facts: Mapping[str, FactValue],
        read_in: str,
        now: datetime,
        cause: str,
    ) -> list[Write]:
        """The writes that clear the cases of codes which are read now; `facts` say how."""
        if not codes:
            return []
        known = self._known(source)
        cases = self._newest(source, known, {known.spelled(code) for code in codes})
        writes = list[Write]()
        for code, case in cases.items():
            packet = _packet({**_facts_of(code), **facts}, read_in, now)
            read = Verdict("code.code", "is_read", code[1], True)
            writes += self._cases.settle(case, READ_RULE, [read], packet, now, cause)
        return writes

    def _open(
        self,
        source: CodeSource,
        one: FoundCode,
        before: ExceptionCase | None,
        limit: int | None,
        now: datetime,
        cause: str,
    ) -> Sequence[Write]:
        """The write that opens the case. `limit` is set for the last one that may be open."""
        table, code = one.code
        is_signal = source.name == SIGNALS_BY_API
        about = CaseAbout(
            source=one.system, table=table, code=code, signal=one.found_in if is_signal else UNSET
        )
        subject = Subject(_name(source, one.code), UNKNOWN_CODE, about, source.owner)
        facts = {"source.name": one.system, **_facts_of(one.code), **one.facts}
        if limit is not None:
            facts["limit"] = (
                f"{limit} such cases are open, as many as policy allows: further codes open none until some of "
                "these are resolved"
            )
        unread = Verdict("code.code", "is_read", code, False)
        packet = _packet(facts, one.found_in, one.at)
        signals = [one.found_in] if is_signal else []
        return self._cases.open(subject, before, UNREAD_RULE, [unread], packet, now, cause, signals)

    def _known(self, source: CodeSource) -> UnreadCodes:
        stream = unread_codes_stream(source.name)
        return self._codes.refreshed([stream]).get(stream) or UnreadCodes()

    def _newest(
        self, source: CodeSource, known: UnreadCodes, codes: Iterable[Code]
    ) -> Mapping[Code, ExceptionCase]:
        """The newest case of each of these codes that had any."""
        names = {code: _name(source, code) for code in codes if code in known.cases}
        found = self._cases.current(
            {(name, UNKNOWN_CODE): known.cases[code] for code, name in names.items()}
        )
        return {code: found[name] for code, name in names.items() if name in found}

    def _count_open(self, source: CodeSource, known: UnreadCodes, most: int) -> int:
        """How many cases are open; below the limit, at most how many."""
        if len(known.cases) < most:
            return len(known.cases)
        cases = self._newest(source, known, known.cases)
        return sum(not case.is_resolved for case in cases.values())


def _name(source: CodeSource, code: Code) -> str:
    return subject_name("", source.name, "code", *code)


def _facts_of(code: Code) -> dict[str, FactValue]:
    return {"code.table": code[0], "code.code": code[1]}


def _packet(facts: Mapping[str, FactValue], found_in: str, at: datetime) -> list[PacketFact]:
    return [PacketFact(name, value, (found_in,), at) for name, value in facts.items()]


def _found_in_signal(arrival: Arrival, code: Code) -> FoundCode:
    signal = arrival.signal
    facts = {"code.first_signal": signal.key, "remedy": _REMEDY_FOR_SIGNALS}
    return FoundCode(code, signal.key, signal.source, facts, signal.event_time)


def _is_new(arrival: Arrival, receipt: Receipt) -> bool:
    """Whether the signal was recorded or held now, and not before."""
    if receipt.outcome is SignalOutcome.HELD:
        return receipt.held is not None and receipt.held.held_at == arrival.received_at
    return receipt.outcome is SignalOutcome.RECORDED
