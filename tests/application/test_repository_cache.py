"""The cache of a process has states of the log and never goes back."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

from application.log.repository import Repository
from application.log.streams import case_after, cases
from domain.cases.exception_case import ExceptionCase
from tests.application.in_memory_service import InMemoryService, caller
from tests.domain.signals import after, unavailable


def case_of(service: InMemoryService) -> ExceptionCase:
    service.take(unavailable(), at=after(3))
    return service.only_case("stock_unavailable")


def test_a_stream_not_in_the_cache_is_read_from_the_log() -> None:
    service = InMemoryService()
    case = case_of(service)
    assert cases(service.log).cached([case.id]) == {case.id: case}


def test_a_missing_stream_is_left_out() -> None:
    service = InMemoryService()
    case, nothing = case_of(service), uuid4()
    assert cases(service.log).cached([nothing, case.id]).keys() == {case.id}


def test_a_cached_state_may_be_outdated_until_the_current_one_is_read() -> None:
    service = InMemoryService()
    case, memory = case_of(service), cases(service.log)
    memory.cached([case.id])
    held = service.desk.claim(case.id, case.version, caller("ana", after(4))).case
    assert memory.cached([case.id])[case.id].version == case.version
    assert memory.current([case.id]) == {case.id: held}
    assert memory.cached([case.id]) == {case.id: held}


def test_an_older_state_never_replaces_a_newer_one() -> None:
    service = InMemoryService()
    case, memory = case_of(service), cases(service.log)
    held = service.desk.claim(case.id, case.version, caller("ana", after(4))).case
    memory.keep(case.id, held)
    memory.keep(case.id, case)
    assert memory.cached([case.id]) == {case.id: held}


def test_only_new_events_of_other_processes_are_read() -> None:
    service = InMemoryService()
    case, memory = case_of(service), cases(service.log)
    memory.cached([case.id])
    by = caller("ana", after(4))
    held = service.desk.claim(case.id, case.version, by).case
    noted = service.desk.note(case.id, held.version, "Asked.", by).case
    nothing = uuid4()
    assert memory.refreshed([case.id, nothing]) == {case.id: noted}
    assert memory.cached([case.id]) == {case.id: noted}
    assert memory.refreshed([]) == {}
    (line, *_) = service.log.tails({case.id: held.version, nothing: 0})[case.id]
    assert (line.version, line.type) == (noted.version, "case.note_added")


def test_a_process_that_lost_a_race_catches_up_before_its_next_batch() -> None:
    service = InMemoryService()
    other = service.another_process()
    service.take(unavailable(), at=after(3))
    other.take(unavailable(4, id="second"), at=after(4))
    service.take(unavailable(5, id="third"), at=after(5))  # outdated, and the log says so
    other.take(unavailable(6, id="fourth"), at=after(6))
    head = service.log.head()
    service.take(unavailable(7, id="fifth"), at=after(7))
    assert service.only_case("stock_unavailable").signals_joined == 4
    assert service.log.head() == head + 2
    assert len(service.order().signals) == 5


def test_an_evicted_state_is_read_again() -> None:
    service = InMemoryService()
    case, memory = case_of(service), cases(service.log)
    memory.cached([case.id])
    held = service.desk.claim(case.id, case.version, caller("ana", after(4))).case
    memory.forget([case.id, uuid4()])
    assert memory.cached([case.id]) == {case.id: held}


def test_the_cache_is_limited_to_the_last_used_states() -> None:
    service = InMemoryService()
    case = case_of(service)
    read: list[UUID] = []

    def fold(state: ExceptionCase | None, line):  # type: ignore[no-untyped-def]
        if line.version == 1:
            read.append(line.stream)
        return case_after(state, line)

    memory = Repository(service.log, fold, most=2)
    others = [uuid4(), uuid4()]
    memory.cached([case.id])
    memory.keep(others[0], case)
    memory.cached([case.id])
    memory.keep(others[1], case)
    assert memory.cached([others[0]]) == {}
    memory.cached([case.id])
    assert read == [case.id]


def test_threads_that_share_a_cache_see_complete_states() -> None:
    service = InMemoryService()
    case = case_of(service)
    gate = threading.Barrier(6)

    def work(n: int) -> set[int]:
        gate.wait()
        seen = set()
        for hour in range(40):
            if n == 0:
                service.take(unavailable(3, id=str(hour)), at=after(4 + hour))
            state = service.cases.cached([case.id])[case.id]
            assert state.signals_joined == state.version - case.version
            seen.add(state.version)
        return seen

    with ThreadPoolExecutor(6) as pool:
        seen = set().union(*pool.map(work, range(6)))
    assert max(seen) == case.version + 40
    assert service.cases.cached([case.id])[case.id] == service.only_case("stock_unavailable")
