"""A real service on a loopback port, with a worker's threads and the tokens of its people."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
import uvicorn
from psycopg.conninfo import conninfo_to_dict

from api.app import create_app
from api.commands.worker import run_due_timers
from api.composition import Clock, desks, follow_policy, prepare_database, utc_now
from api.http.service import Service, service
from api.serving import listen
from application.money.provider import PaymentProvider
from domain.people import Role
from infrastructure.identity.local_issuer import LocalIssuer
from infrastructure.identity.trusted_issuers import Issuer, KeyCacheTimes
from infrastructure.personal.vault import Vault, open_vault
from infrastructure.projections.runner import ProjectionRunner
from projections import PROJECTIONS

ROLES = {
    # Most tests send signals and then work on the case as the same person.
    "ana": (Role.EXCEPTION_SPECIALIST, Role.TEAM_LEAD, Role.INTEGRATOR),
    "bo": (Role.HANDLER, Role.INTEGRATOR),
    "carla": (Role.TEAM_LEAD, Role.INTEGRATOR),
    "olga": (Role.OPS_MANAGER,),
    "fay": (Role.FINANCE_APPROVER,),
    "finn": (Role.FINANCE_APPROVER,),
    "shop": (Role.INTEGRATOR,),
}
TIMEOUT_SECONDS = 30
DEMO_CLIENT = "casetrail-demo"
MANY_FAILURES = 1_000_000
"""Tests of refusals fail to authenticate more often than clients do."""


FOLDER = TemporaryDirectory(prefix="casetrail-outside-")


def outside_settings(dsn: str) -> Vault:
    """The folders outside the database: the same for all services on it."""
    folder = f"{FOLDER.name}/{conninfo_to_dict(dsn)['dbname']}"
    return open_vault(f"{folder}/keys", f"{folder}/evidence")


@dataclass
class RunningService:
    """A service over a database: its address and the tokens of its people."""

    dsn: str
    url: str
    service: Service
    tokens: dict[str, str] = field(default_factory=dict)

    def client_as(self, name: str | None) -> httpx2.Client:
        headers = {"Authorization": f"Bearer {self.tokens[name]}"} if name else {}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=TIMEOUT_SECONDS)


@contextmanager
def serve(
    dsn: str,
    clock: Clock = utc_now,
    issuers: Sequence[Issuer] = (),
    demo_home: Path | None = None,
    provider: PaymentProvider | None = None,
) -> Iterator[tuple[str, Service]]:
    """Serve a migrated database on a free port; with the demo issuer if `demo_home` is given."""
    with listen("127.0.0.1", 0) as listener, ExitStack() as stack:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        local = None
        if demo_home is not None:
            local = LocalIssuer(demo_home, f"{url}/demo-issuer", DEMO_CLIENT, ["ana", "copilot"])
            issuers = (
                *issuers,
                Issuer(local.name, DEMO_CLIENT, patience=KeyCacheTimes(between=0.1)),
            )
        running = stack.enter_context(
            service(
                dsn,
                outside_settings(dsn),
                clock,
                issuers=issuers,
                provider=provider,
                pull_hosts=("127.0.0.1",),
            )
        )
        running.desks.ensure_policy()
        running.tokens.failures.most = MANY_FAILURES
        config = uvicorn.Config(
            create_app(running, issuer=local), log_level="critical", access_log=False, lifespan="on"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="served", daemon=True
        )
        thread.start()
        try:
            with follow_policy(running.desks):
                yield url, running
        finally:
            server.should_exit = True
            thread.join(timeout=TIMEOUT_SECONDS)


@contextmanager
def run_reports(dsn: str) -> Iterator[ProjectionRunner]:
    """Maintain the reports within this context."""
    runner = ProjectionRunner(dsn, PROJECTIONS)
    thread = threading.Thread(target=runner.run, name="reports", daemon=True)
    thread.start()
    try:
        yield runner
    finally:
        runner.close()
        thread.join(timeout=TIMEOUT_SECONDS)


@contextmanager
def run_timekeeper(dsn: str) -> Iterator[None]:
    """Record overdue events within this context."""
    stop = threading.Event()
    with desks(dsn, vault=outside_settings(dsn)) as working:
        working.ensure_policy()
        thread = threading.Thread(
            target=run_due_timers, args=(working, stop), name="time", daemon=True
        )
        thread.start()
        try:
            with follow_policy(working):
                yield
        finally:
            stop.set()
            thread.join(timeout=TIMEOUT_SECONDS)


def add_people(dsn: str) -> dict[str, str]:
    """Add all people and return their tokens."""
    tokens = {}
    with desks(dsn) as working:
        for name, roles in ROLES.items():
            working.people.add(name, roles, datetime.now(UTC))
            tokens[name] = working.people.issue_token(name, datetime.now(UTC))
    ProjectionRunner(dsn, PROJECTIONS).catch_up()
    return tokens


@contextmanager
def run_service(
    dsn: str,
    *,
    reports: bool = True,
    time: bool = False,
    issuers: Sequence[Issuer] = (),
    provider: PaymentProvider | None = None,
) -> Iterator[RunningService]:
    """Run the service with its reports and timekeeper over one fresh database."""
    prepare_database(dsn)
    with ExitStack() as stack:
        url, running = stack.enter_context(serve(dsn, issuers=issuers, provider=provider))
        tokens = add_people(dsn)
        if reports:
            stack.enter_context(run_reports(dsn))
        if time:
            stack.enter_context(run_timekeeper(dsn))
        yield RunningService(dsn, url, running, tokens)
