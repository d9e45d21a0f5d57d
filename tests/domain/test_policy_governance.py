"""One person proposes a policy, another approves it, and it takes effect at its activation."""

from __future__ import annotations

import pytest
from msgspec import structs

from domain.errors import CasetrailError, Invalid
from domain.policy.document import canonical_content, digest_of
from domain.policy.errors import (
    AuthorMayNotDecide,
    OnlyPersonsDecide,
    PolicyNotFound,
    PolicyOutOfDate,
    PolicyStateWrong,
    PolicyUnchanged,
    PolicyVersionReused,
)
from domain.policy.events import PolicyEmergencyExpired, PolicyRolledBack, PolicyTookEffect
from tests.domain.governed_policies import (
    ANA,
    ANA_FOR_BO,
    ANAS_AGENT,
    BO,
    BO_FOR_ANA,
    BOS_AGENT,
    CY,
    SYSTEM,
    PolicyOffice,
    policy_with_low_weight,
)
from tests.domain.signals import after


def proposed() -> PolicyOffice:
    office = PolicyOffice()
    office.propose(policy_with_low_weight("2", 2), ANA, 1)
    return office


def approved() -> PolicyOffice:
    office = proposed()
    office.approve("2", BO, 2)
    return office


def test_one_person_proposes_another_approves_and_the_approver_may_activate() -> None:
    office = approved()
    assert office.state("2", 3) == "approved"
    office.activate("2", BO, 3)
    assert (office.state("2", 3), office.state("1", 3)) == ("in_force", "retired")
    assert (office.in_force(2.9), office.in_force(3)) == ("1", "2")
    found = office.governed.named("2")
    assert found is not None
    assert [(act.what, act.by.person) for act in found.acts] == [
        ("policy.proposed", "ana"),
        ("policy.simulated", "ana"),
        ("policy.approved", "bo"),
        ("policy.activated", "bo"),
    ]


@pytest.mark.parametrize("by", [ANA, BO_FOR_ANA, ANA_FOR_BO], ids=lambda by: by.principal)
def test_an_author_cannot_approve_under_any_name(by) -> None:
    office = proposed()
    with pytest.raises(
        AuthorMayNotDecide, match=r"ana wrote version 2.*policy\.proposed by ana at"
    ):
        office.approve("2", by, 2)


def test_a_delegate_and_the_person_behind_it_are_both_authors() -> None:
    office = PolicyOffice()
    office.propose(policy_with_low_weight("2", 2), BO_FOR_ANA, 1)
    for by in (ANA, BO):
        with pytest.raises(AuthorMayNotDecide):
            office.approve("2", by, 2)
    office.approve("2", CY, 2)


@pytest.mark.parametrize("by", [BOS_AGENT, SYSTEM], ids=["agent", "system"])
def test_only_persons_decide_on_policies(by) -> None:
    office = proposed()
    for act in (office.approve, office.reject):
        with pytest.raises(OnlyPersonsDecide):
            act("2", by, 2)
    office = approved()
    with pytest.raises(OnlyPersonsDecide):
        office.activate("2", by, 3)
    office.activate("2", BO, 3)
    with pytest.raises(OnlyPersonsDecide):
        office.roll_back("1", by, 4)
    with pytest.raises(OnlyPersonsDecide):
        office.emergency(policy_with_low_weight("3", 3), by, 4)
    office.emergency(policy_with_low_weight("3", 3), ANA, 4)
    with pytest.raises(OnlyPersonsDecide):
        office.ratify("3", by, 5)


def test_an_agent_may_propose_and_its_person_is_the_author() -> None:
    office = PolicyOffice()
    office.propose(policy_with_low_weight("2", 2), ANAS_AGENT, 1)
    with pytest.raises(AuthorMayNotDecide, match="ana wrote"):
        office.approve("2", ANA, 2)
    office.approve("2", BO, 2)


def test_an_author_of_the_revised_policy_cannot_approve_the_revision() -> None:
    office = proposed()
    office.propose(policy_with_low_weight("2b", 3), BO, 2, revises="2")
    assert office.state("2", 2) == "revised"
    for by in (ANA, BO):
        with pytest.raises(AuthorMayNotDecide):
            office.approve("2b", by, 3)
    office.approve("2b", CY, 3)
    with pytest.raises(PolicyStateWrong, match="cannot be revised: it is revised"):
        office.propose(policy_with_low_weight("2c", 4), CY, 4, revises="2")


def test_an_unapproved_policy_cannot_be_activated() -> None:
    office = proposed()
    with pytest.raises(PolicyStateWrong, match="cannot be activated: it is proposed"):
        office.activate("2", BO, 2)
    with pytest.raises(PolicyNotFound, match="versions are: 1, 2"):
        office.activate("3", BO, 2)
    assert office.in_force(100) == "1"


def test_a_rejected_policy_cannot_be_approved_but_may_be_proposed_again() -> None:
    office = proposed()
    office.reject("2", BO, 2)
    with pytest.raises(PolicyStateWrong, match=r"it is rejected \(policy\.rejected by bo"):
        office.approve("2", CY, 3)
    office.propose(policy_with_low_weight("2", 2), CY, 3)
    with pytest.raises(AuthorMayNotDecide):  # she is still an author, although cy proposes it now
        office.approve("2", ANA, 4)
    with pytest.raises(AuthorMayNotDecide, match="only an author can withdraw it"):
        office.withdraw("2", BO, 4)
    office.withdraw("2", ANA, 4)
    assert office.state("2", 4) == "withdrawn"


def test_a_proposed_or_active_policy_cannot_be_proposed_again() -> None:
    office = proposed()
    with pytest.raises(PolicyStateWrong, match=r"proposed by ana"):
        office.propose(policy_with_low_weight("2", 2), BO, 2)
    with pytest.raises(PolicyStateWrong, match="it is in force"):
        office.propose(policy_with_low_weight("1"), BO, 2)


def test_a_version_always_names_the_same_document() -> None:
    office = proposed()
    office.withdraw("2", ANA, 2)
    for act in (office.propose, office.emergency):
        with pytest.raises(PolicyVersionReused):
            act(policy_with_low_weight("2", 3), ANA, 3)


def test_a_new_version_name_or_summary_alone_is_no_change() -> None:
    office = PolicyOffice()
    renamed = structs.replace(policy_with_low_weight("2"), summary="Said anew.")
    for act in (office.propose, office.emergency):
        with pytest.raises(PolicyUnchanged):
            act(renamed, ANA, 1)


def test_an_approval_covers_the_difference_to_the_active_policy() -> None:
    office = proposed()
    office.change(policy_with_low_weight("other", 7), 2)
    with pytest.raises(PolicyOutOfDate, match="to replace version 1, but version other"):
        office.approve("2", BO, 3)
    office.propose(policy_with_low_weight("2", 2), ANA, 4)  # again, based on the other policy
    with pytest.raises(PolicyOutOfDate, match="but version other is in force now"):
        office.approve("2", BO, 5, base=digest_of(office.first))
    office.approve("2", BO, 5)
    office.activate("2", CY, 6)


def test_a_policy_approved_against_another_base_cannot_be_activated() -> None:
    office = approved()
    office.emergency(policy_with_low_weight("fire", 9), CY, 3, until=10)
    with pytest.raises(PolicyOutOfDate):
        office.activate("2", BO, 4)
    office.activate(
        "2", BO, 10
    )  # the emergency has ended: the base of the approval is active again
    assert office.in_force(10) == "2"


def test_a_policy_may_be_scheduled() -> None:
    office = approved()
    office.activate("2", BO, 3, after(24))
    assert office.governed.next_due() == after(24)
    assert (office.state("2", 23), office.in_force(23)) == ("scheduled", "1")
    assert (office.state("2", 24), office.in_force(24)) == ("in_force", "2")
    (due_event,) = office.governed.find_due_events(after(24))
    assert due_event == PolicyTookEffect(
        digest=digest_of(policy_with_low_weight("2", 2)), effective_from=after(24)
    )
    office.tell(due_event, SYSTEM, 24.1)
    assert office.governed.next_due() is None
    assert office.governed.find_due_events(after(25)) == []


@pytest.mark.parametrize("way", ["reject", "withdraw"])
def test_a_scheduled_policy_can_be_stopped(way: str) -> None:
    office = approved()
    office.activate("2", BO, 3, after(24))
    office.reject("2", CY, 4) if way == "reject" else office.withdraw("2", ANA, 4)
    assert office.in_force(25) == "1"
    assert office.governed.next_due() is None
    assert office.state("2", 25) in ("rejected", "withdrawn")


def test_no_other_policy_is_activated_while_one_is_scheduled() -> None:
    office = PolicyOffice()
    office.propose(policy_with_low_weight("2", 2), ANA, 1)
    office.propose(policy_with_low_weight("3", 3), ANA, 1)
    office.approve("2", BO, 2)
    office.approve("3", BO, 2)
    office.activate("2", BO, 3, after(24))
    with pytest.raises(PolicyStateWrong, match="version 2 must take effect before version 3"):
        office.activate("3", BO, 4)


@pytest.mark.parametrize("hour", [-1, 24 * 367])
def test_an_effective_time_that_is_not_allowed_is_refused(hour: float) -> None:
    with pytest.raises(Invalid, match="effective_from"):
        approved().activate("2", BO, 3, after(hour))


def test_a_rollback_is_a_new_version_of_an_earlier_policy() -> None:
    office = PolicyOffice()
    office.change(policy_with_low_weight("2", 2), 1)
    office.roll_back("1", CY, 2)
    assert office.in_force(2) == "1-r1"
    back = office.governed.named("1-r1")
    assert back is not None
    assert canonical_content(back.document) == canonical_content(office.first)
    assert isinstance(office.events[-1], PolicyRolledBack)
    assert office.state("1", 3) == "retired"
    office.roll_back("2", CY, 3, version="two-again")
    with pytest.raises(PolicyVersionReused):
        office.roll_back("1", CY, 4, version="2")
    office.roll_back("1", CY, 4)
    assert [office.in_force(n) for n in range(5)] == ["1", "2", "1-r1", "two-again", "1-r2"]


def test_only_a_policy_that_was_active_can_be_rolled_back_to() -> None:
    office = proposed()
    for version in ("1", "2"):
        with pytest.raises(PolicyStateWrong, match="cannot be rolled back to"):
            office.roll_back(version, CY, 2)
    office.emergency(policy_with_low_weight("fire", 9), CY, 3, until=10)
    with pytest.raises(PolicyStateWrong, match="it is expired"):
        office.roll_back("fire", CY, 11)


def test_an_emergency_change_expires() -> None:
    office = PolicyOffice()
    office.emergency(policy_with_low_weight("fire", 9), ANA, 1, until=5)
    assert [office.in_force(n) for n in (0, 1, 4.9, 5, 6)] == ["1", "fire", "fire", "1", "1"]
    assert office.state("fire", 5) == "expired"
    (due_event,) = office.governed.find_due_events(after(5))
    again = digest_of(office.first)
    assert due_event == PolicyEmergencyExpired(
        digest=digest_of(policy_with_low_weight("fire", 9)), expires_at=after(5), again=again
    )
    office.tell(due_event, SYSTEM, 5.1)
    assert office.governed.next_due() is None


def test_an_emergency_change_that_another_person_ratifies_stays() -> None:
    office = PolicyOffice()
    office.emergency(policy_with_low_weight("fire", 9), ANA, 1)
    assert office.governed.next_due() == after(25)
    with pytest.raises(AuthorMayNotDecide, match=r"policy\.emergency_activated by ana"):
        office.ratify("fire", ANA, 2)
    office.ratify("fire", BO, 2)
    assert office.in_force(1000) == "fire"
    assert office.governed.next_due() is None
    with pytest.raises(PolicyStateWrong, match="not an emergency change in force"):
        office.ratify("fire", CY, 3)


def test_an_expired_emergency_change_cannot_be_repeated_under_another_version() -> None:
    office = PolicyOffice()
    office.emergency(policy_with_low_weight("fire", 9), ANA, 1, until=5)
    with pytest.raises(PolicyStateWrong, match="not an emergency change"):
        office.ratify("fire", BO, 6)
    with pytest.raises(PolicyStateWrong, match="version fire is the same change"):
        office.emergency(policy_with_low_weight("fire2", 9), ANA, 6)
    office.propose(
        policy_with_low_weight("fire", 9), ANA, 6
    )  # but it may be approved like any other
    office.approve("fire", BO, 7)
    office.activate("fire", BO, 8)
    assert office.in_force(9) == "fire"


def test_an_emergency_change_lasts_three_days_at_most() -> None:
    for until in (1, 1 + 73):
        with pytest.raises(Invalid, match="expires_at"):
            PolicyOffice().emergency(policy_with_low_weight("fire", 9), ANA, 1, until=until)


def test_a_rollback_ends_an_emergency_change() -> None:
    office = PolicyOffice()
    office.change(policy_with_low_weight("2", 2), 1)
    office.emergency(policy_with_low_weight("fire", 9), ANA, 2, until=20)
    office.roll_back("1", BO, 3)
    assert (office.in_force(3), office.in_force(30)) == ("1-r1", "1-r1")


def test_past_and_future_policy_changes_are_listed() -> None:
    office = PolicyOffice()
    office.change(policy_with_low_weight("2", 2), 1)
    office.emergency(policy_with_low_weight("fire", 9), ANA, 2, until=20)
    turns = [(turn.at, turn.before is None) for turn in office.governed.policy_changes()]
    assert turns == [(after(0), True), (after(1), False), (after(2), False), (after(20), False)]


def test_every_refusal_says_what_to_do() -> None:
    for kind in (
        AuthorMayNotDecide,
        OnlyPersonsDecide,
        PolicyNotFound,
        PolicyOutOfDate,
        PolicyStateWrong,
        PolicyUnchanged,
    ):
        assert issubclass(kind, CasetrailError)
        assert kind.explanation
