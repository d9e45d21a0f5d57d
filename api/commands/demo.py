"""casetrail demo"""

import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click
import httpx2
import msgspec
from msgspec import Struct, structs
from rich.console import Console
from rich.progress import track

from api import serving, terminal
from api.commands.addresses import API_PORT, HOST, PORT_NUMBER, address_of, provider_ledger
from api.commands.demo_welcome import welcome_text
from api.composition import Desks, configured_desks, prepare_database, utc_now
from api.configured_checkpoints import verified_checkpoints
from api.routes.demo_issuer import PATH
from application.orders.batches import Arrival
from application.orders.replay import BATCH_SIZE, replay
from domain.people import Actor, Role
from infrastructure.doctor import require_safe
from infrastructure.file_locks import leader_lock
from infrastructure.identity.local_issuer import LocalIssuer
from infrastructure.identity.trusted_issuers import Issuer
from infrastructure.postgres.databases import open_database
from infrastructure.projections.runner import ProjectionRunner
from infrastructure.settings import PAYMENTS, Settings, default_home
from infrastructure.sources.demonstration.stream import DemonstrationStream
from projections import PROJECTIONS

PEOPLE: tuple[tuple[str, Role], ...] = (
    ("ana", Role.EXCEPTION_SPECIALIST),
    ("bo", Role.HANDLER),
    ("carla", Role.TEAM_LEAD),
    ("dev", Role.AUDITOR),
    ("olga", Role.OPS_MANAGER),
    ("gus", Role.GOVERNANCE_OWNER),
    ("shop", Role.INTEGRATOR),
    ("omar", Role.OPS_MANAGER),
    ("fay", Role.FINANCE_APPROVER),
    ("finn", Role.FINANCE_APPROVER),
    ("fred", Role.FINANCE_APPROVER),
    ("gil", Role.GOVERNANCE_OWNER),
)
AGENT = "copilot"
"""An agent of ana's, to try what an agent may do."""
AUDIENCE = "casetrail-demo"
_EVERYWHERE = "0.0.0.0"
_HERE = ("127.0.0.1", "localhost")
SEED = 20261
SECONDS_BETWEEN_ORDERS = 1.0
EVERY_NTH_IN_TROUBLE = 3
LOOK_SECONDS = 0.2
_STREAM = "demo-stream"


class RunningDemo(Struct, frozen=True):
    """What a running demonstration stores in its home, for a second start and for `demo-issuer`."""

    url: str
    tokens: dict[str, str]
    payments: str
    """The address of its payment provider."""


@click.command()
@HOST
@click.option(
    "--port",
    type=PORT_NUMBER,
    help=f"Port to listen on [{API_PORT}, or any free one if it is taken].",
)
@click.pass_obj
def demo(settings: Settings, host: str, port: int | None) -> None:
    """Run a demonstration service with people, cases and a new order every second.

    It starts with two weeks of orders. It prints the addresses and tokens to use and runs until Ctrl-C; the next run continues.
    """
    console = terminal.console(soft_wrap=True)
    settings.home.mkdir(parents=True, exist_ok=True)
    note = note_path(settings.home)
    with leader_lock(settings.home / "demo.lock") as is_mine:
        while not is_mine():
            if (running := _find_running(note)) is not None:
                console.print("The demonstration is running already.")
                _print_welcome(console, running, settings.home)
                return
            time.sleep(LOOK_SECONDS)  # another one starts or ends
        try:
            listener = _listener(host, port)
        except serving.AddressUnusable as error:
            raise click.ClickException(str(error)) from None
        _run(settings, note, listener, console)


def note_path(home: Path) -> Path:
    return home / "demo.json"


def _run(settings: Settings, note: Path, listener: socket.socket, console: Console) -> None:
    """Serve until the process is stopped."""
    with (
        listener,
        serving.listen("127.0.0.1", 0) as paying,
        open_database(settings, supervise=True) as dsn,
    ):
        prepare_database(dsn)
        require_safe(dsn)
        verified_checkpoints(settings, dsn)
        with configured_desks(settings, dsn) as working:
            working.record_build()
            working.ensure_policy()
            tokens = _add_people(working)
            # Escalations read the report of people.
            ProjectionRunner(dsn, PROJECTIONS).catch_up(wait=False)
            if working.log.head() < BATCH_SIZE:
                _replay_two_weeks(working)
        host, port = listener.getsockname()[:2]
        running = RunningDemo(f"http://{host}:{port}", tokens, address_of(paying))
        # Its own provider, also if another is set: a trial must never move real money.
        settings = structs.replace(settings, payments=f"local:{running.payments}")
        local = _issuer(settings.home, host, port)
        issuers = settings.issuers
        if local is not None:
            issuers = (*issuers, Issuer(local.name, AUDIENCE))
            with configured_desks(settings, dsn) as working:
                _link(working, local.name)
        _write_privately(note, msgspec.json.encode(running))
        os.environ |= {"CASETRAIL_URL": running.url, "CASETRAIL_TOKEN": tokens["shop"]}
        os.environ[PAYMENTS] = f"local:{running.payments}"
        provider = ["provider", "--until-eof", "--ledger", str(provider_ledger(settings.home))]
        provider += ["--beside", str(paying.fileno())]
        try:
            with (
                serving.keep_process_alive(provider, dsn, [paying]),
                serving.keep_process_alive(
                    ["worker", "--until-eof"], dsn, (), **settings.child_environment
                ),
                serving.keep_process_alive([_STREAM], dsn),
            ):
                _print_welcome(console, running, settings.home)
                serving.serve_http(dsn, settings, [listener], issuers=issuers, local_issuer=local)
        finally:
            note.unlink(missing_ok=True)


def _find_running(note: Path) -> RunningDemo | None:
    """The demonstration that wrote the note, if it still answers."""
    with contextlib.suppress(OSError, msgspec.MsgspecError, httpx2.HTTPError):
        running = msgspec.json.decode(note.read_bytes(), type=RunningDemo)
        headers = {"Authorization": f"Bearer {running.tokens['ana']}"}
        answer = httpx2.get(f"{running.url}/v1/queues", headers=headers, timeout=5)
        if answer.status_code == 200:
            return running
    return None


def _listener(host: str, port: int | None) -> socket.socket:
    if port is not None:
        return serving.listen(host, port)
    try:
        return serving.listen(host, API_PORT)
    except serving.PortTaken:
        return serving.listen(host, 0)


def _add_people(working: Desks) -> dict[str, str]:
    tokens = {}
    for name, role in PEOPLE:
        if working.people.known(name) is None:
            working.people.add(name, [role], working.clock())
        tokens[name] = working.people.issue_token(name, working.clock())
    return tokens


def _issuer(home: Path, host: str, port: int) -> LocalIssuer | None:
    """The issuer, if the host is this machine: http is trusted nowhere else."""
    if host not in (_EVERYWHERE, *_HERE):
        return None
    name = f"http://{_HERE[0] if host == _EVERYWHERE else host}:{port}{PATH}"
    return LocalIssuer(home, name, AUDIENCE, [AGENT, *(person for person, _ in PEOPLE)])


def _link(working: Desks, issuer: str) -> None:
    """Link each person's account. The issuer's name changes with the port."""
    desk, now, owner = working.principals_desk, working.clock(), PEOPLE[0][0]
    if working.principals.agent(AGENT).person is None:
        desk.register_agent(owner, AGENT, now)
    for name, _ in PEOPLE:
        if working.principals.login(issuer, name).person is None:
            desk.link(name, issuer, name, now)
    if working.principals.login(issuer, AGENT).person is None:
        desk.link(owner, issuer, AGENT, now, agent=AGENT)


def _replay_two_weeks(working: Desks) -> None:
    """Replay two weeks of orders in simulated time."""
    now = working.clock()
    past = DemonstrationStream(SEED, now).history()
    arrivals = [Arrival(signal, at) for at, signal in past]
    batches = replay(arrivals, working.intake, working.timekeeper, Actor("key:demonstration"), now)
    total = -(-len(arrivals) // BATCH_SIZE)
    for _ in track(batches, "Two weeks of orders …", total=total, transient=True):
        pass


def _write_privately(file: Path, content: bytes) -> None:
    """Write a file that only its owner can read from the start: it holds tokens."""
    file.unlink(missing_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)


def _print_welcome(console: Console, running: RunningDemo, home: Path) -> None:
    where = "" if home == default_home() else f"--home {home} "
    text = welcome_text(running.url, running.payments, running.tokens, dict(PEOPLE), where, AGENT)
    console.print(text)


@click.command(name=_STREAM, hidden=True)
def demo_stream() -> None:
    """Send the demonstration's signals to CASETRAIL_URL until standard input ends."""
    stream = DemonstrationStream(SEED, utc_now())
    headers = {"Authorization": f"Bearer {os.environ['CASETRAIL_TOKEN']}"}
    with httpx2.Client(base_url=os.environ["CASETRAIL_URL"], headers=headers, timeout=10) as client:
        for batch in _signal_batches(stream):
            _send(client, batch)


def _signal_batches(stream: DemonstrationStream) -> Iterator[bytes]:
    """One batch of signals each second, until the parent process ends."""
    number = 0
    ending = threading.Event()
    threading.Thread(target=_wait_for_eof, args=(ending,), daemon=True).start()
    while not ending.is_set():
        signals = stream.present(utc_now(), trouble=number % EVERY_NTH_IN_TROUBLE == 0)
        number += 1
        if signals:
            yield msgspec.json.encode(signals)
        time.sleep(timedelta(seconds=SECONDS_BETWEEN_ORDERS).total_seconds())


def _wait_for_eof(ending: threading.Event) -> None:
    serving.wait_for_parent_to_end()
    ending.set()
    time.sleep(5)
    os._exit(0)  # it may wait for an answer that nobody needs any more


def _send(client: httpx2.Client, body: bytes) -> None:
    """Send until the API answers: signals have ids, so sending them again is safe."""
    while True:
        with contextlib.suppress(httpx2.HTTPError):
            answer = client.post(
                "/v1/signals", content=body, headers={"Content-Type": "application/json"}
            )
            if answer.status_code < 500:
                if answer.status_code >= 400:
                    print(answer.text, file=sys.stderr)
                return
        time.sleep(1)
