"""A person's first duty in a case is the only one, and what would bring another is not stored at all."""

import pytest

from application.log.recorder import Append, DutyRow, DutyTaken, LogRecorder
from domain.adjustments.kinds import Duty
from infrastructure.event_store.pending import Pending, without_rivals
from tests.event_store.writing import UUID, answers, append_of, event, read, uuid4

REVIEW, APPROVE, EXECUTE = Duty.REVIEW, Duty.APPROVE, Duty.EXECUTE


def taking(*rows: tuple[UUID, str, Duty]) -> Append:
    return Append([event()], duties=[DutyRow(*row) for row in rows])


def test_a_second_duty_is_refused_with_all_that_came_with_it(recorder: LogRecorder) -> None:
    case, other = uuid4(), uuid4()
    recorder.append(taking((case, "ana", REVIEW)))
    for rows in (
        [(case, "ana", APPROVE)],
        [(case, "bo", APPROVE), (case, "ana", APPROVE)],
        [(case, "bo", APPROVE), (case, "bo", EXECUTE)],
    ):
        with pytest.raises(DutyTaken):
            recorder.append(taking(*rows))
    assert recorder.head() == 1
    # Nothing of what was refused stands against bo, nor anything against ana elsewhere.
    recorder.append(taking((case, "bo", EXECUTE), (other, "ana", APPROVE)))
    recorder.append(taking((case, "ana", REVIEW), (case, "bo", EXECUTE)))
    assert recorder.head() == 3


def test_of_many_at_once_one_takes_it_and_the_others_are_told(
    recorder: LogRecorder, dsn: str
) -> None:
    case = uuid4()
    wanted = [(REVIEW, APPROVE, EXECUTE)[n % 3] for n in range(24)]
    told = answers([lambda d=d: recorder.append(taking((case, "ana", d))) for d in wanted])
    done = {duty for duty, one in zip(wanted, told, strict=True) if not isinstance(one, Exception)}
    assert len(done) == 1
    assert {type(one) for one in told if isinstance(one, Exception)} == {DutyTaken}
    assert recorder.head() == sum(not isinstance(one, Exception) for one in told) == 8


def test_who_wants_two_duties_at_once_does_not_share_a_transaction() -> None:
    case = uuid4()
    first, second, other = (
        Pending(taking((case, "ana", REVIEW))),
        Pending(taking((case, "ana", APPROVE))),
        Pending(append_of()),
    )
    assert without_rivals([first, second, other]) == ([first, other], [second])


def test_nobody_writes_a_second_duty_past_the_service(dsn: str) -> None:
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
