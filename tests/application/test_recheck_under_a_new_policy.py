"""After a policy change everything open is rechecked under the new policy. New problems are
opened, problems that are over are cleared, and running clocks do not change."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from application.policy import recheck
from application.policy.policy_desk import PolicyDesk
from application.policy.recheck import PAUSE, RecheckDesk
from application.policy.recheck_timers import RECHECK_DELAY
from domain.cases.left_to_person import why_left_to_person
from domain.orders.order import order_stream
from domain.policy.events import POLICY_STREAM, recheck_stream
from domain.policy.rulebook import Rulebook
from tests.application.in_memory_service import (
    SHIPPED_RULEBOOK,
    InMemoryService,
    caller,
    kinds,
    staff,
)
from tests.application.policy_changes import approve_policy, change_policy, recheck_open_cases
from tests.domain.policies import shipped, with_version, without_kinds
from tests.domain.signals import (
    ORDER,
    after,
    cancelled,
    captured,
    delivered,
    placed,
    promising,
    scanned,
    unavailable,
)
from tests.domain.signals import approved as payment_approved


class PolicyChange:
    """A service that starts with one policy and then changes to the shipped one."""

    def __init__(self, first: Rulebook) -> None:
        self.service = InMemoryService(first)
        self.now = after(0)
        self.desk = PolicyDesk(self.service.log, lambda: self.now)
        self.desk.bootstrap(first, after(0))

    def change(self, rulebook: Rulebook, hour: float) -> int:
        """Activate it and recheck everything; returns the number of batches."""
        self.now = after(hour)
        change_policy(self.desk, rulebook, self.now)
        self.service.rulebook = rulebook
        return recheck_open_cases(self.service, self.desk, rulebook.digest, self.now)

    def ended(self, rulebook: Rulebook) -> Any:
        progress = RecheckDesk(self.service.log, self.desk, staff).progress(rulebook.digest)
        assert progress is not None
        return progress


def resolving_by_itself(version: str, automation: str = "automatic") -> Rulebook:
    """The shipped policy, in which a cancellation clears a case about stock."""
    kinds = shipped()["kinds"]
    kinds["stock_unavailable"]["cleared_when"] = {"fact": "order.cancelled", "is": True}
    kinds["stock_unavailable"]["automation"] = automation
    found = with_version(version, kinds=kinds)
    return Rulebook(structs.replace(found.document, automation_pauses_when=None))


def test_problems_that_only_the_new_policy_detects_are_opened() -> None:
    setup = PolicyChange(without_kinds("stock_unavailable"))
    setup.service.take(promising(), unavailable(3), at=after(4))
    assert setup.service.found() == []
    setup.change(SHIPPED_RULEBOOK, 5)
    case = setup.service.only_case("stock_unavailable")
    assert case.state == "open"
    detected, *_ = setup.service.log.trail(case.id)
    assert detected.event.decision.policy == SHIPPED_RULEBOOK.version
    assert detected.event.signals == (unavailable(3).key,)
    assert detected.actor.principal == "system:policy"
    assert detected.cause == f"policy:{SHIPPED_RULEBOOK.digest[:16]}"
    ended = setup.ended(SHIPPED_RULEBOOK)
    assert (ended.orders, ended.opened, ended.done_percent) == (1, 1, 100)
    assert setup.service.log.trail(recheck_stream(SHIPPED_RULEBOOK.digest, after(5)))[-1].type == (
        "policy.recheck_finished"
    )


def test_new_expectations_apply_without_a_signal() -> None:
    setup = PolicyChange(without_kinds("delivery_late"))
    setup.service.take(promising(), payment_approved(), scanned(3), at=after(4))
    setup.change(SHIPPED_RULEBOOK, 5)
    assert setup.service.due()[order_stream(ORDER)] <= after(252)
    setup.service.tick(after(252))
    assert "delivery_late" in kinds(setup.service.found())


def test_a_case_that_is_no_problem_under_the_new_policy_is_cleared() -> None:
    lenient = resolving_by_itself("lenient")
    setup = PolicyChange(SHIPPED_RULEBOOK)
    setup.service.take(promising(), unavailable(3), cancelled(4), at=after(4))
    assert setup.service.only_case("stock_unavailable").state == "open"
    setup.change(lenient, 5)
    case = setup.service.only_case("stock_unavailable")
    assert case.state == "resolved"
    assert setup.service.trail(case.id)[-2:] == ["case.signal_joined", "case.resolved"]
    (resolved,) = setup.service.events(case.id, "case.resolved")
    assert resolved.clearing.policy == "lenient"
    assert setup.ended(lenient).cleared == 1


def test_a_cleared_case_of_a_reviewed_kind_stays_open_and_says_why() -> None:
    document = shipped()
    del document["kinds"]["stock_unavailable"]["cleared_when"]
    setup = PolicyChange(with_version("stern", kinds=document["kinds"]))
    setup.service.take(promising(), unavailable(3), cancelled(4), at=after(4))
    case = setup.service.only_case("stock_unavailable")
    assert why_left_to_person(case) is None  # the problem is still there
    setup.change(SHIPPED_RULEBOOK, 5)
    case = setup.service.only_case("stock_unavailable")
    assert (case.state, case.cleared) == ("open", True)
    assert why_left_to_person(case) == (
        "The problem is gone. A person must resolve the case: the automation of this kind is `blocked`."
    )
    case = setup.service.resolve(case, after(6))
    assert why_left_to_person(case) is None


def test_running_clocks_do_not_change() -> None:
    setup = PolicyChange(SHIPPED_RULEBOOK)
    setup.service.take(promising(), unavailable(3), at=after(4))
    case = setup.service.only_case("stock_unavailable")
    services = [
        structs.replace(one, resolution=timedelta(hours=1), by_cut_off={})
        for one in SHIPPED_RULEBOOK.document.services
    ]
    strict = Rulebook(
        structs.replace(SHIPPED_RULEBOOK.document, version="strict", services=tuple(services))
    )
    setup.change(strict, 5)
    after_change = setup.service.only_case("stock_unavailable")
    assert after_change.timing == case.timing
    assert after_change.version == case.version
    setup.service.take(structs.replace(unavailable(6), order="o-2"), at=after(7))
    newer = [one for one in setup.service.found() if one.order == "o-2"]
    assert newer[0].timing.clock.terms != case.timing.clock.terms


def test_resolved_cases_stay_resolved() -> None:
    setup = PolicyChange(SHIPPED_RULEBOOK)
    setup.service.take(promising(), unavailable(3), at=after(4))
    setup.service.resolve(setup.service.only_case("stock_unavailable"), after(5))
    document = shipped()
    for rule in document["detect"]:
        if rule["kind"] == "stock_unavailable":
            rule["when"] = {"all": [rule["when"], {"fact": "order.placed", "is": True}]}
    setup.change(with_version("next", detect=document["detect"]), 6)
    assert setup.service.only_case("stock_unavailable").state == "resolved"


def test_finished_orders_are_left_alone() -> None:
    setup = PolicyChange(without_kinds("stock_unavailable"))
    setup.service.take(placed(0), unavailable(3), delivered(20), at=after(21))
    setup.service.tick(after(2_000))
    for case in setup.service.found():
        if not case.is_resolved:
            setup.service.resolve(case, after(2_000))
    cases = len(setup.service.found())
    setup.change(SHIPPED_RULEBOOK, 2_001)
    assert len(setup.service.found()) == cases
    assert setup.ended(SHIPPED_RULEBOOK).orders == 0


def test_an_interrupted_recheck_continues_where_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recheck, "BATCH_SIZE", 2)
    setup = PolicyChange(without_kinds("stock_unavailable"))
    for number in range(7):
        order = f"o-{number}"
        setup.service.take(structs.replace(unavailable(3), order=order), at=after(4))
    setup.now = after(5)
    change_policy(setup.desk, SHIPPED_RULEBOOK, setup.now)
    stream = recheck_stream(SHIPPED_RULEBOOK.digest, setup.now)
    now = setup.now + RECHECK_DELAY
    for done in range(6):
        # Another process each time, which has only the log.
        desk = PolicyDesk(setup.service.log, lambda: setup.now)
        desk.load()
        rechecks = RecheckDesk(setup.service.log, desk, staff)
        rechecks.tick(stream, now)
        progress = rechecks.progress(SHIPPED_RULEBOOK.digest)
        assert progress is not None
        assert progress.orders == min(2 * done, 7)
        assert len(setup.service.found()) == progress.opened == progress.orders
        now += PAUSE
    assert progress.finished_at is not None
    assert stream not in setup.service.due()


def test_the_recheck_waits_until_every_process_uses_the_new_policy() -> None:
    setup = PolicyChange(without_kinds("stock_unavailable"))
    setup.now = after(5)
    change_policy(setup.desk, SHIPPED_RULEBOOK, setup.now)
    assert (
        setup.service.due()[recheck_stream(SHIPPED_RULEBOOK.digest, setup.now)]
        == setup.now + RECHECK_DELAY
    )


def test_each_policy_change_has_its_own_recheck() -> None:
    setup = PolicyChange(without_kinds("stock_unavailable"))
    setup.service.take(promising(), unavailable(3), at=after(4))
    setup.now = after(5)
    change_policy(setup.desk, SHIPPED_RULEBOOK, setup.now)
    stream = recheck_stream(SHIPPED_RULEBOOK.digest, setup.now)
    rechecks = RecheckDesk(setup.service.log, setup.desk, staff)
    rechecks.tick(stream, after(5) + RECHECK_DELAY)
    setup.now = after(5) + RECHECK_DELAY
    back = change_policy(setup.desk, without_kinds("stock_unavailable", version="back"), setup.now)
    rechecks.tick(stream, setup.now + PAUSE)
    overtaken = rechecks.progress(SHIPPED_RULEBOOK.digest)
    assert overtaken is not None
    assert overtaken.overtaken
    assert setup.service.found() == []
    assert recheck_open_cases(setup.service, setup.desk, back.policy.digest, setup.now) > 0


def test_a_withdrawn_policy_changes_nothing() -> None:
    setup = PolicyChange(without_kinds("stock_unavailable"))
    setup.service.take(promising(), unavailable(3), at=after(4))
    setup.now = after(5)
    approve_policy(setup.desk, SHIPPED_RULEBOOK, setup.now)
    starts_at = after(8)
    setup.desk.activate(SHIPPED_RULEBOOK.version, starts_at, "", caller("bo", setup.now))
    setup.desk.withdraw(SHIPPED_RULEBOOK.version, "No.", caller("ana", after(6)))
    setup.now = after(9)
    assert recheck_open_cases(setup.service, setup.desk, SHIPPED_RULEBOOK.digest, starts_at) == 1
    assert setup.service.found() == []
    assert setup.service.due().keys().isdisjoint({POLICY_STREAM})


def test_an_expired_emergency_rechecks_under_the_earlier_policy() -> None:
    usual = resolving_by_itself("usual")
    careful = resolving_by_itself("careful", "review")
    setup = PolicyChange(usual)
    setup.now = after(1)
    setup.desk.emergency(careful, "Too many.", after(10), caller("ana", setup.now))
    setup.service.rulebook = careful
    setup.service.take(promising(), unavailable(3), cancelled(4), at=after(4))
    assert setup.service.only_case("stock_unavailable").state == "open"
    setup.now = after(10)
    setup.desk.tick(POLICY_STREAM, setup.now)
    assert setup.desk.current.digest == usual.digest
    setup.service.rulebook = usual
    recheck_open_cases(setup.service, setup.desk, usual.digest, after(10))
    assert setup.service.only_case("stock_unavailable").state == "resolved"


def test_concurrent_work_on_an_order_is_not_overwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal arrives between the read and the append, so the batch is decided again."""
    setup = PolicyChange(without_kinds("stock_unavailable"))
    setup.service.take(promising(), unavailable(3), at=after(4))
    setup.now = after(5)
    change_policy(setup.desk, SHIPPED_RULEBOOK, setup.now)
    neighbour = setup.service.another_process()
    append = setup.service.log.append
    slipped: list[datetime] = []

    def slow(writes: Any, command: Any = None) -> Any:
        if any(write.order == ORDER for write in writes) and not slipped:
            slipped.append(after(5))
            neighbour.take(captured(5), at=after(5))
        return append(writes, command)

    monkeypatch.setattr(setup.service.log, "append", slow)
    recheck_open_cases(setup.service, setup.desk, SHIPPED_RULEBOOK.digest, setup.now)
    assert slipped
    assert setup.service.only_case("stock_unavailable").state == "open"
    assert captured(5).key in setup.service.order().signals
