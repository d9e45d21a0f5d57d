"""The whole policy is recorded before it takes effect, and its decisions are never made again."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

import pytest

from application.policy.policy_desk import PolicyDesk
from domain.orders.order import order_stream
from domain.policy.errors import PolicyInForce, PolicyVersionReused
from domain.policy.events import POLICY_STREAM, PolicyActivated
from domain.policy.rulebook import Rulebook
from tests.application.in_memory_service import UNTIMED_RULEBOOK, InMemoryService, caller, kinds
from tests.application.policy_changes import change_policy
from tests.domain.policies import shipped, small_policy, with_version, without_kinds
from tests.domain.signals import (
    ORDER,
    after,
    approved,
    cancelled,
    captured,
    promising,
    scanned,
    shipping_by,
    unavailable,
)


def desk_of(service: InMemoryService) -> PolicyDesk:
    return PolicyDesk(service.log, lambda: after(100))


def other(version: str) -> Rulebook:
    """Another policy."""
    document = shipped()
    document["priorities"]["severity"]["low"] += len(version)
    return with_version(version, priorities=document["priorities"])


def test_without_a_policy_nothing_is_decided() -> None:
    desk = desk_of(InMemoryService())
    assert desk.load() is None
    with pytest.raises(LookupError, match="no policy is active"):
        _ = desk.current


def test_the_log_holds_the_whole_active_policy() -> None:
    service = InMemoryService()
    desk_of(service).bootstrap(UNTIMED_RULEBOOK, after(0))
    (line,) = service.log.trail(POLICY_STREAM)
    assert line.event.document == UNTIMED_RULEBOOK.document
    assert line.event.digest == UNTIMED_RULEBOOK.digest
    assert line.actor.principal == "system:operator"


def test_the_digest_can_be_recomputed_from_the_log_alone() -> None:
    service = InMemoryService()
    desk_of(service).bootstrap(UNTIMED_RULEBOOK, after(0))
    ((_, state),) = service.recorder.select_positions(0, 1)
    event = json.loads(state)["event"]
    # `jsonb` and other readers may reorder the fields, so the bytes must not depend on the order.
    canonical = json.dumps(
        event["document"], sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    assert event["digest"] == hashlib.sha256(canonical.encode()).hexdigest()


def test_the_loaded_policy_is_the_activated_one() -> None:
    service = InMemoryService()
    desk_of(service).bootstrap(UNTIMED_RULEBOOK, after(0))
    loaded = desk_of(service).load()
    assert loaded is not None
    assert (loaded.digest, loaded.document) == (UNTIMED_RULEBOOK.digest, UNTIMED_RULEBOOK.document)


def test_activating_the_active_policy_again_records_nothing() -> None:
    service = InMemoryService()
    desk_of(service).bootstrap(UNTIMED_RULEBOOK, after(0))
    desk_of(service).bootstrap(UNTIMED_RULEBOOK, after(1))
    assert len(service.log.trail(POLICY_STREAM)) == 1


def test_a_version_always_names_the_same_document() -> None:
    service = InMemoryService()
    desk = desk_of(service)
    desk.bootstrap(with_version("a"), after(0))
    change_policy(desk, other("b"), after(1))
    lines = len(service.log.trail(POLICY_STREAM))
    with pytest.raises(PolicyVersionReused, match="version a"):
        desk.propose(with_version("a", summary="another"), "Better.", None, caller("cy", after(2)))
    assert desk.current.version == "b"
    assert len(service.log.trail(POLICY_STREAM)) == lines


def test_bootstrap_is_refused_once_a_policy_is_active() -> None:
    service = InMemoryService()
    desk_of(service).bootstrap(UNTIMED_RULEBOOK, after(0))
    with pytest.raises(PolicyInForce, match=f"version {UNTIMED_RULEBOOK.version} is in force"):
        desk_of(service).bootstrap(other("b"), after(1))
    assert len(service.log.trail(POLICY_STREAM)) == 1


def test_bootstrap_is_refused_while_the_clock_runs_behind_the_log() -> None:
    """Else an operator could set the clock back and activate any policy alone."""
    service = InMemoryService()
    desk_of(service).bootstrap(UNTIMED_RULEBOOK, after(2))
    behind = PolicyDesk(service.log, lambda: after(1))
    with pytest.raises(PolicyInForce, match="from a later time than this clock"):
        behind.bootstrap(other("b"), after(1))
    assert len(service.log.trail(POLICY_STREAM)) == 1


def test_an_old_log_with_repeated_versions_can_be_read() -> None:
    service = InMemoryService()
    for number, version in enumerate("aba"):
        rulebook = with_version(version)
        event = PolicyActivated(document=rulebook.document, digest=rulebook.digest)
        service.append_unchecked(POLICY_STREAM, number + 1, event)
    loaded = desk_of(service).load()
    assert loaded is not None
    assert loaded.version == "a"


def test_decisions_cite_the_active_version() -> None:
    service = InMemoryService(with_version("old"))
    service.take(unavailable(), at=after(3))
    service.rulebook = with_version("new")
    service.take(captured(), cancelled(), at=after(4))
    cited = {
        line.event.kind: line.event.decision.policy
        for line in service.lines()
        if line.type == "case.detected"
    }
    assert cited == {"stock_unavailable": "old", "refund_due": "new"}


# Cases that were open when the policy changed.


def test_a_case_of_a_removed_kind_does_not_block_signals() -> None:
    service = InMemoryService()
    service.take(captured(), cancelled(), at=after(4))
    service.rulebook = without_kinds("refund_due")
    service.take(unavailable(5), captured(6, id="more"), scanned(7), at=after(8))
    service.tick(after(1000))
    # A scan on its way shows that the parcel was handed over.
    assert kinds(service.found()) == [
        *("cancelled_after_handover", "refund_due", "stock_unavailable")
    ]
    assert service.only_case("refund_due").state == "open"
    assert service.only_case("refund_due").signals_joined == 0


def test_a_new_expectation_applies_from_the_next_signal_on() -> None:
    nothing = small_policy(
        detect=[{"rule": "never", "when": {"fact": "order.cancelled", "is": True}}]
    )
    service = InMemoryService(nothing)
    service.take(promising(), approved(), at=after(2))
    assert service.due() == {}
    service.rulebook = UNTIMED_RULEBOOK
    service.take(scanned(3), at=after(4))
    assert service.due() == {order_stream(ORDER): after(252)}
    service.tick(after(252))
    assert kinds(service.found()) == ["delivery_late"]


def test_a_timer_of_a_removed_expectation_opens_nothing() -> None:
    service = InMemoryService()
    service.take(shipping_by(48), approved(), at=after(2))
    service.rulebook = without_kinds("ship_by_missed")
    service.tick(after(1000))
    assert service.found() == []
    assert service.due() == {}


def test_a_reopened_case_is_routed_by_the_active_policy_and_keeps_its_kind() -> None:
    service = InMemoryService()
    service.take(captured(), cancelled(), at=after(4))
    first = service.only_case("refund_due")
    service.resolve(first, after(5))
    document = shipped()
    document["route"][0]["queue"] = "return_authorization_support"
    service.rulebook = with_version("next", route=document["route"])
    service.take(cancelled(6, id="again"), at=after(7))
    case = service.only_case("refund_due")
    assert case.state == "open"
    assert case.routed is not None
    assert (case.routed.queue, case.routed.owner_team) == (
        "return_authorization_support",
        "returns_desk",
    )
    detected, *_ = service.log.trail(case.id)
    assert detected.event.decision.policy == UNTIMED_RULEBOOK.version


def test_the_shipped_policy_expects_approval_within_72_hours() -> None:
    within = {e.rule: e.due.within for e in UNTIMED_RULEBOOK.document.expect if e.due.within}
    assert within["approved-within-72-hours"] == timedelta(hours=72)
