"""An event of a case as one sentence for people, made from its facts when somebody reads it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from domain.adjustments.events import (
    AdjustmentApproved,
    AdjustmentEvent,
    AdjustmentExecuted,
    AdjustmentLapsed,
    AdjustmentProposed,
    AdjustmentReconciled,
    AdjustmentRejected,
    AdjustmentSystemApproved,
    AdjustmentWithdrawn,
    AmountDiffers,
    DutiesConflicted,
    ExecutionFailed,
    ExecutionStarted,
    OutcomeInDoubt,
)
from domain.adjustments.refusals import Refused
from domain.cases.events import (
    CaseDataErased,
    CaseEvent,
    Detected,
    Enriched,
    Reopened,
    Resolved,
    Routed,
    SignalJoined,
)
from domain.cases.step_events import (
    Held,
    HoldReleased,
    StepEvent,
    TaskCreated,
    TaskDone,
    TaskDropped,
    TaskOverdue,
)
from domain.cases.work_events import (
    AtRisk,
    Breached,
    CaseReleased,
    Claimed,
    ClaimLapsed,
    ErrorDeclared,
    Escalated,
    EvidenceAttached,
    HandedOff,
    Linked,
    NoteAdded,
    Opened,
    Retermed,
    WaitEnd,
    WaitEnded,
    WaitStarted,
    Worked,
)
from domain.money import Money
from domain.policy.decision import Decision


def sentence(event: CaseEvent | Refused) -> str:
    """What happened; who, when and by which rule stand beside it."""
    match event:
        case CaseDataErased():
            return "What is personal in the trail so far was erased."
        case Opened(kind=kind, note=note):
            return f"Opened by hand as {_words(kind)}: {note}"
        case Detected(kind=kind, deadline=deadline, signals=signals):
            why = f"{_at(deadline)} passed" if deadline else f"shown by {_list(signals)}"
            again = ", once more" if event.recurrence_of else ""
            return f"Found {_words(kind)}{again}: {why}."
        case Enriched(packet=packet, digest=digest):
            return f"Looked up what is known: {_count(len(packet), 'fact')}, packet {digest[:12]}."
        case Routed(queue=queue, owner_team=team, priority=priority):
            return f"Given to the queue {queue} ({team}) with priority {priority}."
        case SignalJoined():
            return _joined(event)
        case Resolved(resolution=resolution):
            how = "Resolved itself" if event.clearing else "Resolved"
            said = f" {resolution.note}" if resolution.note else ""
            cause = f"{_words(resolution.reason)}, caused by {_words(resolution.root_cause)}"
            return f"{how}: {cause}.{said}"
        case Reopened(note=note, decision=decision):
            why = note or ("the problem returned" if decision else "to be worked on again")
            return f"Reopened: {_ended(why)}"
        case DutiesConflicted(duties=duties):
            told = ", ".join(f"{name} ({duty})" for name, duty in sorted(duties.items()))
            return f"Turned out to be one human, with different duties: {told}."
        case Refused(attempt=attempt, rule=rule, detail=detail):
            return f"Refused to {attempt} by the rule {rule}: {_ended(detail)}"
        case _ if isinstance(event, AdjustmentEvent):
            return _of_adjustment(event)
        case _:
            return _of_work(event)


def _joined(event: SignalJoined) -> str:
    said = f"{event.signal} ({event.signal_type}) joined"
    if event.clearing is None:
        return f"{said}."
    if isinstance(event.paused, Decision):
        return f"{said}: the problem is gone, but {event.paused.rule} leaves it to a person."
    return f"{said}: the problem is gone."


def _of_work(event: Worked) -> str:
    match event:
        case Claimed(person=person, lease=lease):
            return f"Claimed by {person}{f' for {_long(lease)}' if lease else ''}."
        case CaseReleased(note=note):
            return _with("Given back to the queue", note)
        case ClaimLapsed(person=person, lease_until=until):
            return f"The claim of {person} lapsed at {_at(until)}: nothing had been done."
        case HandedOff(to_queue=queue, to_person=person, note=note):
            return _with(f"Handed to {f'{person} in ' if person else ''}{queue}", note)
        case WaitStarted(dependency=dependency, party=party, note=note, expected_by=by):
            due_by = f", expected by {_at(by)}" if by else ""
            return _with(f"Waits for {party} ({_words(dependency)}){due_by}", note)
        case WaitEnded(how=how, note=note):
            late = "What was waited for did not come in time"
            return _with(late if how is WaitEnd.OVERDUE else "The wait is over", note)
        case NoteAdded(note=note):
            return f"Noted: {note}"
        case EvidenceAttached(evidence=evidence):
            named = f" “{evidence.title}”" if evidence.title else ""
            return f"Attached {_words(evidence.type)}{named}: {evidence.ref}"
        case Escalated(cause=cause, to=to, people=people, note=note):
            who = f"{_words(to)} ({_list(people)})" if to else "nobody to notify"
            return _with(f"Escalated ({_words(cause)}) to {who}", note)
        case AtRisk(measure=measure, due_at=risky):
            when = f", due {_at(risky)}" if risky else ""
            return f"At risk: {_words(measure)}{when}."
        case Breached(measure=measure, due_at=due, spent=spent):
            where = ", ".join(
                f"{place} {_long(timedelta(seconds=s))}" for place, s in spent.items()
            )
            return (
                f"Breached: {_words(measure)}, due {_at(due)}; time went to {where or 'nothing'}."
            )
        case Retermed(service=service, policy=policy, note=note):
            return _with(f"Runs under the terms {service} of policy {policy} from here on", note)
        case Linked(link=link, case=other, note=note):
            return _with(f"Linked as {_words(link)} {other}", note)
        case ErrorDeclared(about=version, reason=reason, note=note):
            return _with(f"Version {version} was declared wrong ({_words(reason)})", note)
        case _:
            return _of_step(event)


def _of_step(event: StepEvent) -> str:
    match event:
        case TaskCreated(task=task, title=title, owner=owner, due_at=due_at):
            when = f", due {_at(due_at)}" if due_at else ""
            return f"Task {task} for {owner}{when}: {title}"
        case TaskDone(task=task, note=note):
            return _with(f"Task {task} is done", note)
        case TaskDropped(task=task, note=note):
            return _with(f"Task {task} was dropped", note)
        case TaskOverdue(task=task, owner=owner, due_at=due):
            return f"Task {task} of {owner} was not done by {_at(due)}."
        case Held(hold=hold, what=what, reason=reason, note=note):
            return _with(f"Hold {hold} on {_words(what)} ({_words(reason)})", note)
        case HoldReleased(hold=hold, what=what, note=note):
            return _with(f"Hold {hold} on {_words(what)} is over", note)
        case _:
            assert_never(event)


def _of_adjustment(event: AdjustmentEvent) -> str:
    match event:
        case AdjustmentProposed(kind=kind, amount=amount, reason=reason, note=note):
            asks = event.requirement.approvers
            by = f"{_count(asks, 'person')} must approve" if asks else "policy approves by itself"
            return _with(
                f"Proposed {_words(kind)} of {_money(amount)} ({_words(reason)}); {by}", note
            )
        case AdjustmentApproved(role=role, limit=limit, complete=complete, note=note):
            rest = "" if complete else "; somebody else must, too"
            return _with(f"Approved as {_words(role)}, whose limit is {limit}{rest}", note)
        case AdjustmentSystemApproved(decision=decision):
            return f"Approved by policy itself, by the rule {decision.rule}."
        case AdjustmentRejected(reason=reason):
            return f"Rejected: {_ended(reason)}"
        case AdjustmentWithdrawn(reason=reason):
            return f"Withdrawn: {_ended(reason)}"
        case AdjustmentLapsed(cause=cause):
            return f"The adjustment lapsed ({_words(cause)})."
        case ExecutionStarted(provider=provider):
            return f"Ordered to be carried out by {provider}."
        case OutcomeInDoubt(detail=detail):
            return f"What became of the payment is not known: {_ended(detail)}"
        case AdjustmentExecuted(provider=provider, reference=reference, amount=amount):
            return f"{provider} gave {_money(amount)} ({reference})."
        case AmountDiffers(ordered=ordered, given=given):
            return f"{_money(given)} was given where {_money(ordered)} was ordered."
        case ExecutionFailed(provider=provider, detail=detail):
            return f"{provider} refused: {_ended(detail)}"
        case AdjustmentReconciled(statement=statement, reference=reference):
            return f"Found in the provider's statement {statement[:12]} as {reference}."
        case _:
            assert_never(event)


def _with(said: str, note: str) -> str:
    return f"{said}: {note}" if note else f"{said}."


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _words(name: str) -> str:
    return str(name).replace("_", " ")


def _money(amount: Money) -> str:
    return f"{amount.amount} {amount.currency}"


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nothing new"


def _count(number: int, what: str) -> str:
    plural = "people" if what == "person" else f"{what}s"
    return f"{number} {what if number == 1 else plural}"


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"


def _long(length: timedelta) -> str:
    """`1 d 2 h`; parts that are nothing are left out."""
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"
