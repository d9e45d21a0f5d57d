"""Cases about something that is no order: a signal without one, a code that nobody reads, a silent source.

Such a subject has a name in the log in place of an order, and one case at a time for each kind. The desk of the
subject says when the problem is there and when it is gone; this module makes the writes.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from application.log.caller import system_caller
from application.log.event_log import Write
from application.log.repository import Repository
from application.log.streams import CASE
from application.log.writes import timer_after
from domain.cases.events import CaseAbout, CaseEvent, Detected, Enriched, SignalJoined
from domain.cases.exception_case import ExceptionCase, case_stream
from domain.cases.opening import create_routed, route_to_owner
from domain.cases.packet import PACKET_PREFIX, READING, PacketFact, packet_digest
from domain.cases.signals import create_signal_joined, resolve_cleared_case
from domain.cases.steps import Steps, create_policy_steps
from domain.cases.timers import apply_due_events
from domain.cases.timing import RoleMembers
from domain.orders.order import Order
from domain.orders.signals import Signal
from domain.people import POLICY_ACTOR
from domain.policy.decision import Decision, Verdict
from domain.policy.document import Automation
from domain.policy.facts import CaseFacts
from domain.policy.rulebook import Rulebook

LOOKED_UP_AT_ONCE: Final = 8
MOST_KNOWN: Final = 20_000


class Subject(Struct, frozen=True):
    """What a case is about."""

    name: str
    """In the log, in place of an order. It begins with U+001F and a shop, as that of a held signal."""
    kind: str
    """The kind of its cases."""
    about: CaseAbout
    owner: str | None = None
    """The team that the case goes to, if policy has a queue of it; else policy's route decides alone."""


class SubjectCases:
    def __init__(
        self, cases: Repository[ExceptionCase], rulebook: Callable[[], Rulebook], staff: RoleMembers
    ) -> None:
        self._cases = cases
        self._rulebook = rulebook
        self._staff = staff
        self._occurrences: dict[tuple[str, str], int] = {}
        """How many cases a subject had at least: earlier ones need not be looked up."""

    def latest(self, name: str, kind: str) -> ExceptionCase | None:
        """The newest case of this kind about the subject of this name, as the log has it now."""
        return self.latest_of([(name, kind)]).get((name, kind))

    def latest_of(
        self, wanted: Sequence[tuple[str, str]]
    ) -> Mapping[tuple[str, str], ExceptionCase]:
        """The newest case of each of these names and kinds that had any."""
        found: dict[tuple[str, str], ExceptionCase] = {}
        left = dict.fromkeys(wanted)
        begin = {one: max(self._occurrences.get(one, 1), 1) for one in left}
        while left:
            ids = {
                (*one, n): case_stream(*one, n)
                for one in left
                for n in range(begin[one], begin[one] + LOOKED_UP_AT_ONCE)
            }
            states = self._cases.refreshed([*ids.values()])
            more: dict[tuple[str, str], None] = {}
            for one in left:
                of_one = range(begin[one], begin[one] + LOOKED_UP_AT_ONCE)
                known = [case for n in of_one if (case := states.get(ids[*one, n]))]
                if known:
                    found[one] = known[-1]
                if len(known) == LOOKED_UP_AT_ONCE:
                    more[one] = None
                    begin[one] += LOOKED_UP_AT_ONCE
            left = more
        if len(self._occurrences) > MOST_KNOWN:
            self._occurrences.clear()
        self._occurrences.update((one, case.occurrence) for one, case in found.items())
        return found

    def current(self, wanted: Mapping[tuple[str, str], int]) -> Mapping[str, ExceptionCase]:
        """The cases of these names, kinds and numbers as the log has them now, by name."""
        ids = {name: case_stream(name, kind, n) for (name, kind), n in wanted.items()}
        states = self._cases.refreshed([*ids.values()])
        return {name: states[one] for name, one in ids.items() if one in states}

    def open(
        self,
        subject: Subject,
        before: ExceptionCase | None,
        rule: str,
        verdicts: Sequence[Verdict],
        packet: Sequence[PacketFact],
        now: datetime,
        cause: str,
        signals: Sequence[str] = (),
    ) -> Sequence[Write]:
        """The write that opens a case about the subject, or that says of its open case that the problem is back;
        none while it has the problem already, or if policy has no such kind.

        `before` is the newest case about the subject, `rule` and `verdicts` say why, and
        `packet` has its facts. The append raises VersionTaken if another process was faster.
        """
        rulebook = self._rulebook()
        kind = rulebook.document.kinds.get(subject.kind)
        if kind is None or (before is not None and not (before.is_resolved or before.cleared)):
            return ()
        decision = Decision(policy=rulebook.version, rule=rule, verdicts=tuple(verdicts))
        enriched = _enriched(packet)
        if before is not None and not before.is_resolved:
            back = _joined(_ref_of(enriched), now, decision=decision)
            return [self._write(before, [enriched, back], now, cause)]
        occurrence = before.occurrence + 1 if before is not None else 1
        facts = CaseFacts(kind=subject.kind, bucket=kind.bucket, severity=kind.severity, rule=rule)
        routing = route_to_owner(rulebook.route(facts, Order(id="").facts), subject.owner, rulebook)
        routed = create_routed(routing, subject.kind, kind, rulebook, None, now)
        events: list[CaseEvent] = [
            Detected(
                kind=subject.kind,
                bucket=kind.bucket,
                severity=kind.severity,
                automation=kind.automation,
                occurrence=occurrence,
                detected_at=now,
                decision=decision,
                signals=tuple(signals),
                recurrence_of=before.id if before is not None else None,
                about=subject.about,
            ),
            enriched,
            routed,
            *create_policy_steps(
                kind, Steps(), routed.owner_team, routed.terms, rulebook.version, now
            ),
        ]
        case = ExceptionCase(
            id=case_stream(subject.name, subject.kind, occurrence), order=subject.name
        )
        return [self._write(case, events, now, cause)]

    def settle(
        self,
        case: ExceptionCase | None,
        rule: str,
        verdicts: Sequence[Verdict],
        shown_by: Signal | Sequence[PacketFact],
        now: datetime,
        cause: str,
    ) -> Sequence[Write]:
        """The write that clears a case, since its problem is gone; none without an open case that has it.

        `shown_by` is the evidence: a signal, or the facts of now, which are recorded as a new packet and cited as
        `packet:` and its digest. If policy lets the kind resolve by itself and no person has worked on the case, it
        is resolved.
        """
        if case is None or case.is_resolved or case.cleared:
            return ()
        rulebook = self._rulebook()
        clearing = Decision(policy=rulebook.version, rule=rule, verdicts=tuple(verdicts))
        events: list[CaseEvent] = []
        if isinstance(shown_by, Sequence):
            enriched = _enriched(shown_by)
            evidence = _ref_of(enriched)
            events += [enriched, _joined(evidence, now, clearing=clearing)]
        else:
            evidence = shown_by.key
            events.append(create_signal_joined(shown_by, clearing, None))
        kind = rulebook.document.kinds.get(case.kind)
        if kind is not None and kind.automation is Automation.AUTOMATIC and not case.is_worked:
            events += resolve_cleared_case(case, evidence, clearing)
        return [self._write(case, events, now, cause)]

    def _write(
        self, case: ExceptionCase, events: Sequence[CaseEvent], now: datetime, cause: str
    ) -> Write:
        passed, after = apply_due_events(case, now, self._staff) if case.exists else ([], case)
        for event in events:
            after = after.after(event, case.order, now)
        by = system_caller(POLICY_ACTOR, now, cause)
        due = timer_after(case if case.exists else None, after)
        return by.write(case.id, CASE, case.version, [*passed, *events], case.order, due)


def _enriched(packet: Sequence[PacketFact]) -> Enriched:
    return Enriched(packet=tuple(packet), digest=packet_digest(tuple(packet)), reading=READING)


def _ref_of(enriched: Enriched) -> str:
    return f"{PACKET_PREFIX}{enriched.digest}"


def _joined(
    ref: str, now: datetime, *, clearing: Decision | None = None, decision: Decision | None = None
) -> SignalJoined:
    return SignalJoined(
        signal=ref, signal_type="packet", event_time=now, clearing=clearing, decision=decision
    )
