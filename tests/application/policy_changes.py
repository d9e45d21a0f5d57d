"""A change of policy by people: one proposes, another approves and activates."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import structs

from application.log.caller import Caller
from application.policy.policy_desk import PolicyDesk, PolicyResult
from application.policy.recheck import PAUSE, RecheckDesk
from application.policy.recheck_timers import RECHECK_DELAY
from domain.orders.stage import Stage
from domain.policy.document import PolicyDocument
from domain.policy.events import POLICY_STREAM, recheck_stream
from domain.policy.rulebook import Rulebook
from domain.policy.stages import StageService
from tests.application.in_memory_service import InMemoryService, caller, staff
from tests.domain.signals import after, placed
from tests.domain.simulations import simulated


def approve_policy(
    desk: PolicyDesk, rulebook: Rulebook, at: datetime, people: tuple[str, str] = ("ana", "bo")
) -> PolicyResult:
    """`people`: the author, and who approves it. A service that has people knows what they may do."""
    author, approver = people
    desk.propose(rulebook, "It is better.", None, _without_key(author, at))
    simulate_policy(desk, rulebook, at, author)
    return desk.approve(rulebook.version, "", None, _without_key(approver, at))


def simulate_policy(desk: PolicyDesk, rulebook: Rulebook, at: datetime, by: str = "ana") -> None:
    found = simulated(rulebook.digest, desk.current.digest, at)
    desk.record_simulation(found, _without_key(by, at))


def change_policy(
    desk: PolicyDesk,
    rulebook: Rulebook,
    at: datetime,
    effective_from: datetime | None = None,
    people: tuple[str, str] = ("ana", "bo"),
) -> PolicyResult:
    approve_policy(desk, rulebook, at, people)
    return desk.activate(rulebook.version, effective_from, "", _without_key(people[1], at))


def _without_key(person: str, at: datetime) -> Caller:
    """A caller whose answers are not stored, as the log can tell by the cause."""
    return structs.replace(caller(person, at), cause="test")


def policy_variant(document: PolicyDocument, version: str, least: int) -> Rulebook:
    """The same policy with this weight for the lowest severity."""
    severity = {**document.priorities.severity, min(document.priorities.severity): least}
    priorities = structs.replace(document.priorities, severity=severity)
    return Rulebook(structs.replace(document, version=version, priorities=priorities))


def naming_stages(rulebook: Rulebook) -> Rulebook:
    """The same policy with standard work in every stage."""
    calendar = next(iter(rulebook.document.calendars))
    service = StageService(owner_team="order_desk", within=timedelta(hours=4), calendar=calendar)
    return Rulebook(structs.replace(rulebook.document, stages=dict.fromkeys(Stage, service)))


def without_stages(rulebook: Rulebook) -> Rulebook:
    """The same policy, with no team for standard work."""
    return Rulebook(structs.replace(rulebook.document, stages=None))


def recheck_open_cases(
    service: InMemoryService, desk: PolicyDesk, digest: str, at: datetime
) -> int:
    """Recheck everything open under the policy that was activated then; returns the number of
    batches."""
    rechecks = RecheckDesk(service.log, desk, staff)
    stream = recheck_stream(digest, at)
    now, times = at + RECHECK_DELAY, 0
    while stream in service.due() and service.due()[stream] <= now:
        rechecks.tick(stream, now)
        now += PAUSE
        times += 1
    return times


def govern_policies(service: InMemoryService, first: Rulebook, hour: float) -> None:
    """Every event that a policy can have, one after the other."""
    now = [after(hour)]
    desk = PolicyDesk(service.log, lambda: now[0])
    desk.load()

    def at(hours: float) -> datetime:
        now[0] = after(hour + hours)
        return now[0]

    b, c, d, e, f = (
        policy_variant(first.document, name, n) for n, name in enumerate("bcdef", start=900)
    )
    d, e, f = without_stages(d), naming_stages(e), naming_stages(f)
    desk.propose(b, "Let us see.", None, caller("ana", at(1)))
    desk.reject("b", "Not so.", caller("bo", at(2)))
    desk.propose(c, "Better.", None, caller("ana", at(3)))
    desk.withdraw("c", "No.", caller("ana", at(4)))
    desk.propose(d, "Best.", None, caller("ana", at(5)))
    found = simulated(d.digest, first.digest, at(5), service.log.head())
    desk.record_simulation(found, caller("ana", at(6)))
    desk.approve("d", "Good.", first.digest, caller("bo", at(7)))
    starts_at = at(9)
    desk.activate("d", starts_at, "From nine.", caller("bo", at(8)))
    desk.tick(POLICY_STREAM, at(9))
    recheck_open_cases(service, desk, d.digest, starts_at)
    service.follow(d, at(9))
    # Policy names no team for this order until the next one takes effect.
    service.take(structs.replace(placed(hour + 9), order="o-unowned"), at=at(9.5))
    change_policy(desk, e, at(10))
    recheck_open_cases(service, desk, e.digest, after(hour + 10))
    change_policy(desk, f, at(10.5))
    desk.roll_back("e", None, "It was not.", caller("bo", at(11)))
    service.follow(desk.current, at(11))
    g, h = (policy_variant(desk.current.document, name, n) for n, name in ((950, "g"), (951, "h")))
    desk.emergency(g, "It burns.", at(13), caller("ana", at(12)))
    desk.tick(POLICY_STREAM, at(13))
    desk.emergency(h, "It burns again.", at(16), caller("cy", at(14)))
    recheck_open_cases(service, desk, h.digest, after(hour + 14))
    desk.ratify("h", "Rightly so.", caller("bo", at(15)))
