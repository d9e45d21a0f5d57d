"""An access review: each grant that was active at its opening is decided by somebody who neither holds nor gave it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec import structs

from application.log import streams
from application.log.caller import operator_caller
from application.people.access_review_desk import AccessReviewDesk
from application.people.grant_desk import GrantDesk
from domain.access_errors import (
    AccessReviewMoved,
    AccessReviewNotFound,
    AnotherPersonNeeded,
    GrantNotWaiting,
    NotInScope,
)
from domain.access_review_decisions import digest_of_grants
from domain.access_reviews import (
    AccessReviewDecided,
    AccessReviewOpened,
    DecideAccessReview,
    GrantVerdict,
    KeepOrRevoke,
)
from domain.errors import Invalid
from domain.grants import ChangePersonStatus, GrantRole, LinkPersonName
from domain.people import Role
from domain.person import GrantStatus
from tests.application.in_memory_service import InMemoryService, caller
from tests.application.test_granting_roles import QUEUES, desk_of, finance
from tests.domain.signals import after

KEEP, REVOKE = KeepOrRevoke.KEEP, KeepOrRevoke.REVOKE
ENDS = ChangePersonStatus(reason="Not any more.")
MANAGERS = ("olga", "otto", "olivia")


class Office:
    """Three managers, and ana with a grant that olga gave and otto confirmed."""

    def __init__(self) -> None:
        self.service = InMemoryService()
        self.people = desk_of(self.service)
        for name in MANAGERS:
            self.people.add(name, [Role.OPS_MANAGER], after(0))
        self.people.add("ana", [], after(0))
        self.people.give("ana", finance(), QUEUES, caller("olga", after(1)))
        GrantDesk(self.people).confirm("ana", "g1", caller("otto", after(2)))
        log = self.service.log
        self.desk = AccessReviewDesk(log, streams.access_reviews(log), self.people, lambda: None)

    def open(self, at: float = 3) -> AccessReviewOpened:
        return self.desk.open(caller("olga", after(at))).state.review.opened

    def decide(
        self, by: str, decisions: Mapping[str, KeepOrRevoke], at: float = 4, review: str = "r1"
    ) -> None:
        verdicts = (
            GrantVerdict(person=name, grant="g1", verdict=verdict, reason="As it is.")
            for name, verdict in decisions.items()
        )
        ask = DecideAccessReview(decisions=tuple(verdicts))
        self.desk.decide(review, ask, caller(by, after(at)))

    def decide_all(self) -> None:
        self.decide("olivia", {"ana": KEEP, "olga": KEEP, "otto": KEEP})
        self.decide("olga", {"olivia": KEEP})

    def complete(self, by: str = "olga", at: float = 5) -> None:
        self.desk.complete("r1", caller(by, after(at)))

    def link(self, one: str, other: str, at: float) -> None:
        ask = LinkPersonName(other=other, reason="One person.")
        self.people.same_as(one, ask, operator_caller(after(at)))

    def status(self, name: str = "ana", at: float = 6) -> GrantStatus:
        return self.people.person(name).grants[0].status(after(at))

    def left(self) -> list[str]:
        return [one.person for one, _ in self.desk.review("r1").undecided]

    def just_before_the_append(
        self, monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]
    ) -> None:
        """Somebody else acts between the next decision and its append."""
        append = self.service.log.append

        def after_act(*args: object, **more: object) -> object:
            monkeypatch.undo()
            act()
            return append(*args, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(self.service.log, "append", after_act)


@pytest.fixture
def office() -> Office:
    return Office()


def test_it_lists_what_was_active_at_the_position_and_ends_with_evidence(office: Office) -> None:
    office.people.give("ana", finance(), QUEUES, caller("olga", after(2.5)))  # only proposed
    head = office.service.log.head()
    opened = office.open()
    assert (opened.review, opened.position) == ("r1", head)
    listed = [(one.person, one.grant, one.status, one.given_by) for one in opened.grants]
    assert listed == [
        ("ana", "g1", GrantStatus.ACTIVE, ("olga", "otto")),
        *((name, "g1", GrantStatus.UNCONFIRMED, ()) for name in sorted(MANAGERS)),
    ]
    office.people.add("late", [Role.AUDITOR], after(3.5))  # not in this review
    with pytest.raises(AccessReviewMoved, match=r"4 of 4 grants .* g1 of ana \(nobody has decided"):
        office.complete()
    office.decide("olivia", {"ana": REVOKE, "olga": KEEP, "otto": KEEP})
    assert (office.left(), office.status()) == (["olivia"], GrantStatus.ENDED)
    office.decide("olga", {"olivia": KEEP})
    office.complete()
    done = office.desk.review("r1").review.completed
    assert done is not None
    assert (done.position, done.digest) == (head, digest_of_grants(opened.grants))
    assert (done.kept, done.revoked) == (3, 1)
    revoked = office.people.person("ana").grants[0]
    assert (revoked.revoked_for, revoked.revoked_by and revoked.revoked_by.person) == (
        "As it is.",
        "olivia",
    )


def test_the_decision_and_the_revocation_are_one_append(office: Office) -> None:
    office.open()
    office.decide("olivia", {"ana": REVOKE})
    last, before = [*reversed(office.service.log.read(office.service.log.head() - 2, 2))]
    assert {last.type, before.type} == {"access_review.decided", "person.grant_revoked"}
    assert last.recorded_at == before.recorded_at == after(4)


def test_one_review_is_open_at_a_time(office: Office) -> None:
    office.open()
    with pytest.raises(AccessReviewMoved, match="r1 is open: complete it first"):
        office.open()
    office.decide_all()
    office.complete()
    assert office.open(6).review == "r2"
    with pytest.raises(AccessReviewMoved, match="r1 is completed"):
        office.complete(at=7)
    with pytest.raises(AccessReviewMoved, match="r1 is completed"):
        office.decide("olga", {"olivia": KEEP}, at=7)
    with pytest.raises(AccessReviewNotFound, match="no access review r3: the last one is r2"):
        office.decide("olga", {"olivia": KEEP}, review="r3")


@pytest.mark.parametrize("who", ["ana", "olga", "otto"])
@pytest.mark.parametrize("verdict", KeepOrRevoke)
def test_nobody_decides_on_a_grant_that_they_hold_gave_or_confirmed(
    office: Office, who: str, verdict: KeepOrRevoke
) -> None:
    if who == "ana":
        office.people.give(
            "ana", GrantRole(role=Role.OPS_MANAGER, reason="."), QUEUES, operator_caller(after(2))
        )
    office.open()
    with pytest.raises(AnotherPersonNeeded, match=f"{who} holds or gave grant g1 of ana"):
        office.decide(who, {"ana": verdict})
    assert office.status() is GrantStatus.ACTIVE


@pytest.mark.parametrize("who", ["ana", "olga", "otto"])
def test_nobody_decides_on_it_under_another_name(office: Office, who: str) -> None:
    office.people.add("alias", [Role.OPS_MANAGER], after(2))
    office.open()
    office.link(who, "alias", 3.5)
    with pytest.raises(AnotherPersonNeeded):
        office.decide("alias", {"ana": KEEP})


def test_a_delegate_acts_for_two_and_neither_may_hold_or_give(office: Office) -> None:
    office.open()
    ask = DecideAccessReview(
        decisions=(GrantVerdict(person="ana", grant="g1", verdict=KEEP, reason="Hers."),)
    )
    for person, delegate in (("olivia", "ana"), ("ana", "olivia"), ("olivia", "olga")):
        by = caller(person, after(4))
        actor = structs.replace(by.actor, delegate=delegate)
        with pytest.raises(AnotherPersonNeeded):
            office.desk.decide("r1", ask, structs.replace(by, actor=actor))


def test_the_command_line_decides_and_completes_nothing(office: Office) -> None:
    office.open()
    ask = DecideAccessReview(
        decisions=(GrantVerdict(person="ana", grant="g1", verdict=KEEP, reason="Hers."),)
    )
    with pytest.raises(AnotherPersonNeeded, match="acts for nobody"):
        office.desk.decide("r1", ask, operator_caller(after(4)))
    office.decide_all()
    with pytest.raises(AnotherPersonNeeded, match="acts for nobody"):
        office.desk.complete("r1", operator_caller(after(5)))


def test_a_person_who_no_longer_manages_people_decides_nothing(office: Office) -> None:
    office.open()
    office.people.revoke("olivia", "g1", ENDS, caller("otto", after(3)))
    with pytest.raises(NotInScope, match="olivia no longer has the permission"):
        office.decide("olivia", {"ana": KEEP})
    office.decide("olga", {"olivia": REVOKE})
    with pytest.raises(AccessReviewMoved):
        office.complete("olivia")


def test_every_fault_of_a_request_is_told_and_nothing_recorded(office: Office) -> None:
    office.people.add("new", [], after(2))
    office.open()
    one = GrantVerdict(person="ana", grant="g1", verdict=KEEP, reason="Hers.")
    ask = DecideAccessReview(
        decisions=(
            one,
            one,
            GrantVerdict(person="ana", grant="g9", verdict=KEEP, reason="?"),
            GrantVerdict(person="nobody", grant="g1", verdict=KEEP, reason="?"),
        )
    )
    head = office.service.log.head()
    with pytest.raises(Invalid) as refused:
        office.desk.decide("r1", ask, caller("olivia", after(4)))
    assert [fault.pointer for fault in refused.value.faults] == [
        f"/decisions/{n}" for n in (1, 2, 3)
    ]
    assert office.service.log.head() == head


def test_a_grant_is_decided_once(office: Office) -> None:
    office.people.add("omar", [Role.OPS_MANAGER], after(2))
    office.open()
    office.decide("olivia", {"ana": KEEP})
    for who in ("olivia", "omar"):
        with pytest.raises(AccessReviewMoved, match="g1 of ana is decided already"):
            office.decide(who, {"ana": REVOKE})
    assert office.status() is GrantStatus.ACTIVE


def test_a_grant_that_ended_meanwhile_cannot_be_kept(office: Office) -> None:
    office.open()
    office.people.leave("ana", ENDS, caller("otto", after(3.5)))
    with pytest.raises(Invalid, match="is ended and cannot be kept: decide revoke"):
        office.decide("olivia", {"ana": KEEP})
    # Otherwise it would come back with her.
    office.decide("olivia", {"ana": REVOKE})
    assert office.people.person("ana").grants[0].revoked_for == "As it is."
    office.people.revoke("otto", "g1", ENDS, caller("olga", after(4)))
    before = office.people.person("otto").version
    office.decide("olivia", {"otto": REVOKE}, at=4.5)
    assert office.people.person("otto").version == before


def test_revoking_a_grant_that_waits_to_be_given_again_ends_it(office: Office) -> None:
    """A person who returns gets a grant back once a second person confirms it."""
    office.open()
    office.people.leave("ana", ENDS, caller("otto", after(3.2)))
    office.people.come_back("ana", ENDS, caller("olga", after(3.5)))
    assert office.status(at=3.6) is GrantStatus.PROPOSED
    office.decide("olivia", {"ana": REVOKE})
    with pytest.raises(GrantNotWaiting):
        GrantDesk(office.people).confirm("ana", "g1", caller("otto", after(4.5)))
    assert office.status() is GrantStatus.ENDED


def test_who_gave_a_grant_may_revoke_it_first_and_then_record_that(office: Office) -> None:
    """So a review ends where every manager has a part in some grant."""
    office.open()
    with pytest.raises(AnotherPersonNeeded):
        office.decide("otto", {"ana": REVOKE})
    office.people.revoke("ana", "g1", ENDS, caller("otto", after(3.5)))
    with pytest.raises(AnotherPersonNeeded):
        office.decide("otto", {"ana": KEEP})
    office.decide("otto", {"ana": REVOKE})
    assert "ana" not in office.left()


@pytest.mark.parametrize("party", ["ana", "olga", "otto"])
def test_a_decision_stops_counting_when_its_author_is_found_to_be_a_party(
    office: Office, party: str
) -> None:
    office.people.add("omar", [Role.OPS_MANAGER], after(2))
    office.open()
    office.decide("omar", {"ana": KEEP, "olga": KEEP, "otto": KEEP, "olivia": KEEP})
    office.decide("olivia", {"omar": KEEP})
    office.link(party, "omar", 4.5)
    assert "ana" in office.left()
    with pytest.raises(AccessReviewMoved, match=r"the decision does not count: .*omar"):
        office.complete("olivia")
    office.decide("olivia", {name: KEEP for name in office.left() if name != "omar"}, at=5)
    assert "ana" not in office.left()


def test_who_confirms_a_grant_has_not_decided_on_it(office: Office) -> None:
    office.open()
    office.decide_all()
    GrantDesk(office.people).confirm("otto", "g1", caller("olivia", after(4.5)))
    assert office.left() == ["otto"]
    with pytest.raises(AccessReviewMoved, match="olivia holds or gave the grant"):
        office.complete()
    office.decide("olga", {"otto": KEEP}, at=5)
    office.complete(at=6)


def test_a_link_at_the_same_moment_fails_the_decision(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.people.add("alias", [Role.OPS_MANAGER], after(2))
    office.open()
    office.just_before_the_append(monkeypatch, lambda: office.link("otto", "alias", 4))
    with pytest.raises(AnotherPersonNeeded):
        office.decide("alias", {"ana": KEEP})
    assert "ana" in office.left()


def test_a_link_at_the_same_moment_fails_the_completion(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.open()
    office.decide_all()
    office.just_before_the_append(monkeypatch, lambda: office.link("olivia", "ana", 4))
    with pytest.raises(AccessReviewMoved, match="the decision does not count"):
        office.complete()


def test_two_decisions_at_the_same_moment_have_one_winner(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.people.add("omar", [Role.OPS_MANAGER], after(2))
    office.open()
    office.just_before_the_append(monkeypatch, lambda: office.decide("omar", {"ana": KEEP}))
    with pytest.raises(AccessReviewMoved, match="is decided already"):
        office.decide("olivia", {"ana": REVOKE})
    assert office.status() is GrantStatus.ACTIVE


def test_a_decision_and_another_end_of_the_grant_at_the_same_moment(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.open()

    def revoke() -> None:
        ask = ENDS
        office.people.revoke("ana", "g1", ask, caller("otto", after(4)))

    office.just_before_the_append(monkeypatch, revoke)
    with pytest.raises(Invalid, match="cannot be kept"):
        office.decide("olivia", {"ana": KEEP})


def test_two_people_open_at_the_same_moment(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.just_before_the_append(monkeypatch, lambda: office.open() and None)
    with pytest.raises(AccessReviewMoved, match="r1 is open"):
        office.open()
    assert len(office.desk.reviews().reviews) == 1


def test_the_completion_sees_what_was_decided_at_the_same_moment(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A completion that was decided on before somebody's act is decided again after it."""
    office.open()
    office.decide_all()
    office.just_before_the_append(monkeypatch, office.complete)
    with pytest.raises(AccessReviewMoved, match="r1 is completed"):
        office.complete("otto")


def test_many_decide_at_once_in_a_real_race(office: Office) -> None:
    for n in range(6):
        office.people.add(f"m{n}", [Role.OPS_MANAGER], after(2))
    office.open()

    def attempt(n: int) -> bool:
        try:
            office.decide(f"m{n}", {"ana": REVOKE if n % 2 else KEEP})
        except (AccessReviewMoved, Invalid):  # a grant that another one just ended cannot be kept
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(attempt, range(6))) == 1
    trail = office.service.log.read(0, 1_000)
    (line,) = (x for x in trail if isinstance(x.event, AccessReviewDecided))
    revoked = [x for x in trail if x.type == "person.grant_revoked"]
    assert isinstance(line.event, AccessReviewDecided)
    assert len(revoked) == (line.event.decisions[0].verdict is REVOKE)
