"""A person has one duty in a case. An append that would give a second one is not stored at all."""

import pytest

from application.log.recorder import Append, DutyRow, DutyTaken, LogRecorder
from domain.adjustments.kinds import Duty
from infrastructure.event_store.pending_append import PendingAppend, split_conflicting
from tests.event_store.appends import UUID, append_of, call_all_at_once, event, read, uuid4

REVIEW, APPROVE, EXECUTE = Duty.REVIEW, Duty.APPROVE, Duty.EXECUTE


def append_duties(*rows: tuple[UUID, str, Duty]) -> Append:
    return Append([event()], duties=[DutyRow(*row) for row in rows])


def test_a_second_duty_is_refused_with_its_whole_append(recorder: LogRecorder) -> None:
    case, other = uuid4(), uuid4()
    recorder.append(append_duties((case, "ana", REVIEW)))
    for rows in (
        [(case, "ana", APPROVE)],
        [(case, "bo", APPROVE), (case, "ana", APPROVE)],
        [(case, "bo", APPROVE), (case, "bo", EXECUTE)],
    ):
        with pytest.raises(DutyTaken):
            recorder.append(append_duties(*rows))
    assert recorder.head() == 1
    # bo got no duty from the refused appends, and ana may take another duty in another case.
    recorder.append(append_duties((case, "bo", EXECUTE), (other, "ana", APPROVE)))
    recorder.append(append_duties((case, "ana", REVIEW), (case, "bo", EXECUTE)))
    assert recorder.head() == 3


def test_of_many_appends_at_once_only_one_duty_is_taken(recorder: LogRecorder, dsn: str) -> None:
    case = uuid4()
    wanted = [(REVIEW, APPROVE, EXECUTE)[n % 3] for n in range(24)]
    results = call_all_at_once(
        [lambda d=d: recorder.append(append_duties((case, "ana", d))) for d in wanted]
    )
    done = {
        duty for duty, one in zip(wanted, results, strict=True) if not isinstance(one, Exception)
    }
    assert len(done) == 1
    assert {type(one) for one in results if isinstance(one, Exception)} == {DutyTaken}
    assert recorder.head() == sum(not isinstance(one, Exception) for one in results) == 8


def test_of_appends_for_two_cases_of_one_order_at_once_one_duty_is_taken(
    recorder: LogRecorder,
) -> None:
    """Each append brings the row of its case and the same for the order's stream."""
    order = uuid4()
    wanted = [(REVIEW, APPROVE)[n % 2] for n in range(16)]
    results = call_all_at_once(
        [
            lambda d=d: recorder.append(append_duties((uuid4(), "ana", d), (order, "ana", d)))
            for d in wanted
        ]
    )
    done = {d for d, one in zip(wanted, results, strict=True) if not isinstance(one, Exception)}
    assert len(done) == 1
    assert {type(one) for one in results if isinstance(one, Exception)} == {DutyTaken}
    assert recorder.head() == 8


def test_two_duties_of_one_person_do_not_share_a_transaction() -> None:
    case = uuid4()
    first, second, other = (
        PendingAppend(append_duties((case, "ana", REVIEW))),
        PendingAppend(append_duties((case, "ana", APPROVE))),
        PendingAppend(append_of()),
    )
    assert split_conflicting([first, second, other]) == ([first, other], [second])


def test_the_database_itself_refuses_a_second_duty(dsn: str) -> None:
    case = uuid4()
    call = (
        "SELECT append_events(duty_cases => ARRAY['{}'::uuid], duty_persons => ARRAY['ana'], "
        "duties_taken => ARRAY['{}'])"
    )
    read(dsn, call.format(case, "review"))
    with pytest.raises(Exception, match="has another duty"):
        read(dsn, call.format(case, "approve"))
    with pytest.raises(Exception, match="duplicate key"):
        read(dsn, f"INSERT INTO duties VALUES ('{case}', 'ana', 'approve', 1)")
