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
def service() -> InMemoryService:
    service = InMemoryService()
    service.take(unavailable(), at=after(3))
    return service


@pytest.fixture
def case(service: InMemoryService) -> ExceptionCase:
    return service.only_case("stock_unavailable")


def test_a_claimed_case_belongs_to_the_claimant(service, case) -> None:
    done = service.desk.claim(case.id, case.version, ANA)
    assert (done.case.state, done.case.person, done.case.owned_since) == (
        "claimed",
        "ana",
        after(10),
    )
    assert done.position == service.log.head()
    assert service.only_case("stock_unavailable") == done.case
    line = service.log.trail(case.id)[-1]
    assert (line.actor, line.recorded_at, line.cause, line.order) == (
        Actor("key:ana", "ana"),
        after(10),
        "command:test",
        ORDER,
    )


def test_a_claimed_case_cannot_be_claimed_again(service, case) -> None:
    held = service.desk.claim(case.id, case.version, ANA).case
    with pytest.raises(CaseNotOpen, match="ana holds it"):
        service.desk.claim(case.id, held.version, BO)
    with pytest.raises(CaseNotOpen, match="ana holds it"):
        service.desk.claim(case.id, held.version, ANA)


def test_a_released_case_is_open_and_owned_by_its_team(service, case) -> None:
    held = service.desk.claim(case.id, case.version, ANA).case
    free = service.desk.release(case.id, held.version, "lunch", ANA_LATER).case
    assert (free.state, free.person, free.owned_since) == ("open", None, after(12))
    assert service.events(case.id, "case.released")[0].note == "lunch"
    assert service.desk.claim(case.id, free.version, BO).case.person == "bo"


def test_a_resolved_case_has_a_reason_and_no_owner(service, case) -> None:
    resolved = service.resolve(case, after(10))
    assert (resolved.state, resolved.person) == ("resolved", None)
    assert (resolved.resolution, resolved.resolved_at) == (RESOLUTION, after(10))


def test_a_reopened_case_is_open_in_its_queue_and_counts_as_rework(service, case) -> None:
    resolved = service.resolve(case, after(10))
    again = service.desk.reopen(case.id, resolved.version, "it came back", BO).case
    assert (again.state, again.reopened, again.resolution) == ("open", 1, None)
    assert service.trail(case.id)[-2:] == ["case.reopened", "case.routed"]
    assert again.routed == case.routed


Act = Callable[[InMemoryService, ExceptionCase, Caller], Any]
ACTS: dict[str, Act] = {
    "claim": lambda service, case, by: service.desk.claim(case.id, case.version, by),
    "release": lambda service, case, by: service.desk.release(case.id, case.version, "", by),
    "resolve": lambda service, case, by: service.desk.resolve(
        case.id, case.version, RESOLUTION, by
    ),
    "reopen": lambda service, case, by: service.desk.reopen(case.id, case.version, "why", by),
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
def test_a_refused_command_changes_nothing(service, case, state, act) -> None:
    match state:
        case "held by ana":
            case = service.desk.claim(case.id, case.version, ANA).case
        case "held by bo":
            case = service.desk.claim(case.id, case.version, BO).case
        case "resolved":
            case = service.resolve(case, after(10))
    head = service.log.head()
    with pytest.raises(REFUSED[state, act]):
        ACTS[act](service, case, BO)
    assert service.log.head() == head


# Commands that were decided on an older version.


@pytest.mark.parametrize("act", ACTS)
def test_an_outdated_version_error_lists_the_changes_since(service, case, act) -> None:
    held = service.desk.claim(case.id, case.version, ANA).case
    service.take(unavailable(4, id="another"), at=after(12))
    with pytest.raises(CaseChanged) as changed:
        ACTS[act](service, case, BO)
    assert changed.value.facts["version"] == held.version + 1
    assert changed.value.facts["since"] == ["case.claimed", "case.signal_joined"]


@pytest.mark.parametrize("act", ACTS)
def test_an_outdated_version_in_another_process_is_refused(service, case, act) -> None:
    other = service.another_process()
    other.cases.cached([case.id])
    service.desk.claim(case.id, case.version, ANA)
    with pytest.raises((CaseChanged, CaseNotYours, CaseNotResolved)) as refused:
        ACTS[act](other, case, BO)
    if isinstance(refused.value, CaseChanged):
        assert refused.value.facts["since"] == ["case.claimed"]
    assert len(service.trail(case.id)) == case.version + 1


def test_a_future_version_is_refused(service, case) -> None:
    with pytest.raises(CaseChanged) as changed:
        service.desk.claim(case.id, case.version + 5, ANA)
    assert (changed.value.facts["version"], changed.value.facts["since"]) == (case.version, [])


def test_an_outdated_cache_accepts_the_newest_version(service, case) -> None:
    other = service.another_process()
    other.cases.cached([case.id])
    held = service.desk.claim(case.id, case.version, ANA).case
    assert other.desk.release(case.id, held.version, "", ANA).case.state == "open"


# Unknown case ids.


@pytest.mark.parametrize("act", [*ACTS, "read", "trail"])
@pytest.mark.parametrize("stream", [uuid4(), order_stream(ORDER)], ids=["nothing", "an order"])
def test_an_unknown_case_id_is_not_found(service, case, act, stream: UUID) -> None:
    reads: dict[str, Act] = {
        "read": lambda service, case, by: service.desk.case(case.id),
        "trail": lambda service, case, by: service.desk.trail(case.id),
    }
    with pytest.raises(CaseNotFound):
        (ACTS | reads)[act](service, replace(case, id=stream), BO)


def test_claim_next_skips_an_unknown_case_id(service, case) -> None:
    done = service.desk.claim_next([uuid4(), case.id], ANA)
    assert done is not None
    assert done.case.id == case.id


# Claim next.


def open_cases(service: InMemoryService, count: int) -> list[UUID]:
    for n in range(count):
        service.take(replace(unavailable(), order=f"o-{n}"), at=after(3))
    return [case.id for case in service.found()]


@pytest.mark.parametrize("shared", [True, False], ids=["one process", "a process each"])
def test_claim_next_never_gives_one_case_to_two_people(shared) -> None:
    service = InMemoryService()
    candidates = open_cases(service, 48)
    desks = [(service if shared else service.another_process()).desk for _ in range(16)]
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
    assert {case.person for case in service.found()} == {f"p{n}" for n in range(16) if hands[n]}
    assert all(service.trail(case).count("case.claimed") == 1 for case in candidates)


def test_one_of_sixteen_concurrent_claims_succeeds(service, case) -> None:
    gate = threading.Barrier(16)

    def claim(n: int) -> str:
        gate.wait()
        try:
            return str(
                service.desk.claim(case.id, case.version, caller(f"p{n}", after(4))).case.person
            )
        except (CaseNotOpen, CaseChanged):
            return ""

    with ThreadPoolExecutor(16) as pool:
        won = [person for person in pool.map(claim, range(16)) if person]
    assert won == [service.only_case("stock_unavailable").person]


def test_claim_next_takes_the_first_open_case() -> None:
    service = InMemoryService()
    first, second, third = open_cases(service, 3)
    service.resolve(next(c for c in service.found() if c.id == first), after(5))
    service.desk.claim(second, 3, BO)
    done = service.desk.claim_next([first, second, third], ANA)
    assert done is not None
    assert done.case.id == third
    assert service.desk.claim_next([first, second, third], ANA) is None


def test_claim_next_offers_a_case_that_another_process_released(service, case) -> None:
    other = service.another_process()
    held = other.desk.claim(case.id, case.version, BO).case
    service.desk.release(case.id, held.version, "", caller("bo", after(12)))
    done = other.desk.claim_next([case.id], ANA)
    assert done is not None
    assert done.case.person == "ana"


def test_claim_next_offers_a_case_that_another_process_reopened(service, case) -> None:
    other = service.another_process()
    resolved = other.resolve(case, after(10))
    service.desk.reopen(case.id, resolved.version, "not done", BO)
    assert other.desk.claim_next([case.id], ANA) is not None


# Signals that arrive while other processes work on the case.


def test_evidence_joins_a_case_that_another_process_reopened() -> None:
    service = InMemoryService()
    other = service.another_process()
    service.take(captured(), cancelled(), at=after(4))
    resolved = service.resolve(service.only_case("refund_due"), after(5))
    other.desk.reopen(resolved.id, resolved.version, "not paid back", BO)
    service.take(refunded(12), at=after(13))
    case = service.only_case("refund_due")
    assert (case.state, case.signals_joined, case.cleared) == ("open", 1, True)


def test_evidence_joins_a_case_that_another_process_claimed() -> None:
    service = InMemoryService()
    other = service.another_process()
    service.take(captured(), cancelled(), at=after(4))
    case = service.only_case("refund_due")
    other.desk.claim(case.id, case.version, ANA)
    service.take(refunded(12), at=after(13))
    case = service.only_case("refund_due")
    assert (case.state, case.person, case.cleared) == ("claimed", "ana", True)


# The answer that is stored with the command.


def test_a_repeated_command_runs_once_and_returns_its_answer(service, case) -> None:
    row = CommandRow("key:ana", "k-1", b"digest", b"answer")
    by = Caller(ANA.actor, "ana", after(10), "command:k-1", lambda _: row)
    held = service.desk.claim(case.id, case.version, by).case
    answer = service.log.answer("key:ana", "k-1")
    assert answer is not None
    assert (answer.result, answer.position) == (b"answer", service.log.head())
    with pytest.raises(CommandRepeated):
        service.desk.release(case.id, held.version, "", by)
    assert service.only_case("stock_unavailable") == held


def test_a_refused_command_stores_no_answer(service, case) -> None:
    row = CommandRow("key:bo", "k-2", b"digest", b"answer")
    with pytest.raises(CaseNotYours):
        service.desk.release(
            case.id, case.version, "", Caller(BO.actor, "bo", after(9), "c", lambda _: row)
        )
    assert service.log.answer("key:bo", "k-2") is None
