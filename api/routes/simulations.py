"""What recorded history would have led to under a policy: worked out, kept, and told."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from queue import SimpleQueue
from typing import Any, cast

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, RawBody
from litestar.response import Stream
from msgspec import UNSET, Struct, UnsetType

from api.http.commands import carry_out
from api.http.concurrency import post
from api.http.errors import Unavailable, Unexpected
from api.http.problems import problem_of
from api.http.query import IdempotencyKey, wait_for
from api.http.responses import Answer
from api.http.service import Service
from api.routes.cases import Asking
from api.routes.policies import SimulationView, simulation_view
from application.log.caller import Caller
from application.money.proposal_history import past_proposals
from application.policy.policy_desk import Governed
from application.policy.simulation import Asked
from domain.errors import CasetrailError, Fault, Invalid
from domain.permissions import Permission
from domain.policy.events import PolicySimulated
from domain.policy.governance_decisions import policy_named
from domain.policy.money_figures import MoneyFigures, money_figures
from domain.policy.policy_commands import SimulatePolicy
from infrastructure.policies.simulation_runs import Progress, SimulationStopped, run_simulation

USUAL_PERIOD = timedelta(days=30)
_logger = logging.getLogger("casetrail")
NDJSON = "application/x-ndjson"


class SimulationProgress(Struct, frozen=True):
    """How far a simulation has come: of the log, and of the period."""

    done_percent: int
    orders: int
    signals: int


@post(
    "/policies/{version:str}/simulate",
    needs=Permission.PROPOSE_POLICIES,
    status_code=200,
    summary="Simulate a policy over recorded history",
)
def simulate_policy(
    request: Asking,
    version: FromPath[str],
    service: NamedDependency[Service],
    data: JSONBody[SimulatePolicy],
    body: RawBody,
    key: IdempotencyKey = None,
) -> Response[SimulationView]:
    """The signals recorded in the period are lived through under the policy that decides now and
    under this one, each with what falls due. The figures are kept with the log's position: asked
    again with the same period, up to that position, they are the same. With `Accept:
    application/x-ndjson`, lines tell how far it has come, and the last one is the answer."""

    def told(tell: Callable[[Progress, int], None]) -> Response[Any]:
        def work(by: Caller) -> tuple[Governed, int]:
            governed = _simulated(service, version, data, by, tell)
            return governed, governed.position

        return carry_out(request, service, body, key, work, _answer)

    if NDJSON not in request.headers.get("accept", ""):
        return told(lambda progress, until: None)
    # What can be refused at once is refused with its status.
    asked_of(service, version, data, service.desks.clock())
    lines: Any = Stream(_lines(told), media_type=NDJSON)
    return cast(Response[SimulationView], lines)


def _answer(governed: Governed) -> Answer:
    return Answer(simulation_view(governed.governance, governed.policy.simulations[-1]))


def _simulated(
    service: Service,
    version: str,
    ask: SimulatePolicy,
    by: Caller,
    tell: Callable[[Progress, int], None],
) -> Governed:
    desks = service.desks
    asked = asked_of(service, version, ask, by.now)
    try:
        # One at a time: each takes all the cores that nobody else wants.
        with service.simulating:
            keys = desks.vault.place if desks.vault is not None else None
            for progress in run_simulation(desks.datastore.dsn, desks.log, asked, keys=keys):
                tell(progress, asked.position)
    except SimulationStopped as stopped:
        raise Unavailable(f"the simulation was stopped: {stopped}") from None
    event = PolicySimulated(
        digest=asked.proposed.digest,
        against=asked.active.digest,
        since=asked.since,
        until=asked.until,
        position=asked.position,
        figures=progress.tally.figures(),
        money=_money(service, asked),
    )
    return desks.policy.simulated(event, by)


def _money(service: Service, asked: Asked) -> MoneyFigures | UnsetType:
    """What was proposed to be given, held against both matrices. Raises ReportBehind."""
    wait_for(service.positions, "adjustments", asked.position, None)
    cases = service.money_reports.cases_with_money()
    past = past_proposals(service.desks.log, cases, asked)
    found = money_figures(past, asked.active, asked.proposed, asked.since)
    return UNSET if found is None else found


def asked_of(service: Service, version: str, ask: SimulatePolicy, now: datetime) -> Asked:
    """Raises PolicyNotFound, Invalid."""
    desk = service.desks.policy
    policy = policy_named(desk.refresh(), version)
    until = min(ask.until or now, now)
    since = ask.since or until - USUAL_PERIOD
    if since >= until:
        detail = f"must be before the period's end, {until.isoformat()}"
        raise Invalid([Fault("/since", detail)], "the period")
    return Asked(
        active=desk.current,
        proposed=desk.rulebook(policy),
        since=since,
        until=until,
        position=service.desks.log.head(),
    )


def _lines(told: Callable[[Callable[[Progress, int], None]], Response[Any]]) -> Iterator[bytes]:
    """How far it has come, then the answer; what is refused on the way is told as its problem."""
    lines: SimpleQueue[bytes | None] = SimpleQueue()

    def tell(progress: Progress, until: int) -> None:
        percent = progress.position * 100 // until if until else 100
        so_far = SimulationProgress(percent, progress.tally.orders, progress.tally.signals)
        lines.put(msgspec.json.encode(so_far))

    def work() -> None:
        try:
            lines.put(told(tell).content)
        except CasetrailError as error:
            lines.put(msgspec.json.encode(problem_of(error)))
        except Exception:
            _logger.exception("a simulation failed")
            lines.put(msgspec.json.encode(problem_of(Unexpected("see the service's log"))))
        finally:
            lines.put(None)

    threading.Thread(target=work, name="simulation", daemon=True).start()
    while (line := lines.get()) is not None:
        yield line + b"\n"
