"""A change of policy as people make it: one proposes, another approves and activates."""

from __future__ import annotations

from datetime import datetime

from msgspec import structs

from application.policy.policy_desk import SETTLED, Governed, PolicyDesk
from application.policy.recheck import PAUSE, RecheckDesk
from domain.policy.document import PolicyDocument
from domain.policy.events import POLICY_STREAM, PolicySimulated, recheck_stream
from domain.policy.rulebook import Rulebook
from domain.policy.simulation_figures import Figures, Pair
from tests.application.house import House, caller, staff
from tests.domain.telling import after


def approved(desk: PolicyDesk, rulebook: Rulebook, at: datetime) -> Governed:
    desk.propose(rulebook, "It is better.", None, caller("ana", at))
    return desk.approve(rulebook.version, "", None, caller("bo", at))


def changed(
    desk: PolicyDesk, rulebook: Rulebook, at: datetime, effective_from: datetime | None = None
) -> Governed:
    approved(desk, rulebook, at)
    return desk.activate(rulebook.version, effective_from, "", caller("bo", at))


def variant(document: PolicyDocument, version: str, least: int) -> Rulebook:
    """The same policy, under which a case of the least severity counts so much."""
    severity = {**document.priorities.severity, min(document.priorities.severity): least}
    priorities = structs.replace(document.priorities, severity=severity)
    return Rulebook(structs.replace(document, version=version, priorities=priorities))


def rechecked(house: House, desk: PolicyDesk, digest: str, at: datetime) -> int:
    """Look at everything open under the policy that began to decide at this moment; how often."""
    rechecks = RecheckDesk(house.log, desk, staff)
    stream = recheck_stream(digest, at)
    now, times = at + SETTLED, 0
    while stream in house.due() and house.due()[stream] <= now:
        rechecks.tick(stream, now)
        now += PAUSE
        times += 1
    return times


def governed(house: House, first: Rulebook, hour: float) -> None:
    """Everything that can happen to a policy, one after the other."""
    now = [after(hour)]
    desk = PolicyDesk(house.log, lambda: now[0])
    desk.load()

    def at(hours: float) -> datetime:
        now[0] = after(hour + hours)
        return now[0]

    b, c, d, e = (variant(first.document, name, n) for n, name in enumerate("bcde", start=900))
    desk.propose(b, "Let us see.", None, caller("ana", at(1)))
    desk.reject("b", "Not so.", caller("bo", at(2)))
    desk.propose(c, "Better.", None, caller("ana", at(3)))
    desk.withdraw("c", "No.", caller("ana", at(4)))
    desk.propose(d, "Best.", None, caller("ana", at(5)))
    figures = Figures(
        orders=0,
        signals=0,
        cases=Pair(),
        only=Pair(),
        kinds={},
        queues={},
        severities={},
        moved=(),
        cleared=Pair(),
        breached=Pair(),
        passed=Pair(),
    )
    found = PolicySimulated(
        digest=d.digest,
        against=first.digest,
        since=at(0),
        until=at(5),
        position=house.log.head(),
        figures=figures,
    )
    desk.simulated(found, caller("ana", at(6)))
    desk.approve("d", "Good.", first.digest, caller("bo", at(7)))
    starts_at = at(9)
    desk.activate("d", starts_at, "From nine.", caller("bo", at(8)))
    desk.tick(POLICY_STREAM, at(9))
    rechecked(house, desk, d.digest, starts_at)
    desk.roll_back(first.version, None, "It was not.", caller("bo", at(10)))
    desk.emergency(e, "It burns.", at(13), caller("ana", at(11)))
    desk.tick(POLICY_STREAM, at(13))
    f = variant(first.document, "f", 999)
    desk.emergency(f, "It burns again.", at(16), caller("ana", at(14)))
    desk.ratify("f", "Rightly so.", caller("bo", at(15)))
