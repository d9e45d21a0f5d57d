"""Violations are written to the log past its rules: each question shows them, and showed nothing before."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest
from msgspec import structs

from application.audit.access import review_access
from application.audit.acts_after_leaving import find_acts_after_leaving
from application.audit.builds import find_builds
from application.audit.conflicts import find_conflicts
from application.audit.durations import measure_durations
from application.audit.log_scan import LogScan
from application.audit.overrides import EmergencyReviewStatus, find_overrides
from application.audit.payments import check_payments
from application.audit.split_sums import SplitScope
from application.audit.splits import find_splits
from application.log.builds import record_build
from application.log.event_codec import to_stored
from application.policy.reperformance import Period
from domain.adjustments.events import (
    AdjustmentApproved,
    AdjustmentExecuted,
    AdjustmentProposed,
    AmountDiffers,
    ExecutionStarted,
)
from domain.break_glass import BreakGlassOpened, RequestBreakGlass
from domain.cases.work_events import NoteAdded
from domain.grants import ChangePersonStatus, LinkPersonName
from domain.money import PositiveMoney
from domain.people import Actor, PersonGranted, Role, person_stream
from domain.personal_data import ERASED
from domain.policy.events import POLICY_STREAM, PolicyActivated, PolicyApproved
from domain.recorded_event import Event, RecordedEvent
from tests.application.in_memory_service import SHIPPED_RULEBOOK
from tests.application.policy_changes import policy_variant
from tests.audit.people_world import BUILD, ROLES, PeopleWorld
from tests.domain.signals import after

EVER = Period()


@pytest.fixture
def world() -> PeopleWorld:
    """A world with people and an active policy only."""
    world = PeopleWorld()
    record_build(world.log, BUILD, after(-48))
    world.now = after(-47)
    world.policy.bootstrap(SHIPPED_RULEBOOK, world.now)
    for name, role in ROLES.items():
        world.people.add(name, [role], after(-46))
        world.key(name, -46)
    return world


def reading(world: PeopleWorld) -> LogScan:
    return LogScan(world.log, world.log.head())


def plant(
    world: PeopleWorld, stream: UUID, event: Event, by: str, at: float, order: str | None = None
) -> int:
    """Append an event to a stream, as an administrator of the database could."""
    line = RecordedEvent(
        stream=stream,
        version=len(world.log.trail(stream)) + 1,
        recorded_at=after(at),
        actor=Actor(f"key:{by}", by),
        event=event,
        order=order,
    )
    world.recorder.insert_events([to_stored(line)])
    world.cases.forget([stream])
    return world.log.head()


def approval(world: PeopleWorld, order: str, **more: str) -> AdjustmentApproved:
    one = world.of(order).adjustments.items[-1]
    told = AdjustmentApproved(
        adjustment=one.id,
        digest=one.digest,
        role=Role.OPS_MANAGER,
        limit="2500",
        complete=True,
        lapses_at=after(90),
    )
    return structs.replace(told, **more)


def test_14_one_person_with_two_duties_on_two_accounts(world: PeopleWorld) -> None:
    world.proposed("o-1", "40.00", 5)
    case = world.of("o-1").id
    plant(world, case, approval(world, "o-1"), "omar", 7, "o-1")
    assert find_conflicts(reading(world), after(8), EVER).untold == []
    world.people.same_as(
        "omar", LinkPersonName(other="ana", reason="It is she."), world.by("gus", 9)
    )
    (found,) = find_conflicts(reading(world), after(8), EVER).untold
    assert (found.case, found.person) == (case, "ana")
    assert [(act.duty, act.person) for act in found.acts] == [("review", "ana"), ("approve", "ana")]
    assert find_conflicts(reading(world), after(8), Period(after(8), None)).untold == []


def test_14_attempts_by_an_agent_and_above_a_limit_are_distinguished(world: PeopleWorld) -> None:
    one = world.proposed("o-1", "600.00", 5)
    agent = structs.replace(world.by("omar", 6).actor, via=("triage",))
    world.refused(lambda: world.approve(one, "omar", 6, actor=agent))
    world.refused(lambda: world.approve(one, "tia", 6.5))
    found = find_conflicts(reading(world), after(8), EVER)
    assert [(one.rule, one.who) for one in found.refused] == [
        ("agents-hold-no-duty", "omar through triage (key:omar)")
    ]
    assert found.other_refusals == {"within-limit": 1}


def test_15_an_author_who_approves_under_another_name(world: PeopleWorld) -> None:
    two = policy_variant(SHIPPED_RULEBOOK.document, "b2", 900)
    world.now = after(1)
    world.policy.propose(two, "Better.", None, world.by("omar", 1))
    digest, base = two.digest, SHIPPED_RULEBOOK.digest
    plant(world, POLICY_STREAM, PolicyApproved(digest=digest, base=base), "gus", 2)
    activated = PolicyActivated(document=two.document, digest=digest)
    plant(world, POLICY_STREAM, activated, "omar", 3)
    (edit,) = [x for x in find_overrides(reading(world), EVER).policy_edits if x.version == "b2"]
    assert edit.by_others is True
    same = LinkPersonName(other="gus", reason="One man.")
    world.people.same_as("omar", same, world.by("quin", 4))
    (edit,) = [x for x in find_overrides(reading(world), EVER).policy_edits if x.version == "b2"]
    assert (edit.by_others, edit.authors, edit.approved_by) == (False, ["omar"], ["gus"])


def test_15_an_active_policy_that_nobody_approved(world: PeopleWorld) -> None:
    two = policy_variant(SHIPPED_RULEBOOK.document, "b2", 900)
    activated = PolicyActivated(document=two.document, digest=two.digest)
    plant(world, POLICY_STREAM, activated, "omar", 3)
    edit = find_overrides(reading(world), EVER).policy_edits[-1]
    assert (edit.version, edit.decided, edit.by_others) == ("b2", True, False)


def test_15_a_break_glass_opened_for_oneself(world: PeopleWorld) -> None:
    ask = RequestBreakGlass(role=Role.TEAM_LEAD, queue="payment_hold_review", reason="A flood.")
    glass = world.glasses.ask(ask, world.by("bo", 1)).glass.id
    plant(world, glass, BreakGlassOpened(grant="g2", until=after(2)), "bo", 1.5)
    (found,) = find_overrides(reading(world), EVER).emergencies
    assert (found.judged, found.by_others) == (EmergencyReviewStatus.OPEN, False)


def test_16_a_sum_split_without_the_ledger_noticing(world: PeopleWorld) -> None:
    """Two orders of one customer; the second proposal ignores the first."""
    world.proposed("o-1", "600.00", 10, customer="c-9")
    world.buy("o-2", "5000.00", "c-9", 12)
    first = world.log.trail(world.of("o-1").id)[-1].event
    assert isinstance(first, AdjustmentProposed)
    second = structs.replace(first, adjustment=UUID(int=7), amount=PositiveMoney("700.00", "EUR"))
    second = structs.replace(
        second, requirement=structs.replace(first.requirement, counted="700.00")
    )
    assert find_splits(reading(world), world.policy.matrix, EVER).splits == []
    plant(world, world.of("o-2").id, second, "ana", 20, "o-2")
    (found,) = find_splits(reading(world), world.policy.matrix, EVER).splits
    assert (found.of, found.together, found.limit) == (SplitScope.CUSTOMER, "1300.00", "1000")
    assert not found.is_counted_together
    assert [part.order for part in found.parts] == ["o-1", "o-2"]


def test_16_erased_customers_are_not_counted_as_one(world: PeopleWorld) -> None:
    for n, customer in enumerate((ERASED, ERASED), start=1):
        world.proposed(f"o-{n}", "600.00", 10 * n, customer=customer)
    assert find_splits(reading(world), world.policy.matrix, EVER).splits == []


def test_16_threshold_and_window_are_parameters(world: PeopleWorld) -> None:
    for n, at in enumerate((10, 20, 200), start=1):
        world.proposed(f"o-{n}", "60.00", at, customer="c-9")
    matrix = world.policy.matrix

    def found(threshold: str, hours: float) -> list[list[str]]:
        asked = find_splits(
            reading(world), matrix, EVER, Decimal(threshold), after(hours) - after(0)
        )
        return [[part.order for part in one.parts] for one in asked.splits]

    assert found("100", 48) == [["o-1", "o-2"]]
    assert found("150", 720) == [["o-1", "o-2", "o-3"]]
    assert found("59", 720) == []
    assert found("180", 720) == []


def test_17_a_slow_case_is_an_outlier(world: PeopleWorld) -> None:
    for n in range(9):
        world.approved(f"o-{n}", "40.00", 5, "tia", customer=f"c-{n}")
    slow = world.proposed("o-slow", "40.00", 5, customer="c-slow")
    world.approve(slow, "tia", 65, "o-slow")
    told = measure_durations(reading(world), EVER)
    (step,) = [one for one in told.quantiles if one.step == "proposal_to_approval"]
    assert (step.many, step.p50, step.p90, step.longest) == (10, 3600, 3600, 60 * 3600)
    (row,) = [one for one in told.adjustments if one.order == "o-slow"]
    assert row.seconds["proposal_to_approval"] == step.longest


def executed(world: PeopleWorld, order: str, amount: str = "40.00") -> AdjustmentExecuted:
    one = world.of(order).adjustments.items[-1]
    return AdjustmentExecuted(
        adjustment=one.id, provider="local", reference="re", amount=PositiveMoney(amount, "EUR")
    )


def test_18_a_payment_that_nobody_approved(world: PeopleWorld) -> None:
    world.proposed("o-1", "40.00", 5)
    case = world.of("o-1").id
    assert check_payments(reading(world), EVER).paid_not_approved == []
    plant(world, case, executed(world, "o-1", "41.00"), "fay", 7, "o-1")
    (found,) = check_payments(reading(world), EVER).paid_not_approved
    assert (found.case, found.type) == (case, "case.adjustment_executed")
    assert found.why == [
        "0 of 1 required people approved it",
        "41.00 EUR is not the proposed amount",
    ]


def test_18_a_payment_that_nobody_proposed(world: PeopleWorld) -> None:
    world.buy("o-1", "900.00")
    ghost = AdjustmentExecuted(
        adjustment=UUID(int=9), provider="local", reference="re", amount=PositiveMoney("1", "EUR")
    )
    plant(world, world.of("o-1").id, ghost, "fay", 7, "o-1")
    (found,) = check_payments(reading(world), EVER).paid_not_approved
    assert found.why == ["nobody proposed it"]


def test_18_invalid_approvals(world: PeopleWorld) -> None:
    """Approved by the proposer, for another amount, without the role, or ordered by the
    approver."""
    world.proposed("o-1", "40.00", 5)
    case = world.of("o-1").id
    bad = approval(world, "o-1", digest="ab" * 32, limit="10")
    plant(world, case, bad, "ana", 6, "o-1")
    one = world.of("o-1").adjustments.items[-1]
    started = ExecutionStarted(adjustment=one.id, digest=one.digest, provider="local")
    plant(world, case, started, "ana", 7, "o-1")
    (found,) = check_payments(reading(world), EVER).paid_not_approved
    version = world.of("o-1").version - 1
    assert found.why == [
        "a person who proposed it approved it",
        "a person who approved it ordered it",
        f"version {version} approves something other than what was proposed",
        f"version {version} approves more than the limit of its role",
    ]


def test_18_a_payment_above_the_ordered_amount(world: PeopleWorld) -> None:
    one = world.paid("o-1", "40.00", 5, "tia")
    assert check_payments(reading(world), EVER).paid_not_approved == []
    eur = PositiveMoney("40.00", "EUR"), PositiveMoney("400.00", "EUR")
    differs = AmountDiffers(adjustment=one.id, ordered=eur[0], given=eur[1])
    plant(world, world.of("o-1").id, differs, "fay", 9, "o-1")
    (found,) = check_payments(reading(world), EVER).paid_not_approved
    assert found.why == ["400.00 EUR was paid, but 40.00 was ordered"]


def test_21_a_role_granted_to_oneself_and_a_key_of_a_person_who_left(world: PeopleWorld) -> None:
    granted = PersonGranted(grant="g2", role=Role.FINANCE_APPROVER, reason="Why not.")
    plant(world, person_stream("bo"), granted, "bo", 1)
    world.people.leave("lena", ChangePersonStatus(reason="Her last day."), world.by("omar", 2))
    told = {one.person: one for one in review_access(reading(world), after(3)).people}
    assert [(g.role, g.given_by, g.status, g.void_for) for g in told["bo"].grants] == [
        ("handler", "operator", "unconfirmed", None),
        (
            "finance_approver",
            "bo (key:bo)",
            "void",
            "its receiver and its giver are the same person",
        ),
    ]
    lena = told["lena"]
    assert (lena.left_at, lena.roles) == (after(2), ())
    assert [(one.name, one.lives) for one in lena.means] == [("key:lena", True)]
    before = {one.person: one for one in review_access(reading(world), after(0)).people}
    assert [len(before["bo"].grants), before["lena"].left_at] == [1, None]


def test_22_a_backdated_act_is_still_after_the_end(world: PeopleWorld) -> None:
    world.buy("o-1", "900.00")
    world.people.leave("lena", ChangePersonStatus(reason="Her last day."), world.by("omar", 20))
    assert find_acts_after_leaving(reading(world), EVER).acts == []
    note = NoteAdded(note="I was never here.")
    at = plant(world, world.of("o-1").id, note, "lena", 10, "o-1")
    (found,) = find_acts_after_leaving(reading(world), EVER).acts
    assert (found.position, found.ended.what, found.seconds_after) == (at, "lena", -36_000)


def test_22_an_act_with_an_expired_key(world: PeopleWorld) -> None:
    world.buy("o-1", "900.00")
    world.people.add("max", [Role.HANDLER], after(0))
    world.key("max", 0, expires_at=after(8))
    plant(world, world.of("o-1").id, NoteAdded(note="In time."), "max", 7, "o-1")
    assert find_acts_after_leaving(reading(world), EVER).acts == []
    plant(world, world.of("o-1").id, NoteAdded(note="Late."), "max", 9, "o-1")
    (found,) = find_acts_after_leaving(reading(world), EVER).acts
    assert (found.ended.what, found.ended.how, found.ended.position) == ("key:max", "ran out", None)


def test_23_a_later_build_may_not_have_written_earlier_events(world: PeopleWorld) -> None:
    case = world.buy("o-1", "900.00")
    before = world.log.head()
    changed = structs.replace(BUILD, build="99" * 32, files="98" * 32)
    record_build(world.log, changed, after(6))
    record_build(world.log, changed, after(7))  # recorded once for each build
    world.desk.note(case.id, case.version, "By the new one, or the old.", world.by("ana", 8))
    told = find_builds(reading(world), (before,), case.id)
    assert [one.build.build for one in told.builds] == [BUILD.build, changed.build]
    assert (told.events[0].builds, told.events[0].is_certain) == ([BUILD.build], True)
    assert (told.events[-1].builds, told.events[-1].is_certain) == (
        [changed.build, BUILD.build],
        False,
    )
