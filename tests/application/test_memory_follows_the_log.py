"""What a process remembers of an order or a case is what the log had, and never goes back."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

from application.log.repository import Repository
from application.log.streams import case_after, cases
from domain.cases.exception_case import ExceptionCase
from tests.application.house import House, caller
from tests.domain.telling import after, unavailable


def case_of(house: House) -> ExceptionCase:
    house.take(unavailable(), at=after(3))
    return house.the("stock_unavailable")


def test_what_is_not_at_hand_is_read_from_the_log() -> None:
    house = House()
    case = case_of(house)
    assert cases(house.log).at_hand([case.id]) == {case.id: case}


def test_a_stream_that_is_not_there_is_left_out() -> None:
    house = House()
    case, nothing = case_of(house), uuid4()
    assert cases(house.log).at_hand([nothing, case.id]).keys() == {case.id}


def test_what_is_at_hand_may_be_older_until_it_is_asked_for_as_of_now() -> None:
    house = House()
    case, memory = case_of(house), cases(house.log)
    memory.at_hand([case.id])
    held = house.desk.claim(case.id, case.version, caller("ana", after(4))).case
    assert memory.at_hand([case.id])[case.id].version == case.version
    assert memory.current([case.id]) == {case.id: held}
    assert memory.at_hand([case.id]) == {case.id: held}


def test_an_older_state_never_takes_the_place_of_a_newer_one() -> None:
    house = House()
    case, memory = case_of(house), cases(house.log)
    held = house.desk.claim(case.id, case.version, caller("ana", after(4))).case
    memory.keep(case.id, held)
    memory.keep(case.id, case)
    assert memory.at_hand([case.id]) == {case.id: held}


def test_what_others_have_added_is_caught_up_with_and_nothing_else_is_read() -> None:
    house = House()
    case, memory = case_of(house), cases(house.log)
    memory.at_hand([case.id])
    by = caller("ana", after(4))
    held = house.desk.claim(case.id, case.version, by).case
    noted = house.desk.note(case.id, held.version, "Asked.", by).case
    nothing = uuid4()
    assert memory.caught_up([case.id, nothing]) == {case.id: noted}
    assert memory.at_hand([case.id]) == {case.id: noted}
    assert memory.caught_up([]) == {}
    (line, *_) = house.log.tails({case.id: held.version, nothing: 0})[case.id]
    assert (line.version, line.type) == (noted.version, "case.note_added")


def test_a_process_that_has_lost_a_race_catches_up_before_it_works_a_batch_out() -> None:
    house = House()
    other = house.neighbour()
    house.take(unavailable(), at=after(3))
    other.take(unavailable(4, id="second"), at=after(4))
    house.take(unavailable(5, id="third"), at=after(5))  # behind, and told so by the log
    other.take(unavailable(6, id="fourth"), at=after(6))
    head = house.log.head()
    house.take(unavailable(7, id="fifth"), at=after(7))
    assert house.the("stock_unavailable").signals_joined == 4
    assert house.log.head() == head + 2
    assert len(house.order().signals) == 5


def test_what_is_forgotten_is_read_anew() -> None:
    house = House()
    case, memory = case_of(house), cases(house.log)
    memory.at_hand([case.id])
    held = house.desk.claim(case.id, case.version, caller("ana", after(4))).case
    memory.forget([case.id, uuid4()])
    assert memory.at_hand([case.id]) == {case.id: held}


def test_only_so_many_are_kept_and_those_that_were_used_last() -> None:
    house = House()
    case = case_of(house)
    read: list[UUID] = []

    def fold(state: ExceptionCase | None, line):  # type: ignore[no-untyped-def]
        if line.version == 1:
            read.append(line.stream)
        return case_after(state, line)

    memory = Repository(house.log, fold, most=2)
    others = [uuid4(), uuid4()]
    memory.at_hand([case.id])
    memory.keep(others[0], case)
    memory.at_hand([case.id])
    memory.keep(others[1], case)
    assert memory.at_hand([others[0]]) == {}
    memory.at_hand([case.id])
    assert read == [case.id]


def test_threads_that_share_a_memory_see_whole_states_only() -> None:
    house = House()
    case = case_of(house)
    gate = threading.Barrier(6)

    def work(n: int) -> set[int]:
        gate.wait()
        seen = set()
        for hour in range(40):
            if n == 0:
                house.take(unavailable(3, id=str(hour)), at=after(4 + hour))
            state = house.cases.at_hand([case.id])[case.id]
            assert state.signals_joined == state.version - case.version
            seen.add(state.version)
        return seen

    with ThreadPoolExecutor(6) as pool:
        seen = set().union(*pool.map(work, range(6)))
    assert max(seen) == case.version + 40
    assert house.cases.at_hand([case.id])[case.id] == house.the("stock_unavailable")
