"""Each event of a case as one sentence, made from its fields when it is read."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import assert_never

from msgspec import UNSET

from domain.adjustments import events as money
from domain.adjustments.kinds import LapseCause
from domain.adjustments.refusals import AttemptRefused
from domain.cases import events
from domain.cases import step_events as steps
from domain.cases import work_events as work
from domain.cases.about import describe_about
from domain.cases.case_parts import MANUAL_RULE
from domain.cases.packet import PACKET_PREFIX
from domain.cases.part_events import PartCleared, PartJoined
from domain.orders.content import charge_key
from domain.orders.signal_body import given
from domain.policy.decision import Decision


def describe_event(event: events.CaseEvent | AttemptRefused) -> str:
    """What happened. The reader shows actor, time and rule next to it."""
    unknown = getattr(event, "unknown_evidence", UNSET)
    cites = f" It cites evidence that is not known: {_format_list(unknown)}." if unknown else ""
    return _end_sentence(_describe(event)) + cites if cites else _describe(event)


def _describe(event: events.CaseEvent | AttemptRefused) -> str:
    match event:
        case events.CaseDataErased():
            return "Erased the personal data in the trail so far."
        case work.Opened(kind=kind, note=note):
            parts = _for_parts(event.parts or ())
            return f"Opened by hand as {_spell_out(kind)}{parts}: {note}"
        case events.Detected(kind=kind, deadline=deadline, signals=signals):
            if deadline:
                why = f"the deadline {_format_time(deadline)} passed"
            elif signals:
                why = f"shown by {_format_list(signals)}"
            else:
                why = f"by the rule {event.decision.rule}"
            again = " again" if event.recurrence_of else ""
            about = given(event.about)
            of = f" of {describe_about(about)}" if about is not None else ""
            parts = _for_parts([event.part or ""])
            return f"Detected {_spell_out(kind)}{again}{of}{parts}: {why}."
        case events.Enriched(packet=packet, digest=digest):
            return f"Recorded the order packet {digest[:12]}: {_format_count(len(packet), 'fact')}."
        case events.Routed(queue=queue, owner_team=team, priority=priority):
            return f"Routed to the queue {queue} ({team}) with priority {priority}."
        case events.SignalJoined():
            return _describe_joined(event)
        case PartJoined(part=part, decision=decision):
            whole = part or "The whole order"
            if decision.rule == MANUAL_RULE:
                return f"{whole} was added by hand: it has the problem too."
            return f"{whole} has the problem too, by the rule {decision.rule}."
        case PartCleared(part=part, signal=signal):
            how = "was never so" if event.corrected is True else "is gone"
            return f"The problem of {part or 'the whole order'} {how}: {signal}."
        case events.Resolved(resolution=resolution):
            how = "Resolved by policy" if event.clearing else "Resolved"
            note = f" {resolution.note}" if resolution.note else ""
            cause = (
                f"{_spell_out(resolution.reason)}, caused by {_spell_out(resolution.root_cause)}"
            )
            return f"{how}: {cause}.{note}{_describe_outcomes(resolution)}"
        case events.Reopened(note=note, decision=decision):
            why = note or ("the problem returned" if decision else "more work is needed")
            return f"Reopened{_for_parts([event.part or ''])}: {_end_sentence(why)}"
        case money.DutiesConflicted(duties=duties):
            names = ", ".join(f"{name} ({duty})" for name, duty in sorted(duties.items()))
            return f"Two accounts of one person have different duties: {names}."
        case AttemptRefused(attempt=attempt, rule=rule, detail=detail):
            return (
                f"An attempt to {attempt} was refused by the rule {rule}: {_end_sentence(detail)}"
            )
        case _ if isinstance(event, money.AdjustmentEvent):
            return _describe_adjustment(event)
        case _:
            return _describe_work(event)


def _describe_joined(event: events.SignalJoined) -> str:
    if event.signal.startswith(PACKET_PREFIX):
        what = "is back" if event.clearing is None else "is gone"
        return (
            f"The packet {event.signal.removeprefix(PACKET_PREFIX)[:12]} shows: the problem {what}."
        )
    joined = f"{event.signal} ({event.signal_type}) joined"
    if event.clearing is None:
        return f"{joined}."
    if isinstance(event.paused, Decision):
        return f"{joined}: the problem is gone, but {event.paused.rule} leaves it to a person."
    return f"{joined}: the problem is gone."


def _for_parts(parts: Sequence[str]) -> str:
    """`, for parcel:P1 and parcel:P2`; empty for the whole order."""
    *most, last = parts or [""]
    return f", for {', '.join(most)}{' and ' if most else ''}{last}" if last else ""


def _describe_outcomes(resolution: events.Resolution) -> str:
    """The outcomes of parts for which they differ, each as a sentence."""
    return "".join(
        f" {part.part}: {_append_note(_spell_out(part.reason), part.note)}"
        for part in resolution.parts or ()
    )


def _describe_work(event: work.CaseWorkEvent) -> str:
    match event:
        case work.Claimed(person=person, lease=lease):
            return f"Claimed by {person}{f' for {format_duration(lease)}' if lease else ''}."
        case work.CaseReleased(note=note):
            return _append_note("Released to the queue", note)
        case work.ClaimLapsed(person=person, lease_until=until):
            return f"The claim of {person} lapsed at {_format_time(until)}: no work was recorded."
        case work.HandedOff(to_queue=queue, to_person=person, note=note):
            return _append_note(f"Handed off to {f'{person} in ' if person else ''}{queue}", note)
        case work.WaitStarted(dependency=dependency, party=party, note=note, expected_by=by):
            due_by = f", expected by {_format_time(by)}" if by else ""
            return _append_note(f"Waits for {party} ({_spell_out(dependency)}){due_by}", note)
        case work.WaitEnded(how=how, note=note):
            late = "The wait ended: no answer came in time"
            return _append_note(late if how is work.WaitEnd.OVERDUE else "The wait ended", note)
        case work.NoteAdded(note=note):
            return f"Note: {note}"
        case work.EvidenceAttached(evidence=evidence):
            named = f" “{evidence.title}”" if evidence.title else ""
            return f"Attached {_spell_out(evidence.type)}{named}: {evidence.ref}"
        case work.Escalated(to=to, people=people, skipped=skipped):
            roles = f"has the role {' or '.join(skipped)}" if skipped else "is there to notify"
            recipient = (
                f" to {_spell_out(to)} ({_format_list(people)})" if to else f": nobody {roles}"
            )
            return _append_note(f"Escalated ({_spell_out(event.cause)}){recipient}", event.note)
        case work.AtRisk(measure=measure, due_at=risky):
            when = f", due {_format_time(risky)}" if risky else ""
            return f"At risk: {_spell_out(measure)}{when}."
        case work.Breached(measure=measure, due_at=due, spent=spent):
            where = ", ".join(
                f"{place} {format_duration(timedelta(seconds=s))}" for place, s in spent.items()
            )
            return f"Breached: {_spell_out(measure)}, due {_format_time(due)}; time spent: {where or 'none'}."
        case work.Retermed(service=service, policy=policy, note=note):
            return _append_note(f"The terms are {service} of policy {policy} from here on", note)
        case work.Linked(link=link, case=other, note=note):
            return _append_note(f"Linked as {_spell_out(link)} {other}", note)
        case work.ErrorDeclared(about=version, reason=reason, note=note):
            return _append_note(
                f"Version {version} was declared wrong ({_spell_out(reason)})", note
            )
        case _:
            return _describe_step(event)


def _describe_step(event: steps.StepEvent) -> str:
    match event:
        case steps.TaskCreated(task=task, title=title, owner=owner, due_at=due_at):
            when = f", due {_format_time(due_at)}" if due_at else ""
            return f"Task {task} for {owner}{when}: {title}"
        case steps.TaskDone(task=task, note=note):
            return _append_note(f"Task {task} is done", note)
        case steps.TaskDropped(task=task, note=note):
            return _append_note(f"Task {task} was dropped", note)
        case steps.TaskOverdue(task=task, owner=owner, due_at=due):
            return f"Task {task} of {owner} was not done by {_format_time(due)}."
        case steps.Held(hold=hold, what=what, reason=reason, note=note):
            return _append_note(f"Hold {hold} on {_spell_out(what)} ({_spell_out(reason)})", note)
        case steps.HoldReleased(hold=hold, what=what, note=note):
            return _append_note(f"Hold {hold} on {_spell_out(what)} was released", note)
        case _:
            assert_never(event)


def _describe_sums(requirement: money.ApprovalRequirement) -> str:
    """What raised the counted amount: `; counted: 470.00 EUR with 3 other orders of the same email`."""
    currency = requirement.currency
    raised = [
        f"{one.sum} {currency} with {_format_count(one.orders, 'other order')} of the same {one.of}"
        for one in requirement.sums
        if one.sum == requirement.counted
    ]
    if requirement.beyond_value is not None:
        raised.append(f"{requirement.beyond_value} beyond the value of the order")
    return f"; counted: {', '.join(raised)}" if raised else ""


def _describe_object(event: money.AdjustmentProposed) -> str:
    """What of the order an adjustment is for: ` for 1 of B, charge shipping, of payment pi_3`."""
    lines = [f"{one.quantity} of {given(one.line) or one.sku}" for one in event.lines]
    charges = [
        f"charge {charge_key(one.kind, given(one.id))}" for one in given(event.charges) or ()
    ]
    parts = [f"for {', '.join([*lines, *charges])}"] if lines or charges else []
    parts += [f"of payment {event.payment}"] if event.payment else []
    return f" {', '.join(parts)}" if parts else ""


def _describe_adjustment(event: money.AdjustmentEvent) -> str:
    match event:
        case money.AdjustmentProposed(kind=kind, amount=amount, reason=reason, note=note):
            approvers = event.requirement.approvers
            by = (
                f"{_format_count(approvers, 'person')} must approve"
                if approvers
                else "policy approves by itself"
            )
            what, why = _describe_object(event), _describe_sums(event.requirement)
            return _append_note(
                f"Proposed {_spell_out(kind)} of {amount}{what} ({_spell_out(reason)}); {by}{why}",
                note,
            )
        case money.AdjustmentApproved(role=role, limit=limit, complete=complete, note=note):
            rest = "" if complete else "; another person must approve too"
            return _append_note(
                f"Approved as {_spell_out(role)}, whose limit is {limit}{rest}", note
            )
        case money.AdjustmentSystemApproved(decision=decision):
            return f"Approved by policy, by the rule {decision.rule}."
        case money.AdjustmentRejected(reason=reason):
            return f"Rejected: {_end_sentence(reason)}"
        case money.AdjustmentWithdrawn(reason=reason):
            return f"Withdrawn: {_end_sentence(reason)}"
        case money.AdjustmentLapsed(cause=cause):
            change = f": {event.was}; now {event.now}" if cause is LapseCause.FACTS else ""
            return f"The adjustment lapsed ({_spell_out(cause)}{change})."
        case money.ExecutionStarted(provider=provider):
            return f"Ordered the execution by {provider}."
        case money.OutcomeInDoubt(detail=detail):
            return f"The outcome of the payment is not known: {_end_sentence(detail)}"
        case money.AdjustmentExecuted(provider=provider, reference=reference, amount=amount):
            return f"{provider} paid {amount} ({reference})."
        case money.AmountDiffers(ordered=ordered, given=given):
            return f"{ordered} was ordered, {given} was paid."
        case money.ExecutionFailed(provider=provider, detail=detail):
            return f"{provider} refused it: {_end_sentence(detail)}"
        case money.AdjustmentReconciled(statement=statement, reference=reference):
            return f"Reconciled with the provider's statement {statement[:12]} as {reference}."
        case _:
            assert_never(event)


def _append_note(text: str, note: str) -> str:
    return f"{text}: {note}" if note else f"{text}."


def _end_sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _spell_out(name: str) -> str:
    return str(name).replace("_", " ")


def _format_list(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nothing new"


def _format_count(number: int, what: str) -> str:
    plural = "people" if what == "person" else f"{what}s"
    return f"{number} {what if number == 1 else plural}"


def _format_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"


def format_duration(length: timedelta) -> str:
    """`1 d 2 h`; parts that are zero are left out."""
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"
