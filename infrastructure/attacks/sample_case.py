"""A made-up case about money and the calls that attackers send. With it, every log has duties and stored
answers to attack."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from eventsourcing.persistence import StoredEvent
from msgspec import structs

from application.log.event_codec import to_stored
from application.log.recorder import Append, CommandRow, DutyRow, leaf_digest
from domain.adjustments.events import AdjustmentApproved, AdjustmentProposed, ApprovalRequirement
from domain.adjustments.kinds import AdjustmentKind, AdjustmentReason, Duty
from domain.money import PositiveMoney
from domain.people import Actor, PersonAdded, Role
from domain.recorded_event import Event, RecordedEvent

_AMOUNT: Final = PositiveMoney("700.00", "EUR")
_DIGEST: Final = hashlib.sha256(b"made up").hexdigest()


def sample_case_appends(case: UUID, now: datetime) -> list[Append]:
    """A proposal and its approval by another person, each with its duty and its command."""
    adjustment, later = uuid4(), now + timedelta(days=3)
    proposed = AdjustmentProposed(
        adjustment=adjustment,
        kind=AdjustmentKind.REFUND,
        amount=_AMOUNT,
        reason=next(iter(AdjustmentReason)),
        packet=_DIGEST,
        digest=_DIGEST,
        requirement=ApprovalRequirement(
            policy="1",
            policy_digest=_DIGEST,
            rule="one-approver",
            approvers=1,
            counted=_AMOUNT.amount,
            currency=_AMOUNT.currency,
            of_order=_AMOUNT.amount,
        ),
        lapses_at=later,
    )
    approved = AdjustmentApproved(
        adjustment=adjustment,
        digest=_DIGEST,
        role=Role.FINANCE_APPROVER,
        limit="1000",
        complete=True,
        lapses_at=later,
    )
    return [
        _append_of("ana", case, 1, proposed, Duty.REVIEW, now),
        _append_of("fay", case, 2, approved, Duty.APPROVE, now),
    ]


def _append_of(
    name: str, case: UUID, version: int, event: Event, duty: Duty, now: datetime
) -> Append:
    key = f"key-{version}"
    actor, cause = Actor(f"key:{name}", name), f"command:{key}"
    line = RecordedEvent(
        stream=case, version=version, recorded_at=now, actor=actor, event=event, cause=cause
    )
    return Append(
        [to_stored(line)],
        command=CommandRow(name, key, hashlib.sha256(key.encode()).digest(), b"{}"),
        duties=[DutyRow(case, name, duty)],
    )


def append_calls(stream: UUID, case: UUID) -> dict[str, str]:
    """The calls of `append_events` that attackers make, by placeholder."""
    now = datetime.now(UTC)
    line = RecordedEvent(
        stream=stream,
        version=1,
        recorded_at=now,
        actor=Actor("key:mallory", "mallory"),
        event=PersonAdded(name="mallory", roles=(Role.GOVERNANCE_OWNER,)),
    )
    good = to_stored(line)
    backdated = to_stored(structs.replace(line, recorded_at=datetime(2001, 1, 1, tzinfo=UTC)))
    return {
        "fresh": _append_call(good),
        "with_a_false_leaf": _append_call(good, leaf=hashlib.sha256(b"other").digest()),
        "past_a_version": _append_call(to_stored(structs.replace(line, version=7))),
        "unreadable": _append_call(StoredEvent(stream, 1, good.topic, b"no envelope")),
        "of_another_stream": _append_call(StoredEvent(uuid4(), 1, good.topic, good.state)),
        "backdated": _append_call(backdated),
        "taken": _append_call(StoredEvent(case, 1, good.topic, good.state)),
        "lopsided": _append_call(good).replace("ARRAY[1]::bigint[]", "ARRAY[1, 2]::bigint[]"),
    }


def _append_call(event: StoredEvent, leaf: bytes | None = None) -> str:
    leaf = leaf if leaf is not None else leaf_digest(event.state)
    return (
        f"append_events(streams => ARRAY['{event.originator_id}'::uuid], "
        f"versions => ARRAY[{event.originator_version}]::bigint[], topics => ARRAY['{event.topic}'], "
        f"states => ARRAY['\\x{event.state.hex()}'::bytea], leaves => ARRAY['\\x{leaf.hex()}'::bytea])"
    )
