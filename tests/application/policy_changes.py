"""A change of policy by people: one proposes, another approves and activates."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import structs

from application.policy.policy_desk import RECHECK_DELAY, PolicyDesk, PolicyResult
from application.policy.recheck import PAUSE, RecheckDesk
from domain.orders.stage import Stage
from domain.policy.document import PolicyDocument
from domain.policy.events import POLICY_STREAM, PolicySimulated, recheck_stream
from domain.policy.rulebook import Rulebook
from domain.policy.simulation_figures import CountPair, SimulationFigures
from domain.policy.stages import StageService
from tests.application.in_memory_service import InMemoryService, caller, staff
from tests.domain.signals import after, placed


def approve_policy(desk: PolicyDesk, rulebook: Rulebook, at: datetime) -> PolicyResult:
    desk.propose(rulebook, "It is better.", None, caller("ana", at))
    return desk.approve(rulebook.version, "", None, caller("bo", at))


def change_policy(
    desk: PolicyDesk, rulebook: Rulebook, at: datetime, effective_from: datetime | None = None
) -> PolicyResult:
    approve_policy(desk, rulebook, at)
    return desk.activate(rulebook.version, effective_from, "", caller("bo", at))


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

    b, c, d, e = (
        policy_variant(first.document, name, n) for n, name in enumerate("bcde", start=900)
    )
    d = naming_stages(d)
    desk.propose(b, "Let us see.", None, caller("ana", at(1)))
    desk.reject("b", "Not so.", caller("bo", at(2)))
    desk.propose(c, "Better.", None, caller("ana", at(3)))
    desk.withdraw("c", "No.", caller("ana", at(4)))
    desk.propose(d, "Best.", None, caller("ana", at(5)))
    figures = SimulationFigures(
        orders=0,
        signals=0,
        cases=CountPair(),
        only=CountPair(),
        kinds={},
        queues={},
        severities={},
        moved=(),
        cleared=CountPair(),
        breached=CountPair(),
        passed=CountPair(),
    )
    found = PolicySimulated(
        digest=d.digest,
        against=first.digest,
        since=at(0),
        until=at(5),
        position=service.log.head(),
        figures=figures,
    )
    desk.record_simulation(found, caller("ana", at(6)))
    desk.approve("d", "Good.", first.digest, caller("bo", at(7)))
    starts_at = at(9)
    desk.activate("d", starts_at, "From nine.", caller("bo", at(8)))
    desk.tick(POLICY_STREAM, at(9))
    recheck_open_cases(service, desk, d.digest, starts_at)
    desk.roll_back(first.version, None, "It was not.", caller("bo", at(10)))
    e = without_stages(e)
    desk.emergency(e, "It burns.", at(13), caller("ana", at(11)))
    service.follow(e, at(11))
    # Policy names no team for this order until the next one takes effect.
    service.take(structs.replace(placed(hour + 11), order="o-unowned"), at=at(12))
    desk.tick(POLICY_STREAM, at(13))
    service.follow(first, at(13.5))
    f = policy_variant(first.document, "f", 999)
    desk.emergency(f, "It burns again.", at(16), caller("ana", at(14)))
    recheck_open_cases(service, desk, f.digest, after(hour + 14))
    desk.ratify("f", "Rightly so.", caller("bo", at(15)))
