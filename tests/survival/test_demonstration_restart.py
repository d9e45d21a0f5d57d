"""`casetrail demo`: a second start finds the running one, and it recovers after kill -9 of all processes."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from domain.policy.reader import SOURCE_SILENT, UNKNOWN_CODE
from infrastructure.policies.files import load_policy
from infrastructure.postgres.embedded import EmbeddedPostgres
from tests.survival.programs import (
    API_THAT_DIES_WITH_US,
    ROOT,
    Program,
    Programs,
    children_of,
    eventually,
    free_port,
    is_free,
    kill_postgres,
    state_of,
    wait_until_answering,
)

GONE = ("", "Z")
START_SECONDS = 60

# An orphaned process is adopted by the nearest subreaper; with systemd that is not process 1.
UNDER_A_SUBREAPER = """
import ctypes, signal, subprocess, sys, time
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
prctl = ctypes.CDLL(None).prctl
assert prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0
assert prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
demo = subprocess.Popen(sys.argv[1:])
print(demo.pid, flush=True)
demo.wait()
time.sleep(600)
"""


class Demonstration:
    def __init__(self, programs: Programs, home: Path) -> None:
        self._note = home / "demo.json"
        self.port = free_port()
        self.program: Program = programs.start("--home", home, "demo", "--port", self.port)
        self.url = f"http://127.0.0.1:{self.port}"

    def wait_until_ready(self) -> None:
        eventually("it has written its address", self._is_announced, within=START_SECONDS)
        wait_until_answering(self.program, self.url)

    def _is_announced(self) -> bool:
        assert self.program.is_running, self.program.output
        return self._note.exists() and self.url.encode() in self._note.read_bytes()

    def get(self, path: str) -> Any:
        token = msgspec.json.decode(self._note.read_bytes())["tokens"]["carla"]
        headers = {"Authorization": f"Bearer {token}"}
        answer = httpx2.get(f"{self.url}{path}", headers=headers, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    @property
    def payments(self) -> str:
        return str(msgspec.json.decode(self._note.read_bytes())["payments"])

    def kinds_without_a_case(self) -> set[str]:
        # Without those about sources: the demonstration begins with signals.
        kinds = {*load_policy().document.kinds} - {SOURCE_SILENT, UNKNOWN_CODE}
        return {kind for kind in kinds if not self.get(f"/v1/cases?kind={kind}&limit=1")["items"]}

    def head(self) -> int:
        head: int = self.get("/v1/events?limit=1")["head"]
        return head

    def log(self) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = []
        while page := self.get(f"/v1/events?limit=200&after={len(lines)}")["items"]:
            lines += page
        return lines


def test_a_demonstration_continues_after_kill_9_of_all_processes(
    programs: Programs, home: Path
) -> None:
    since = time.monotonic()
    first = Demonstration(programs, home)
    first.wait_until_ready()
    left = 60 - (time.monotonic() - since)
    eventually(
        "every kind of the policy has a case", lambda: not first.kinds_without_a_case(), left
    )

    second = programs.start("--home", home, "demo")
    assert second.ended(within=15) == 0
    assert first.url in second.output
    assert re.search(r"^  omar +ops_manager +ct_\S+$", second.output, re.MULTILINE)
    assert first.program.is_running
    head = first.head()
    eventually("new orders arrive", lambda: first.head() > head, within=10)

    before = first.log()
    first.program.kill_all()
    kill_postgres(EmbeddedPostgres(home))
    assert (home / "demo.json").exists()

    again = Demonstration(programs, home)
    again.wait_until_ready()
    assert again.log()[: len(before)] == before
    head = again.head()
    eventually("new orders arrive", lambda: again.head() > head + 5, within=15)
    eventually("it is ready", lambda: again.get("/readyz")["status"] == "ready", within=10)

    payments = again.payments
    assert httpx2.get(f"{payments}/statement").text.endswith("end,0\r\n")
    again.program.control_c()
    again.program.ended(within=15)
    assert "Traceback" not in again.program.output
    assert "restarting it" not in again.program.output
    assert is_free(again.port)
    assert is_free(int(payments.rpartition(":")[2]))
    assert EmbeddedPostgres(home).postmaster is None
    assert not (home / "demo.json").exists()


def test_a_killed_demonstration_leaves_no_process_behind(programs: Programs, home: Path) -> None:
    words = ["-c", API_THAT_DIES_WITH_US, "--home", str(home), "demo", "--port", str(free_port())]
    with subprocess.Popen(
        [sys.executable, "-c", UNDER_A_SUBREAPER, sys.executable, *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as reaper:
        try:
            assert reaper.stdout is not None
            demonstration = int(reaper.stdout.readline())

            def children() -> list[int]:
                found = children_of(demonstration, " -m api ")
                return found if len(found) == 3 else []

            what = "worker, stream and payment provider run"
            started = eventually(what, children, START_SECONDS)
            time.sleep(3)  # gives them time to start
            os.kill(demonstration, signal.SIGKILL)
            eventually(
                "all of them have ended",
                lambda: all(state_of(pid) in GONE for pid in started),
                within=8,
            )
        finally:
            os.killpg(reaper.pid, signal.SIGKILL)  # it still runs, so its number is valid


def test_a_second_demonstration_ends_while_the_first_is_starting(
    programs: Programs, home: Path
) -> None:
    first = Demonstration(programs, home)
    time.sleep(1.5)
    second = Demonstration(programs, home)
    first.wait_until_ready()
    assert second.program.ended(within=15) == 0
    assert first.url in second.program.output
    assert first.program.is_running
