"""Simulation of a policy on recorded history."""

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from queue import SimpleQueue
from typing import Any, cast

import msgspec
from litestar import Response
from litestar.params import FromPath, JSONBody
from litestar.response import Stream
from msgspec import UNSET, Struct, UnsetType

from api.http.commands import CommandRequest
from api.http.concurrency import post
from api.http.errors import Unavailable, Unexpected
from api.http.problems import problem_of
from api.http.query import wait_for_report
from api.http.responses import CommandResponse
from api.http.service import Service
from api.routes.policies import SimulationView, simulation_view
from application.log.caller import Caller
from application.money.proposal_history import load_proposal_history
from application.policy.decided_history import decided_after
from application.policy.order_pasts import SimulationScope
from application.policy.policy_desk import PolicyResult
from domain.errors import CasetrailError, Fault, Invalid
from domain.permissions import Permission
from domain.policy.commands import SimulatePolicy
from domain.policy.events import PolicySimulated
from domain.policy.governance_decisions import require_policy
from domain.policy.money_figures import MoneyFigures, compute_money_figures
from infrastructure.policies.simulation_runs import RunProgress, SimulationStopped, run_simulation

DEFAULT_PERIOD = timedelta(days=30)
_logger = logging.getLogger("casetrail")
NDJSON = "application/x-ndjson"
_LAST_DAYS = SimulatePolicy()


class SimulationProgress(Struct, frozen=True):
    """The progress of a simulation: percent of the log, and what was read of the period."""

    done_percent: int
    orders: int
    signals: int


@post(
    "/policies/{version:str}/simulate",
    needs=Permission.PROPOSE_POLICIES,
    summary="Simulate a policy on recorded history",
)
def simulate_policy(
    command: CommandRequest, version: FromPath[str], data: JSONBody[SimulatePolicy] = _LAST_DAYS
) -> Response[SimulationView]:
    """Replays the signals of the period under the active policy and under this one, and compares the
    results. They are stored with the log position: the same period up to that position gives the same
    results. With `Accept: application/x-ndjson`, lines report the progress, and the last line is the
    answer."""
    service = command.service

    def simulate(report: Callable[[RunProgress, int], None]) -> Response[Any]:
        return command.run(
            lambda by: _run_simulation(service, version, data, by, report),
            lambda result: result,
            _command_response,
        )

    if NDJSON not in command.request.headers.get("accept", ""):
        return simulate(lambda progress, until: None)
    # Errors that are known before the stream starts get their own status.
    simulation_scope_of(service, version, data, service.desks.clock())
    lines: Any = Stream(_stream_progress(simulate), media_type=NDJSON)
    return cast(Response[SimulationView], lines)


def _command_response(result: PolicyResult) -> CommandResponse:
    return CommandResponse(simulation_view(result.governance, result.policy.simulations[-1]))


def _run_simulation(
    service: Service,
    version: str,
    data: SimulatePolicy,
    by: Caller,
    report: Callable[[RunProgress, int], None],
) -> PolicyResult:
    desks = service.desks
    scope = simulation_scope_of(service, version, data, by.now)
    try:
        # One at a time: each uses all idle cores.
        with service.simulating:
            keys = desks.vault.place if desks.vault is not None else None
            for progress in run_simulation(desks.datastore.dsn, desks.log, scope, keys=keys):
                report(progress, scope.position)
    except SimulationStopped as stopped:
        raise Unavailable(f"the simulation was stopped: {stopped}") from None
    event = PolicySimulated(
        digest=scope.proposed.digest,
        against=scope.active.digest,
        since=scope.since,
        until=scope.until,
        position=scope.position,
        figures=progress.tally.figures(),
        money=_money_figures(service, scope),
    )
    return desks.policy.record_simulation(event, by)


def _money_figures(service: Service, scope: SimulationScope) -> MoneyFigures | UnsetType:
    """The proposed adjustments under both approval matrices. Raises ReportBehind."""
    wait_for_report(service, "adjustments", scope.position, None)
    cases = service.money_reports.cases_with_money()
    past = load_proposal_history(service.desks.log, cases, scope)
    found = compute_money_figures(past, scope.active, scope.proposed, scope.since)
    return UNSET if found is None else found


def simulation_scope_of(
    service: Service, version: str, data: SimulatePolicy, now: datetime
) -> SimulationScope:
    """Raises PolicyNotFound, Invalid."""
    desk = service.desks.policy
    policy = require_policy(desk.refresh(), version)
    until = min(data.until or now, now)
    since = data.since or until - DEFAULT_PERIOD
    if since >= until:
        detail = f"must be before the end of the period, {until.isoformat()}"
        raise Invalid([Fault("/since", detail)], "the period")
    return SimulationScope(
        active=desk.current,
        proposed=desk.rulebook(policy),
        since=since,
        until=until,
        position=service.desks.log.head(),
        decided_after=decided_after(service.desks.log, desk, now),
    )


def _stream_progress(
    simulate: Callable[[Callable[[RunProgress, int], None]], Response[Any]],
) -> Iterator[bytes]:
    """Lines of progress, then the answer, or the problem if it fails."""
    lines: SimpleQueue[bytes | None] = SimpleQueue()

    def report(progress: RunProgress, until: int) -> None:
        percent = progress.position * 100 // until if until else 100
        so_far = SimulationProgress(percent, progress.tally.orders, progress.tally.signals)
        lines.put(msgspec.json.encode(so_far))

    def work() -> None:
        try:
            lines.put(simulate(report).content)
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
