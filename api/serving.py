"""Running the service: the HTTP server in this process, and child processes that are kept alive."""

import contextlib
import ctypes
import errno
import http.client
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn

from api.app import create_app
from api.composition import follow_policy
from api.configured_checkpoints import checkpoints_of, continuity
from api.http.service import service
from api.http.signal_partitions import Partitions
from api.http.single_write import SingleWriteProtocol
from infrastructure.garbage_collection import tune_garbage_collection
from infrastructure.identity.local_issuer import LocalIssuer
from infrastructure.identity.trusted_issuers import Issuer
from infrastructure.payments import provider_of
from infrastructure.personal.vault import vault_of
from infrastructure.settings import Settings
from infrastructure.transparency.witness_policy import read_witness_policy

LOOK_SECONDS = 0.5
FROZEN_SECONDS = 5.0
MISSED_LOOKS = 3
"""After so many looks in vain, over so long, a server process is frozen."""
FIRST_ANSWER_SECONDS = 120.0
"""So long a server process may take from its start to its first answer."""
RESTART_SECONDS = 1.0
BACKLOG = 512
_PR_SET_PDEATHSIG = 1
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_logger = logging.getLogger("casetrail.serve")


class AddressUnusable(Exception):
    """The address cannot be used for listening."""


class PortTaken(AddressUnusable):
    """The address is in use."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises AddressUnusable. Call it before anything else is started."""
    listener = _bind(host, port)
    listener.listen(BACKLOG)
    return listener


def listen_several(host: str, port: int, many: int) -> list[socket.socket]:
    """Sockets that share one address, one per process; the system spreads connections over them.
    Raises AddressUnusable."""
    if many == 1:
        return [listen(host, port)]
    # Bind without sharing first: otherwise another service could already share the address.
    with _bind(host, port) as found:
        port = found.getsockname()[1]
    listeners = [_bind(host, port, shared=True) for _ in range(many)]
    for listener in listeners:
        listener.listen(BACKLOG)
        listener.set_inheritable(True)
    return listeners


def default_process_count() -> int:
    """The default number of server processes: one per core, at most four; one on systems other than
    Linux, which do not spread connections over sockets."""
    return min(os.cpu_count() or 1, 4) if sys.platform == "linux" else 1


def _bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        if error.errno != errno.EADDRINUSE:
            raise AddressUnusable(
                f"{host}:{port} cannot be used for listening: {error.strerror or error}."
            ) from None
        raise PortTaken(
            f"{host}:{port} is in use. Choose another port with --port, or stop the process that uses it."
        ) from None
    return bound


def serve_http(
    dsn: str,
    settings: Settings,
    listeners: Sequence[socket.socket],
    partitions: Partitions | None = None,
    issuers: Sequence[Issuer] | None = None,
    local_issuer: LocalIssuer | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM.

    `partitions`: all server processes, if there are several. `issuers`: trusted instead of those in the
    settings. `local_issuer`: served too.
    """
    with service(
        dsn,
        vault_of(settings),
        provider=provider_of(settings),
        issuers=settings.issuers if issuers is None else issuers,
        checkpoints=checkpoints_of(settings),
        continuity=continuity(settings),
        policy=read_witness_policy(settings),
        pull_hosts=settings.pull_hosts,
    ) as ours:
        ours.desks.record_build()
        ours.desks.ensure_policy()
        tune_garbage_collection()
        # Requests to issuers and to other processes do not belong in the operator's log.
        logging.getLogger("httpx2").setLevel(logging.WARNING)
        config = uvicorn.Config(
            create_app(ours, partitions, local_issuer, settings.http),
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="on",
            backlog=BACKLOG,
            # The client's address is not used anywhere.
            proxy_headers=False,
            http=SingleWriteProtocol,
        )
        with _absorb_stop_signals(), follow_policy(ours.desks):
            uvicorn.Server(config).run(sockets=list(listeners))


@contextmanager
def _absorb_stop_signals() -> Iterator[None]:
    """Ignore stop signals outside the server.

    After a graceful stop uvicorn raises the signal again, which would end the process before its
    other resources are closed.
    """
    before = {number: signal.signal(number, lambda *_: None) for number in _STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def die_with_parent() -> None:
    """On Linux: kill this process when its parent dies, for any reason.

    Otherwise a restart of the service would find its address still in use.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have died before: then its end of the pipe is closed.
    if select.select([0], [], [], 0)[0] and not os.read(0, 1):
        os._exit(0)


def wait_for_parent_to_end() -> None:
    """Wait until standard input closes: the parent has ended, even if it was killed.

    It reads the descriptor, because a waiting thread would hold the lock of sys.stdin at exit.
    """
    while os.read(0, 1024):
        pass


@contextmanager
def keep_process_alive(
    words: Sequence[str],
    dsn: str,
    inherits: Sequence[socket.socket] = (),
    address: str | None = None,
    **more: str,
) -> Iterator[None]:
    """Run `casetrail WORDS` on this database within the context, with `more` in its environment.

    A process that ends is started again, and so is one that is frozen, if it serves HTTP at `address`. It
    ends by itself when this process is killed, because its standard input closes.
    """
    command = [sys.executable, "-m", "api", *words]
    environment = {**os.environ, "DATABASE_URL": dsn, **more}
    descriptors = [listener.fileno() for listener in inherits]
    ending = threading.Event()
    current: list[subprocess.Popen[bytes]] = []

    def watch() -> None:
        while not ending.is_set():
            # In a process group of its own: Ctrl-C reaches only this process, which ends the others.
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.PIPE,
                pass_fds=descriptors,
                process_group=0,
            )
            current[:] = [process]
            code = process.wait() if address is None else wait_unless_frozen(process, address)
            if not ending.is_set():
                _logger.warning("%s ended with exit code %s; restarting it", words[0], code)
                ending.wait(RESTART_SECONDS)

    watcher = threading.Thread(target=watch, name=f"watch-{words[0]}", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ending.set()
        for process in current:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        watcher.join()


def wait_unless_frozen(process: subprocess.Popen[bytes], address: str) -> int:
    """The exit code of a server process; it is killed if it does not answer, or answers no more."""
    answered_at, allowed, missed = time.monotonic(), FIRST_ANSWER_SECONDS, 0
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(LOOK_SECONDS)
        if answers(address):
            answered_at, allowed, missed = time.monotonic(), FROZEN_SECONDS, 0
            continue
        missed += 1
        silent = time.monotonic() - answered_at
        if silent > allowed and missed >= MISSED_LOOKS:
            _logger.warning("a server process has not answered for %.0f s; ending it", silent)
            process.kill()


def answers(address: str) -> bool:
    connection = http.client.HTTPConnection(address.rpartition("/")[2], timeout=1)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
