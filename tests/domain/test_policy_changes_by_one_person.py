"""One person alone cannot weaken a control by a policy: not at once, not in steps, not by an earlier policy."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from msgspec import structs

from domain.errors import Invalid
from domain.people import Role
from domain.policy import governance_decisions
from domain.policy.document import Automation, PolicyDocument, digest_of
from domain.policy.errors import (
    AuthorMayNotDecide,
    ChangeNeedsApproval,
    PolicyStateWrong,
    RoutesOwnGrants,
    SimulationMissing,
)
from domain.policy.events import PolicyEmergencyActivated, PolicyEmergencyExpired, PolicyTookEffect
from domain.policy.versions import Policy
from tests.domain.governed_policies import ANA, BO, CY, PolicyOffice, policy_with_low_weight
from tests.domain.policies import SHIPPED
from tests.domain.signals import after
from tests.domain.simulations import simulated

AUTOMATIC = next(
    name for name, kind in SHIPPED.document.kinds.items() if kind.automation is Automation.AUTOMATIC
)


def paying(document: PolicyDocument, version: str) -> PolicyDocument:
    """The same policy, in which an operations manager approves a hundred times as much."""
    assert document.approvals is not None
    limits = {**document.approvals.limits, Role.OPS_MANAGER: Decimal(250_000)}
    approvals = structs.replace(document.approvals, limits=limits)
    return structs.replace(document, version=version, approvals=approvals)


def careful(document: PolicyDocument, version: str) -> PolicyDocument:
    """The same policy, in which a person decides on one more kind."""
    kind = structs.replace(document.kinds[AUTOMATIC], automation=Automation.REVIEW)
    return structs.replace(document, version=version, kinds={**document.kinds, AUTOMATIC: kind})


def routed(document: PolicyDocument, version: str) -> PolicyDocument:
    """The same policy, in which the cases of the first route go to another queue."""
    first, *others = document.route
    queue = next(name for name in document.queues if name != first.queue)
    route = (structs.replace(first, queue=queue), *others)
    return structs.replace(document, version=version, route=route)


def test_an_emergency_change_cannot_raise_a_limit() -> None:
    office = PolicyOffice()
    with pytest.raises(ChangeNeedsApproval, match="would change /approvals, which takes two"):
        office.emergency(paying(office.first, "fire"), CY, 1)


def test_a_rollback_cannot_raise_a_limit() -> None:
    office = PolicyOffice(paying(policy_with_low_weight("1"), "1"))
    office.change(policy_with_low_weight("2"), 1)
    with pytest.raises(ChangeNeedsApproval, match="a rollback to version 1 would change"):
        office.roll_back("1", CY, 2)


def test_a_rollback_cannot_make_automation_laxer() -> None:
    office = PolicyOffice()
    office.change(careful(office.first, "2"), 1)
    with pytest.raises(ChangeNeedsApproval, match=f"/kinds/{AUTOMATIC}/automation"):
        office.roll_back("1", CY, 2)


def test_two_emergency_changes_cannot_do_more_than_one() -> None:
    office = PolicyOffice()
    office.emergency(careful(office.first, "step1"), CY, 1)
    with pytest.raises(ChangeNeedsApproval):
        office.emergency(paying(office.first, "step2"), CY, 2)
    office.emergency(policy_with_low_weight("step3", 7), BO, 2)  # as strict as what was approved
    office.emergency(careful(office.first, "step4"), ANA, 3)
    office.ratify("step4", BO, 4)
    with pytest.raises(ChangeNeedsApproval):  # now two people have decided on it
        office.emergency(policy_with_low_weight("step5", 8), CY, 5)


def test_an_emergency_change_that_nobody_ratified_does_not_return_by_a_rollback() -> None:
    office = PolicyOffice()
    office.emergency(policy_with_low_weight("fire", 9), CY, 1, until=30)
    office.roll_back("1", CY, 2)
    with pytest.raises(PolicyStateWrong, match="that nobody ratified"):
        office.roll_back("fire", CY, 3)


def test_an_emergency_change_does_not_become_permanent_with_another_proposal() -> None:
    """Its approver would see the difference to the emergency change alone."""
    office = PolicyOffice()
    office.emergency(routed(office.first, "fire"), CY, 1, until=20)
    both = policy_with_low_weight("2", 2)
    office.propose(routed(both, "2"), CY, 2)
    with pytest.raises(PolicyStateWrong, match="fire is an emergency change that version 2 is"):
        office.approve("2", BO, 3)
    office.ratify("fire", BO, 4)
    office.approve("2", BO, 5)
    office.activate("2", BO, 6)


def test_an_author_cannot_be_the_approver_at_the_activation_either() -> None:
    office = PolicyOffice()
    office.propose(policy_with_low_weight("2", 2), ANA, 1)
    office.approve("2", BO, 2)
    policy = require_policy_named(office, "2")

    def names_of(persons: Iterable[str]) -> set[str]:
        """Bo is known as Ana by now."""
        names = {*persons}
        return names | {"ana", "bo"} if names & {"ana", "bo"} else names

    with pytest.raises(AuthorMayNotDecide, match="are the same person"):
        governance_decisions.activate(office.governed, policy, None, "", CY, after(3), names_of)
    office.activate("2", CY, 3)


def test_an_activation_needs_a_recent_simulation_against_the_policy_in_force() -> None:
    office = PolicyOffice()
    new = policy_with_low_weight("2", 2)
    office.change(policy_with_low_weight("other", 3), 1)
    office.propose(new, ANA, 1000)
    office.approve("2", BO, 1000)
    policy = structs.replace(require_policy_named(office, "2"), simulations=())
    first, other = digest_of(office.first), digest_of(policy_with_low_weight("other", 3))
    now = after(1000)
    for event, counts in (
        (None, False),
        (simulated(policy.digest, other, now), True),
        (simulated(policy.digest, first, now), False),
        (simulated(policy.digest, other, now, days=6.9), False),
        (simulated(policy.digest, other, now, days=7), True),
        (simulated(policy.digest, other, now - timedelta(days=7)), True),
        (simulated(policy.digest, other, now - timedelta(days=7.1)), False),
    ):
        with_it = structs.replace(policy, simulations=(event,) if event is not None else ())
        if counts:
            governance_decisions.activate(office.governed, with_it, None, "", CY, now)
            continue
        with pytest.raises(SimulationMissing, match="run `casetrail policy simulate 2`"):
            governance_decisions.activate(office.governed, with_it, None, "", CY, now)


def test_one_person_cannot_chain_emergency_changes() -> None:
    office = PolicyOffice()
    office.emergency(policy_with_low_weight("fire", 2), CY, 1, until=5)
    again = policy_with_low_weight("fire-2", 3)
    for hour in (2, 6, 2_000):
        with pytest.raises(PolicyStateWrong, match="is the last emergency change of cy"):
            office.emergency(again, CY, hour)
    with pytest.raises(PolicyStateWrong):
        governance_decisions.activate_emergency(
            office.governed, again, "No.", None, ANA, after(2), (), lambda _: ["ana", "cy"]
        )
    office.emergency(again, BO, 2)
    with pytest.raises(PolicyStateWrong, match="version fire is the last emergency change of cy"):
        office.emergency(policy_with_low_weight("fire-3", 4), CY, 3)
    office.roll_back("1", CY, 3)
    with pytest.raises(PolicyStateWrong):
        office.emergency(policy_with_low_weight("fire-4", 4), CY, 4)


def test_after_two_people_have_decided_a_person_may_make_an_emergency_change_again() -> None:
    ratified, activated = PolicyOffice(), PolicyOffice()
    for office in (ratified, activated):
        office.emergency(policy_with_low_weight("fire", 2), CY, 1, until=5)
    ratified.ratify("fire", BO, 2)
    ratified.emergency(policy_with_low_weight("fire-2", 3), CY, 3)
    activated.change(policy_with_low_weight("2", 4), 6)
    activated.emergency(policy_with_low_weight("fire-2", 3), CY, 7)


def test_an_emergency_change_cannot_stop_the_clocks() -> None:
    office = PolicyOffice()
    calendar = next(iter(office.first.calendars))
    as_data = msgspec.to_builtins(office.first, str_keys=True)

    def closed(days: int) -> PolicyDocument:
        closing = [f"{after(24 * n):%Y-%m-%d}" for n in range(1, days + 1)]
        own = as_data["calendars"][calendar]
        calendars = {**as_data["calendars"], calendar: {**own, "closed": closing}}
        return msgspec.convert(
            {**as_data, "version": f"closed-{days}", "calendars": calendars}, PolicyDocument
        )

    with pytest.raises(ChangeNeedsApproval) as refused:
        office.emergency(closed(12), CY, 1)
    (fault,) = refused.value.facts["errors"]
    assert fault.pointer == f"/document/calendars/{calendar}"
    assert "of the next 14 days instead of" in fault.detail
    office.emergency(closed(3), CY, 1)


def test_a_person_with_grants_for_some_queues_cannot_change_routes_alone() -> None:
    office = PolicyOffice()
    now, new = after(2), routed(office.first, "fire")
    with pytest.raises(RoutesOwnGrants, match="cy has grants limited to queues: returns"):
        governance_decisions.activate_emergency(
            office.governed, new, "It burns.", None, CY, now, {"returns"}
        )
    governance_decisions.activate_emergency(
        office.governed, policy_with_low_weight("2", 2), "It burns.", None, CY, now, {"returns"}
    )
    office.change(routed(office.first, "2"), 1)
    with pytest.raises(RoutesOwnGrants):
        governance_decisions.roll_back(
            office.governed, require_policy_named(office, "1"), None, "No.", CY, now, {"returns"}
        )


def test_one_person_cannot_stop_a_scheduled_policy_by_an_emergency_change() -> None:
    office = PolicyOffice()
    office.propose(policy_with_low_weight("2", 2), ANA, 1)
    office.approve("2", BO, 2)
    office.activate("2", BO, 3, after(24))
    with pytest.raises(Invalid, match="when version 2 takes effect"):
        office.emergency(policy_with_low_weight("fire", 9), CY, 4, until=25)
    office.emergency(policy_with_low_weight("fire", 9), CY, 4)
    with pytest.raises(PolicyStateWrong, match="version 2 must take effect before version fire"):
        office.ratify("fire", ANA, 5)
    assert [office.in_force(n) for n in (4, 23.9, 24, 30)] == ["fire", "fire", "2", "2"]
    assert [type(one) for one in office.governed.find_due_events(after(24))] == [
        PolicyEmergencyExpired,
        PolicyTookEffect,
    ]


def test_one_person_cannot_stop_a_scheduled_policy_by_a_rollback() -> None:
    office = PolicyOffice()
    office.change(policy_with_low_weight("2", 2), 1)
    office.propose(policy_with_low_weight("3", 3), ANA, 2)
    office.approve("3", BO, 2)
    office.activate("3", BO, 3, after(24))
    with pytest.raises(PolicyStateWrong, match="version 3 must take effect before version 1"):
        office.roll_back("1", CY, 4)


def test_a_scheduled_policy_of_an_older_log_lapsed_with_an_emergency_change() -> None:
    office = PolicyOffice()
    office.propose(policy_with_low_weight("2", 2), ANA, 1)
    office.approve("2", BO, 2)
    office.activate("2", BO, 3, after(24))
    fire = policy_with_low_weight("fire", 9)
    event = PolicyEmergencyActivated(
        document=fire,
        digest=digest_of(fire),
        base=digest_of(office.first),
        reason="It burns.",
        expires_at=after(10),
    )
    office.tell(event, CY, 4)
    assert office.in_force(25) == "1"
    assert office.state("2", 25) == "approved"
    assert office.governed.next_due() == after(10)


def require_policy_named(office: PolicyOffice, version: str) -> Policy:
    return governance_decisions.require_policy(office.governed, version)
