"""Start, kill and freeze real processes of casetrail.

This uses /proc, so it needs Linux.
"""

import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import httpx2

from infrastructure.file_locks import file_lock
from infrastructure.postgres.embedded import EmbeddedPostgres
from tests.survival.machine_speed import measure_slowness

ROOT = Path(__file__).parents[2]
START_SECONDS = 30
# Variables that would point a process to another database or provider than those of the test.
UNSET_VARIABLES = (
    *("DATABASE_URL", "CASETRAIL_HOME", "CASETRAIL_URL", "CASETRAIL_TOKEN"),
    *("CASETRAIL_PAYMENTS", "CASETRAIL_STRIPE_KEY"),
    *("CASETRAIL_KEYS", "CASETRAIL_EVIDENCE", "CASETRAIL_CHECKPOINTS"),
)

# `python -m api`, but the kernel kills it when its parent dies.
API_THAT_DIES_WITH_US = """
import ctypes, runpy, signal
PR_SET_PDEATHSIG = 1
assert ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0
runpy.run_module("api", run_name="__main__", alter_sys=True)
"""

T = TypeVar("T")


def eventually(what: str, found: Callable[[], T], within: float) -> T:
    """Return what is found as soon as it is true, or raise AssertionError after `within` seconds.

    The seconds are those of an idle machine: a slower machine gets more.
    """
    started, allowed = time.monotonic(), within
    while not (value := found()):
        if time.monotonic() - started > allowed:
            assert allowed == within, f"not within {within:g} s (here {allowed:g} s): {what}"
            allowed = within * (1 + measure_slowness())  # measuring takes some time, too
        time.sleep(0.03)
    return value


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    with suppress(OSError), socket.create_server(("127.0.0.1", port)):
        return True
    return False


class Program:
    """`python -m api WORDS` in its own process group, with its output in a file.

    Its children inherit a mark in their environment. The mark identifies them at the end, when the
    system may have given the number of the group to another one.
    """

    def __init__(self, words: Sequence[str], log: Path, environment: dict[str, str]) -> None:
        self.words = [str(word) for word in words]
        self._log = log
        self._mark = f"CASETRAIL_TEST_MARK={secrets.token_hex(16)}"
        name, _, value = self._mark.partition("=")
        environment = {**environment, name: value}
        kept = {name: value for name, value in os.environ.items() if name not in UNSET_VARIABLES}
        # Each test has its own keys and checkpoints.
        home = {"CASETRAIL_HOME": str(log.parent / "home")}
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-c", API_THAT_DIES_WITH_US, *self.words],
                cwd=ROOT,
                env={
                    **kept,
                    **home,
                    "PYTHONPATH": str(ROOT),
                    "PYTHONUNBUFFERED": "1",
                    **environment,
                },
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """Send SIGKILL to it, but not to its children."""
        self._process.kill()
        self._process.wait()

    def kill_all(self) -> None:
        """Send SIGKILL to it and to all its children."""
        eventually("all of it is dead", self._none_is_left, within=10)
        self._process.wait()

    def _none_is_left(self) -> bool:
        left = [pid for pid in processes() if self._mark.encode() in environment_of(pid)]
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.poll()
        return not left

    def control_c(self) -> None:
        """Send SIGINT to the whole group, as a terminal does."""
        assert self.is_running
        os.killpg(self.pid, signal.SIGINT)

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)
        eventually(f"{self.pid} is stopped", lambda: state_of(self.pid) == "T", within=15)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def terminate(self, within: float = 15) -> int:
        """Send SIGTERM, as a service manager does; return the exit code."""
        self._process.terminate()
        return self.ended(within)

    def ended(self, within: float) -> int:
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            words = " ".join(self.words)
            raise AssertionError(
                f"`{words}` has not ended within {within:g} s; its output:\n{self.output}"
            ) from None


class Programs:
    """Start programs; at the end, kill those that still run, with their children."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._started: list[Program] = []

    def start(self, *words: object, **environment: str) -> Program:
        log = self._directory / f"{len(self._started)}.log"
        program = Program([str(word) for word in words], log, environment)
        self._started.append(program)
        return program

    def api(self, dsn: str, port: int) -> Program:
        """Start the API and wait until it answers."""
        program = self.start("serve", "--no-worker", "--port", port, DATABASE_URL=dsn)
        wait_until_answering(program, f"http://127.0.0.1:{port}")
        return program

    def worker(self, dsn: str) -> Program:
        return self.start("worker", DATABASE_URL=dsn)

    def end(self) -> None:
        for program in self._started:
            program.kill_all()


def wait_until_answering(program: Program, url: str) -> None:
    """Wait until the program answers at this URL."""

    def alive() -> bool:
        assert program.is_running, f"it ended before it answered:\n{program.output}"
        with suppress(httpx2.TransportError):
            return httpx2.get(f"{url}/livez", timeout=5).status_code == 200
        return False

    eventually(f"{url} answers", alive, within=START_SECONDS)


def processes() -> list[int]:
    return [int(directory.name) for directory in Path("/proc").glob("[0-9]*")]


def environment_of(pid: int) -> bytes:
    """The environment of a process; empty if it is dead or belongs to another user."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes()
    return b""


def state_of(pid: int) -> str:
    """The state of a process as in ps: R, S, T (stopped), Z …; empty if there is no such process."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""


def children_of(parent: int, word: str = "") -> list[int]:
    """The running children of a process that have the word in their command line."""
    found = []
    for pid in processes():
        with suppress(OSError):
            rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            if int(rest[1]) == parent and rest[0] != "Z" and word in command:
                found.append(pid)
    return found


def kill_postgres(server: EmbeddedPostgres) -> None:
    """Send SIGKILL to the server and all its processes, as when the machine runs out of memory."""
    postmaster = server.postmaster
    assert postmaster is not None, f"no server runs in {server.home}"
    os.kill(postmaster, signal.SIGSTOP)  # it must not start new ones meanwhile
    doomed = [*children_of(postmaster), postmaster]
    for pid in doomed:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    gone = ("", "Z")
    eventually(
        "the server is dead", lambda: all(state_of(pid) in gone for pid in doomed), within=10
    )


@contextmanager
def home_on_disk() -> Iterator[Path]:
    """A home on disk that every account can enter.

    Its server is stopped and its files are removed at the end. If a session is killed, the next one
    removes its homes.
    """
    place = Path(tempfile.gettempdir())
    name = f"casetrail-survival-{os.geteuid()}-"
    with file_lock(place / f"{name}lock"):
        for home in place.glob(f"{name}*/"):
            with suppress(BlockingIOError), hold_home(home):
                remove(home)
        home = Path(tempfile.mkdtemp(prefix=name, dir=place))
        home.chmod(0o755)
        in_use = os.open(home, os.O_RDONLY)
        fcntl.flock(in_use, fcntl.LOCK_EX)
    try:
        yield home
    finally:
        remove(home)
        os.close(in_use)


@contextmanager
def hold_home(home: Path) -> Iterator[None]:
    """Lock the home; raise BlockingIOError if another running session has it."""
    in_use = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(in_use)


def remove(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server.stop()
    shutil.rmtree(server.cluster, ignore_errors=True)
    shutil.rmtree(home)
