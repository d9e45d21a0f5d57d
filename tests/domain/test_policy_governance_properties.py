"""Random acts on policies: the active policy was approved by another person than its authors, or
is an emergency change that ends. Past decisions are never rewritten."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import CasetrailError
from domain.people import Actor
from domain.policy.events import (
    PolicyActivated,
    PolicyApproved,
    PolicyEmergencyActivated,
    PolicyProposed,
    PolicyRatified,
    PolicyRolledBack,
)
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
from tests.domain.signals import BOUNDED_SETTINGS, after

FIRST = policy_with_low_weight("v0", 100)
NAMES = [f"v{n}" for n in range(3)]
DOCUMENTS = {name: policy_with_low_weight(name, 100 + n) for n, name in enumerate(NAMES)}
ACTORS = [*[ANA, BO, CY] * 3, ANAS_AGENT, BOS_AGENT, BO_FOR_ANA, ANA_FOR_BO]
OFTEN = ["propose", "approve", "approve", "activate", "activate", "schedule", "roll_back"] * 2
RARELY = ["revise", "reject", "withdraw", "emergency", "ratify", "ratify"]
ACTS = st.tuples(
    st.sampled_from(OFTEN + RARELY),
    st.sampled_from(NAMES),
    st.sampled_from(ACTORS),
    st.sampled_from([0.5, 1.0, 7.0]),
)


class RecordedOffice(PolicyOffice):
    """An office that records who did what, and which policy was active at each hour."""

    def __init__(self) -> None:
        self.acts: list[tuple[object, Actor, float]] = []
        self.active: list[tuple[float, str]] = []
        super().__init__(FIRST)

    def tell(self, event, by, hour) -> None:
        before = self.governed.in_force(after(hour))
        if not isinstance(event, PolicyActivated) or before is not None:
            self.check(event, by, before.digest if before else None)
        super().tell(event, by, hour)
        self.acts.append((event, by, hour))

    def check(self, event, by: Actor, deciding: str | None) -> None:
        authors = self.authors_of(event.digest)
        match event:
            case PolicyApproved() | PolicyRatified():
                assert by.persons
                assert not by.is_agent
                assert not authors & {*by.persons}
            case PolicyActivated():
                assert not by.is_agent
                approvals = [e for e, _, _ in self.acts if isinstance(e, PolicyApproved)]
                assert any(e.digest == event.digest for e in approvals)
                proposals = [e for e, _, _ in self.acts if isinstance(e, PolicyProposed)]
                *_, newest = (e for e in proposals if e.digest == event.digest)
                assert newest.base == deciding
            case PolicyRolledBack() | PolicyEmergencyActivated():
                assert by.persons
                assert not by.is_agent
            case _:
                return

    def authors_of(self, digest: str) -> set[str]:
        """The authors, computed from the events alone and not by the fold."""
        found: set[str] = set()
        wanted = {digest}
        for event, by, _ in reversed(self.acts):
            if isinstance(event, PolicyProposed | PolicyEmergencyActivated) and (
                event.digest in wanted
            ):
                found |= {*by.persons}
                revised = getattr(event, "revises", None)
                wanted |= {revised} if isinstance(revised, str) else set()
        return found

    def attempt(self, act: str, name: str, by: Actor, hour: float) -> None:
        match act:
            case "propose":
                self.propose(DOCUMENTS[name], by, hour)
            case "revise":
                self.propose(DOCUMENTS[name], by, hour, revises=NAMES[NAMES.index(name) - 1])
            case "schedule":
                self.activate(name, by, hour, after(hour + 5))
            case "emergency":
                self.emergency(DOCUMENTS[name], by, hour, until=hour + 6)
            case _:
                getattr(self, act)(name, by, hour)


@settings(BOUNDED_SETTINGS, max_examples=120)
@given(st.lists(ACTS, min_size=20, max_size=60))
def test_nobody_decides_alone_and_past_decisions_never_change(acts) -> None:
    office, hour = RecordedOffice(), 1.0
    for act, name, by, pause in acts:
        hour += pause
        for event in office.governed.find_due_events(after(hour)):
            office.tell(event, SYSTEM, hour)
        with suppress(CasetrailError):  # a refused act changes nothing
            office.attempt(act, name, by, hour)
        office.active.append((hour, office.in_force(hour)))
        assert [(then, office.in_force(then)) for then, _ in office.active] == office.active
        due = office.governed.next_due()
        assert due is None or due > after(hour)
    # No unapproved policy lasts.
    last = office.governed.in_force(after(hour + 1_000))
    assert last is not None
    approved = {
        e.digest for e, _, _ in office.acts if isinstance(e, PolicyApproved | PolicyRatified)
    }
    back = {e.digest for e, _, _ in office.acts if isinstance(e, PolicyRolledBack)}
    assert last.version == "v0" or last.digest in approved | back
