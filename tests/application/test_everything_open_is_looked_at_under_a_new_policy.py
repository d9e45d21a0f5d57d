"""Soon after another policy begins to decide, all that is open is looked at under it: what it sees
is opened, what it takes for over is cleared, and no clock that runs is changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from application.policy import recheck
from application.policy.policy_desk import SETTLED, PolicyDesk
from application.policy.recheck import PAUSE, RecheckDesk
from domain.orders.order import order_stream
from domain.policy.events import POLICY_STREAM, recheck_stream
from domain.policy.rulebook import Rulebook
from tests.application.governing import approved, changed, rechecked
from tests.application.house import CLOCKED, House, caller, kinds, staff
from tests.domain.policies import shipped, with_version
from tests.domain.telling import (
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
from tests.domain.telling import (
    approved as payment_approved,
)


def without(*gone: str, version: str = "next") -> Rulebook:
    """The shipped policy without these kinds, and without the rules and routes that name them."""
    document = shipped()
    for kind in gone:
        del document["kinds"][kind]
        for part in ("detect", "expect"):
            document[part] = [rule for rule in document[part] if rule["kind"] != kind]
        document["route"] = [r for r in document["route"] if kind not in str(r.get("when"))]
    parts = {name: document[name] for name in ("kinds", "detect", "expect", "route")}
    return with_version(version, **parts)


class Changing:
    """A house in which one policy decides, and then the shipped one."""

    def __init__(self, first: Rulebook) -> None:
        self.house = House(first)
        self.now = after(0)
        self.desk = PolicyDesk(self.house.log, lambda: self.now)
        self.desk.bootstrap(first, after(0))

    def change(self, rulebook: Rulebook, hour: float) -> int:
        """Activate it, and look at everything; in how many batches and events."""
        self.now = after(hour)
        changed(self.desk, rulebook, self.now)
        self.house.rulebook = rulebook
        return rechecked(self.house, self.desk, rulebook.digest, self.now)

    def ended(self, rulebook: Rulebook) -> Any:
        progress = RecheckDesk(self.house.log, self.desk, staff).progress(rulebook.digest)
        assert progress is not None
        return progress


def test_what_the_new_policy_sees_and_the_old_one_did_not_is_opened() -> None:
    ours = Changing(without("stock_unavailable"))
    ours.house.take(promising(), unavailable(3), at=after(4))
    assert ours.house.found() == []
    ours.change(CLOCKED, 5)
    case = ours.house.the("stock_unavailable")
    assert case.state == "open"
    detected, *_ = ours.house.log.trail(case.id)
    assert detected.event.decision.policy == CLOCKED.version
    assert detected.event.signals == (unavailable(3).key,)
    assert detected.actor.principal == "system:policy"
    assert detected.cause == f"policy:{CLOCKED.digest[:16]}"
    ended = ours.ended(CLOCKED)
    assert (ended.orders, ended.opened, ended.done_percent) == (1, 1, 100)
    assert ours.house.log.trail(recheck_stream(CLOCKED.digest, after(5)))[-1].type == (
        "policy.recheck_finished"
    )


def test_what_is_expected_by_the_new_policy_is_waited_for_with_no_signal_needed() -> None:
    ours = Changing(without("delivery_late"))
    ours.house.take(promising(), payment_approved(), scanned(3), at=after(4))
    ours.change(CLOCKED, 5)
    assert ours.house.due()[order_stream(ORDER)] <= after(252)
    ours.house.tick(after(252))
    assert "delivery_late" in kinds(ours.house.found())


def test_a_problem_that_is_none_under_the_new_policy_is_cleared() -> None:
    document = shipped()
    document["kinds"]["stock_unavailable"]["cleared_when"] = {
        "fact": "order.cancelled",
        "is": True,
    }
    document["kinds"]["stock_unavailable"]["automation"] = "automatic"
    document.pop("automation_pauses_when", None)
    lenient = with_version("lenient", kinds=document["kinds"])
    lenient = Rulebook(structs.replace(lenient.document, automation_pauses_when=None))
    ours = Changing(CLOCKED)
    ours.house.take(promising(), unavailable(3), cancelled(4), at=after(4))
    assert ours.house.the("stock_unavailable").state == "open"
    ours.change(lenient, 5)
    case = ours.house.the("stock_unavailable")
    assert case.state == "resolved"
    assert ours.house.trail(case.id)[-2:] == ["case.signal_joined", "case.resolved"]
    (resolved,) = ours.house.events(case.id, "case.resolved")
    assert resolved.clearing.policy == "lenient"
    assert ours.ended(lenient).cleared == 1


def test_no_clock_that_runs_is_changed() -> None:
    ours = Changing(CLOCKED)
    ours.house.take(promising(), unavailable(3), at=after(4))
    case = ours.house.the("stock_unavailable")
    services = [
        structs.replace(one, resolution=timedelta(hours=1), by_cut_off={})
        for one in CLOCKED.document.services
    ]
    strict = Rulebook(structs.replace(CLOCKED.document, version="strict", services=tuple(services)))
    ours.change(strict, 5)
    after_change = ours.house.the("stock_unavailable")
    assert after_change.timing == case.timing
    assert after_change.version == case.version
    ours.house.take(structs.replace(unavailable(6), order="o-2"), at=after(7))
    newer = [one for one in ours.house.found() if one.order == "o-2"]
    assert newer[0].timing.clock.terms != case.timing.clock.terms


def test_what_was_resolved_stays_resolved() -> None:
    ours = Changing(CLOCKED)
    ours.house.take(promising(), unavailable(3), at=after(4))
    ours.house.resolve(ours.house.the("stock_unavailable"), after(5))
    document = shipped()
    for rule in document["detect"]:
        if rule["kind"] == "stock_unavailable":
            rule["when"] = {"all": [rule["when"], {"fact": "order.placed", "is": True}]}
    ours.change(with_version("next", detect=document["detect"]), 6)
    assert ours.house.the("stock_unavailable").state == "resolved"


def test_what_has_come_to_its_end_is_left_alone() -> None:
    ours = Changing(without("stock_unavailable"))
    ours.house.take(placed(0), unavailable(3), delivered(20), at=after(21))
    ours.house.tick(after(2_000))
    for case in ours.house.found():
        if not case.is_resolved:
            ours.house.resolve(case, after(2_000))
    cases = len(ours.house.found())
    ours.change(CLOCKED, 2_001)
    assert len(ours.house.found()) == cases
    assert ours.ended(CLOCKED).orders == 0


def test_it_goes_on_where_it_was_when_it_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recheck, "AT_ONCE", 2)
    ours = Changing(without("stock_unavailable"))
    for number in range(7):
        order = f"o-{number}"
        ours.house.take(structs.replace(unavailable(3), order=order), at=after(4))
    ours.now = after(5)
    changed(ours.desk, CLOCKED, ours.now)
    stream = recheck_stream(CLOCKED.digest, ours.now)
    now = ours.now + SETTLED
    for done in range(6):
        # Each time another process, which knows nothing but the log.
        desk = PolicyDesk(ours.house.log, lambda: ours.now)
        desk.load()
        rechecks = RecheckDesk(ours.house.log, desk, staff)
        rechecks.tick(stream, now)
        progress = rechecks.progress(CLOCKED.digest)
        assert progress is not None
        assert progress.orders == min(2 * done, 7)
        assert len(ours.house.found()) == progress.opened == progress.orders
        now += PAUSE
    assert progress.finished_at is not None
    assert stream not in ours.house.due()


def test_it_waits_until_every_process_decides_by_the_new_policy() -> None:
    ours = Changing(without("stock_unavailable"))
    ours.now = after(5)
    changed(ours.desk, CLOCKED, ours.now)
    assert ours.house.due()[recheck_stream(CLOCKED.digest, ours.now)] == ours.now + SETTLED


def test_another_policy_brings_a_look_of_its_own() -> None:
    ours = Changing(without("stock_unavailable"))
    ours.house.take(promising(), unavailable(3), at=after(4))
    ours.now = after(5)
    changed(ours.desk, CLOCKED, ours.now)
    stream = recheck_stream(CLOCKED.digest, ours.now)
    rechecks = RecheckDesk(ours.house.log, ours.desk, staff)
    rechecks.tick(stream, after(5) + SETTLED)
    ours.now = after(5) + SETTLED
    back = ours.desk.roll_back(ours.house.rulebook.version, None, "No.", caller("bo", ours.now))
    rechecks.tick(stream, ours.now + PAUSE)
    overtaken = rechecks.progress(CLOCKED.digest)
    assert overtaken is not None
    assert overtaken.overtaken
    assert ours.house.found() == []
    assert rechecked(ours.house, ours.desk, back.policy.digest, ours.now) > 0


def test_what_never_came_to_decide_changes_nothing() -> None:
    ours = Changing(without("stock_unavailable"))
    ours.house.take(promising(), unavailable(3), at=after(4))
    ours.now = after(5)
    approved(ours.desk, CLOCKED, ours.now)
    starts_at = after(8)
    ours.desk.activate(CLOCKED.version, starts_at, "", caller("bo", ours.now))
    ours.desk.withdraw(CLOCKED.version, "No.", caller("ana", after(6)))
    ours.now = after(9)
    assert rechecked(ours.house, ours.desk, CLOCKED.digest, starts_at) == 1
    assert ours.house.found() == []
    assert ours.house.due().keys().isdisjoint({POLICY_STREAM})


def test_an_expired_emergency_brings_what_was_before_to_all_that_is_open() -> None:
    ours = Changing(CLOCKED)
    ours.now = after(1)
    lenient = without("stock_unavailable", version="lenient")
    ours.desk.emergency(lenient, "Too many.", after(10), caller("ana", ours.now))
    ours.house.rulebook = lenient
    ours.house.take(promising(), unavailable(3), at=after(4))
    assert ours.house.found() == []
    ours.now = after(10)
    ours.desk.tick(POLICY_STREAM, ours.now)
    assert ours.desk.current.digest == CLOCKED.digest
    ours.house.rulebook = CLOCKED
    rechecked(ours.house, ours.desk, CLOCKED.digest, after(10))
    assert ours.house.the("stock_unavailable").state == "open"


def test_who_works_on_an_order_meanwhile_is_not_overwritten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A signal slips in between the look and its append: the batch is worked out again."""
    ours = Changing(without("stock_unavailable"))
    ours.house.take(promising(), unavailable(3), at=after(4))
    ours.now = after(5)
    changed(ours.desk, CLOCKED, ours.now)
    neighbour = ours.house.neighbour()
    append = ours.house.log.append
    slipped: list[datetime] = []

    def slow(writes: Any, command: Any = None) -> Any:
        if any(write.order == ORDER for write in writes) and not slipped:
            slipped.append(after(5))
            neighbour.take(captured(5), at=after(5))
        return append(writes, command)

    monkeypatch.setattr(ours.house.log, "append", slow)
    rechecked(ours.house, ours.desk, CLOCKED.digest, ours.now)
    assert slipped
    assert ours.house.the("stock_unavailable").state == "open"
    assert captured(5).key in ours.house.order().signals
