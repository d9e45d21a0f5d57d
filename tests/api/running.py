"""A real service on a loopback port, with a worker's threads beside it and people to ask as."""

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
from api.commands.worker import keep_time
from api.composition import Clock, desks, following, make_ready, utc_now
from api.http.service import Service, service
from api.serving import listen
from application.money.provider import PaymentProvider
from domain.people import Role
from infrastructure.identity.issuer import LocalIssuer
from infrastructure.identity.issuers import Issuer, Patience
from infrastructure.personal.vault import Vault, vault
from infrastructure.projections.runner import ProjectionRunner
from projections import PROJECTIONS

ROLES = {
    # Most tests tell what happened, and then work on it.
    "ana": (Role.EXCEPTION_SPECIALIST, Role.TEAM_LEAD, Role.INTEGRATOR),
    "bo": (Role.HANDLER, Role.INTEGRATOR),
    "carla": (Role.TEAM_LEAD, Role.INTEGRATOR),
    "olga": (Role.OPS_MANAGER,),
    "fay": (Role.FINANCE_APPROVER,),
    "finn": (Role.FINANCE_APPROVER,),
    "shop": (Role.INTEGRATOR,),
}
TIMEOUT_SECONDS = 30
DEMO = "casetrail-demo"


FOLDER = TemporaryDirectory(prefix="casetrail-outside-")


def outside(dsn: str) -> Vault:
    """What lies outside the database: the same for all that serve it."""
    folder = f"{FOLDER.name}/{conninfo_to_dict(dsn)['dbname']}"
    return vault(f"{folder}/keys", f"{folder}/evidence")


@dataclass
class House:
    """A served database: where it answers, and the tokens of its people."""

    dsn: str
    url: str
    service: Service
    tokens: dict[str, str] = field(default_factory=dict)

    def asking_as(self, name: str | None) -> httpx2.Client:
        headers = {"Authorization": f"Bearer {self.tokens[name]}"} if name else {}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=TIMEOUT_SECONDS)


@contextmanager
def served(
    dsn: str,
    clock: Clock = utc_now,
    issuers: Sequence[Issuer] = (),
    demo_home: Path | None = None,
    provider: PaymentProvider | None = None,
) -> Iterator[tuple[str, Service]]:
    """The service over a database that is ready, on a port of its own; with a demonstration's own
    issuer, if that is given a home."""
    with (
        listen("127.0.0.1", 0) as listener,
        ExitStack() as stack,
    ):
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        local = None
        if demo_home is not None:
            local = LocalIssuer(demo_home, f"{url}/demo-issuer", DEMO, ["ana", "copilot"])
            issuers = (*issuers, Issuer(local.name, DEMO, patience=Patience(between=0.1)))
        ours = stack.enter_context(
            service(
                dsn,
                outside(dsn),
                clock,
                issuers=issuers,
                provider=provider,
            )
        )
        ours.desks.decide_by()
        config = uvicorn.Config(
            create_app(ours, issuer=local), log_level="critical", access_log=False, lifespan="on"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="served", daemon=True
        )
        thread.start()
        try:
            with following(ours.desks):
                yield url, ours
        finally:
            server.should_exit = True
            thread.join(timeout=TIMEOUT_SECONDS)


@contextmanager
def reported(dsn: str) -> Iterator[ProjectionRunner]:
    """The reports are kept up for as long as this lasts."""
    runner = ProjectionRunner(dsn, PROJECTIONS)
    thread = threading.Thread(target=runner.run, name="reports", daemon=True)
    thread.start()
    try:
        yield runner
    finally:
        runner.close()
        thread.join(timeout=TIMEOUT_SECONDS)


@contextmanager
def kept_time(dsn: str) -> Iterator[None]:
    """What falls due is decided for as long as this lasts."""
    stop = threading.Event()
    with desks(dsn, vault=outside(dsn)) as working:
        working.decide_by()
        thread = threading.Thread(target=keep_time, args=(working, stop), name="time", daemon=True)
        thread.start()
        try:
            with following(working):
                yield
        finally:
            stop.set()
            thread.join(timeout=TIMEOUT_SECONDS)


def people_of(dsn: str) -> dict[str, str]:
    """Add everybody, and hand out their tokens."""
    tokens = {}
    with desks(dsn) as working:
        for name, roles in ROLES.items():
            working.people.add(name, roles, datetime.now(UTC))
            tokens[name] = working.people.issue_token(name, datetime.now(UTC))
    ProjectionRunner(dsn, PROJECTIONS).catch_up()
    return tokens


@contextmanager
def house(
    dsn: str,
    *,
    reports: bool = True,
    time: bool = False,
    issuers: Sequence[Issuer] = (),
    provider: PaymentProvider | None = None,
) -> Iterator[House]:
    """Everything over one fresh database."""
    make_ready(dsn)
    with ExitStack() as stack:
        url, ours = stack.enter_context(served(dsn, issuers=issuers, provider=provider))
        tokens = people_of(dsn)
        if reports:
            stack.enter_context(reported(dsn))
        if time:
            stack.enter_context(kept_time(dsn))
        yield House(dsn, url, ours, tokens)
