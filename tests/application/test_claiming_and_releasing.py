"""One person at a time holds a case, only that person acts on it, and a refusal says why."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from application.log.caller import Caller
from application.log.recorder import CommandRepeated, CommandRow
from domain.cases.errors import (
    CaseAlreadyResolved,
    CaseChanged,
    CaseNotFound,
    CaseNotOpen,
    CaseNotResolved,
    CaseNotYours,
)
from domain.cases.exception_case import ExceptionCase
from domain.orders.order import order_stream
from domain.people import Actor
from tests.application.in_memory_service import RESOLUTION, InMemoryService, caller
from tests.domain.signals import ORDER, after, cancelled, captured, refunded, unavailable

ANA, BO = caller("ana", after(10)), caller("bo", after(11))
ANA_LATER = caller("ana", after(12))


@pytest.fixture
def house() -> InMemoryService:
    house = InMemoryService()
    house.take(unavailable(), at=after(3))
    return house


@pytest.fixture
def case(house: InMemoryService) -> ExceptionCase:
    return house.only_case("stock_unavailable")


def test_a_claimed_case_belongs_to_the_claimant(house, case) -> None:
    done = house.desk.claim(case.id, case.version, ANA)
    assert (done.case.state, done.case.person, done.case.owned_since) == (
        "claimed",
        "ana",
        after(10),
    )
    assert done.position == house.log.head()
    assert house.only_case("stock_unavailable") == done.case
    line = house.log.trail(case.id)[-1]
    assert (line.actor, line.recorded_at, line.cause, line.order) == (
        Actor("key:ana", "ana"),
        after(10),
        "command:test",
        ORDER,
    )


def test_a_claimed_case_cannot_be_claimed_again(house, case) -> None:
    held = house.desk.claim(case.id, case.version, ANA).case
    with pytest.raises(CaseNotOpen, match="ana holds it"):
        house.desk.claim(case.id, held.version, BO)
    with pytest.raises(CaseNotOpen, match="ana holds it"):
        house.desk.claim(case.id, held.version, ANA)


def test_a_released_case_is_open_and_owned_by_its_team(house, case) -> None:
    held = house.desk.claim(case.id, case.version, ANA).case
    free = house.desk.release(case.id, held.version, "lunch", ANA_LATER).case
    assert (free.state, free.person, free.owned_since) == ("open", None, after(12))
    assert house.events(case.id, "case.released")[0].note == "lunch"
    assert house.desk.claim(case.id, free.version, BO).case.person == "bo"


def test_a_resolved_case_has_a_reason_and_no_owner(house, case) -> None:
    resolved = house.resolve(case, after(10))
    assert (resolved.state, resolved.person) == ("resolved", None)
    assert (resolved.resolution, resolved.resolved_at) == (RESOLUTION, after(10))


def test_a_reopened_case_is_open_in_its_queue_and_counts_as_rework(house, case) -> None:
    resolved = house.resolve(case, after(10))
    again = house.desk.reopen(case.id, resolved.version, "it came back", BO).case
    assert (again.state, again.reopened, again.resolution) == ("open", 1, None)
    assert house.trail(case.id)[-2:] == ["case.reopened", "case.routed"]
    assert again.routed == case.routed


Act = Callable[[InMemoryService, ExceptionCase, Caller], Any]
ACTS: dict[str, Act] = {
    "claim": lambda house, case, by: house.desk.claim(case.id, case.version, by),
    "release": lambda house, case, by: house.desk.release(case.id, case.version, "", by),
    "resolve": lambda house, case, by: house.desk.resolve(case.id, case.version, RESOLUTION, by),
    "reopen": lambda house, case, by: house.desk.reopen(case.id, case.version, "why", by),
}
REFUSED = {
    # state of the case that bo finds: the error that bo gets
    ("open", "release"): CaseNotYours,
    ("open", "resolve"): CaseNotYours,
    ("open", "reopen"): CaseNotResolved,
    ("held by ana", "claim"): CaseNotOpen,
    ("held by ana", "release"): CaseNotYours,
    ("held by ana", "resolve"): CaseNotYours,
    ("held by ana", "reopen"): CaseNotResolved,
    ("held by bo", "claim"): CaseNotOpen,
    ("held by bo", "reopen"): CaseNotResolved,
    ("resolved", "claim"): CaseNotOpen,
    ("resolved", "release"): CaseAlreadyResolved,
    ("resolved", "resolve"): CaseAlreadyResolved,
}


@pytest.mark.parametrize(("state", "act"), REFUSED)
def test_a_refused_command_changes_nothing(house, case, state, act) -> None:
    match state:
        case "held by ana":
            case = house.desk.claim(case.id, case.version, ANA).case
        case "held by bo":
            case = house.desk.claim(case.id, case.version, BO).case
        case "resolved":
            case = house.resolve(case, after(10))
    head = house.log.head()
    with pytest.raises(REFUSED[state, act]):
        ACTS[act](house, case, BO)
    assert house.log.head() == head


# Commands that were decided on an older version.


@pytest.mark.parametrize("act", ACTS)
def test_an_outdated_version_error_lists_the_changes_since(house, case, act) -> None:
    held = house.desk.claim(case.id, case.version, ANA).case
    house.take(unavailable(4, id="another"), at=after(12))
    with pytest.raises(CaseChanged) as changed:
        ACTS[act](house, case, BO)
    assert changed.value.facts["version"] == held.version + 1
    assert changed.value.facts["since"] == ["case.claimed", "case.signal_joined"]


@pytest.mark.parametrize("act", ACTS)
def test_an_outdated_version_in_another_process_is_refused(house, case, act) -> None:
    other = house.another_process()
    other.cases.cached([case.id])
    house.desk.claim(case.id, case.version, ANA)
    with pytest.raises((CaseChanged, CaseNotYours, CaseNotResolved)) as refused:
        ACTS[act](other, case, BO)
    if isinstance(refused.value, CaseChanged):
        assert refused.value.facts["since"] == ["case.claimed"]
    assert len(house.trail(case.id)) == case.version + 1


def test_a_future_version_is_refused(house, case) -> None:
    with pytest.raises(CaseChanged) as changed:
        house.desk.claim(case.id, case.version + 5, ANA)
    assert (changed.value.facts["version"], changed.value.facts["since"]) == (case.version, [])


def test_an_outdated_cache_accepts_the_newest_version(house, case) -> None:
    other = house.another_process()
    other.cases.cached([case.id])
    held = house.desk.claim(case.id, case.version, ANA).case
    assert other.desk.release(case.id, held.version, "", ANA).case.state == "open"


# Unknown case ids.


@pytest.mark.parametrize("act", [*ACTS, "read", "trail"])
@pytest.mark.parametrize("stream", [uuid4(), order_stream(ORDER)], ids=["nothing", "an order"])
def test_an_unknown_case_id_is_not_found(house, case, act, stream: UUID) -> None:
    reads: dict[str, Act] = {
        "read": lambda house, case, by: house.desk.case(case.id),
        "trail": lambda house, case, by: house.desk.trail(case.id),
    }
    with pytest.raises(CaseNotFound):
        (ACTS | reads)[act](house, replace(case, id=stream), BO)


def test_claim_next_skips_an_unknown_case_id(house, case) -> None:
    done = house.desk.claim_next([uuid4(), case.id], ANA)
    assert done is not None
    assert done.case.id == case.id


# Claim next.


def open_cases(house: InMemoryService, count: int) -> list[UUID]:
    for n in range(count):
        house.take(replace(unavailable(), order=f"o-{n}"), at=after(3))
    return [case.id for case in house.found()]


@pytest.mark.parametrize("shared", [True, False], ids=["one process", "a process each"])
def test_claim_next_never_gives_one_case_to_two_people(shared) -> None:
    house = InMemoryService()
    candidates = open_cases(house, 48)
    desks = [(house if shared else house.another_process()).desk for _ in range(16)]
    gate = threading.Barrier(len(desks))

    def work(n: int) -> list[UUID]:
        gate.wait()
        mine = []
        while done := desks[n].claim_next(candidates, caller(f"p{n}", after(4))):
            mine.append(done.case.id)
        return mine

    with ThreadPoolExecutor(len(desks)) as pool:
        hands = list(pool.map(work, range(len(desks))))
    claimed = [case for hand in hands for case in hand]
    assert sorted(claimed) == sorted(candidates)
    assert {case.person for case in house.found()} == {f"p{n}" for n in range(16) if hands[n]}
    assert all(house.trail(case).count("case.claimed") == 1 for case in candidates)


def test_one_of_sixteen_concurrent_claims_succeeds(house, case) -> None:
    gate = threading.Barrier(16)

    def claim(n: int) -> str:
        gate.wait()
        try:
            return str(
                house.desk.claim(case.id, case.version, caller(f"p{n}", after(4))).case.person
            )
        except (CaseNotOpen, CaseChanged):
            return ""

    with ThreadPoolExecutor(16) as pool:
        won = [person for person in pool.map(claim, range(16)) if person]
    assert won == [house.only_case("stock_unavailable").person]


def test_claim_next_takes_the_first_open_case() -> None:
    house = InMemoryService()
    first, second, third = open_cases(house, 3)
    house.resolve(next(c for c in house.found() if c.id == first), after(5))
    house.desk.claim(second, 3, BO)
    done = house.desk.claim_next([first, second, third], ANA)
    assert done is not None
    assert done.case.id == third
    assert house.desk.claim_next([first, second, third], ANA) is None


def test_claim_next_offers_a_case_that_another_process_released(house, case) -> None:
    other = house.another_process()
    held = other.desk.claim(case.id, case.version, BO).case
    house.desk.release(case.id, held.version, "", caller("bo", after(12)))
    done = other.desk.claim_next([case.id], ANA)
    assert done is not None
    assert done.case.person == "ana"


def test_claim_next_offers_a_case_that_another_process_reopened(house, case) -> None:
    other = house.another_process()
    resolved = other.resolve(case, after(10))
    house.desk.reopen(case.id, resolved.version, "not done", BO)
    assert other.desk.claim_next([case.id], ANA) is not None


# Signals that arrive while other processes work on the case.


def test_evidence_joins_a_case_that_another_process_reopened() -> None:
    house = InMemoryService()
    other = house.another_process()
    house.take(captured(), cancelled(), at=after(4))
    resolved = house.resolve(house.only_case("refund_due"), after(5))
    other.desk.reopen(resolved.id, resolved.version, "not paid back", BO)
    house.take(refunded(12), at=after(13))
    case = house.only_case("refund_due")
    assert (case.state, case.signals_joined, case.cleared) == ("open", 1, True)


def test_evidence_joins_a_case_that_another_process_claimed() -> None:
    house = InMemoryService()
    other = house.another_process()
    house.take(captured(), cancelled(), at=after(4))
    case = house.only_case("refund_due")
    other.desk.claim(case.id, case.version, ANA)
    house.take(refunded(12), at=after(13))
    case = house.only_case("refund_due")
    assert (case.state, case.person, case.cleared) == ("claimed", "ana", True)


# The answer that is stored with the command.


def test_a_repeated_command_runs_once_and_returns_its_answer(house, case) -> None:
    row = CommandRow("key:ana", "k-1", b"digest", b"answer")
    by = Caller(ANA.actor, "ana", after(10), "command:k-1", lambda _: row)
    held = house.desk.claim(case.id, case.version, by).case
    answer = house.log.answer("key:ana", "k-1")
    assert answer is not None
    assert (answer.result, answer.position) == (b"answer", house.log.head())
    with pytest.raises(CommandRepeated):
        house.desk.release(case.id, held.version, "", by)
    assert house.only_case("stock_unavailable") == held


def test_a_refused_command_stores_no_answer(house, case) -> None:
    row = CommandRow("key:bo", "k-2", b"digest", b"answer")
    with pytest.raises(CaseNotYours):
        house.desk.release(
            case.id, case.version, "", Caller(BO.actor, "bo", after(9), "c", lambda _: row)
        )
    assert house.log.answer("key:bo", "k-2") is None
