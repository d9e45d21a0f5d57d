"""The state and the processes of a PostgreSQL server on this machine, found by the directory of its data. Only the
postmaster is found where there is no /proc."""

import os
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from infrastructure.postgres.account import run_as

END_SECONDS: Final = 10.0
_STOPPED: Final = frozenset("Tt")
"""The states after SIGSTOP, and in a debugger. One that waits for a disk is in another one (D)."""

_SHUT_DOWN: Final = (1, 2)
"""DB_SHUTDOWNED and DB_SHUTDOWNED_IN_RECOVERY, of `DBState` in PostgreSQL's catalog/pg_control.h."""


def is_shut_down(data: Path) -> bool:
    """Whether the server on this data was shut down in an orderly way, or the data is gone."""
    try:
        control = (data / "global" / "pg_control").read_bytes()
    except FileNotFoundError:
        return True
    return int.from_bytes(control[16:20], sys.byteorder) in _SHUT_DOWN


def pid_in_file(data: Path) -> int:
    """The process ID in the server's lock file; negative for `postgres --single`; 0 if there is none."""
    try:
        return int((data / "postmaster.pid").read_text().partition("\n")[0])
    except (FileNotFoundError, ValueError):
        return 0


def command_line(pid: int) -> str:
    """A process's command line, separated by spaces; empty for a zombie or a dead process."""
    if Path("/proc/self/cmdline").exists():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return ""
        return os.fsdecode(words).replace("\0", " ")
    return run_as(None, ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]).stdout


def family(postmaster: int) -> list[int]:
    """The postmaster and its children."""
    found = [postmaster]
    with suppress(OSError):
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text()
        found += map(int, children.split())
    return found


def stopped(pids: Iterable[int]) -> list[int]:
    """Those that are stopped, by SIGSTOP or a debugger."""
    return [pid for pid in pids if _state(pid) in _STOPPED]


def thaw(pids: Iterable[int]) -> None:
    """Let those that are stopped go on."""
    for pid in stopped(pids):
        send(pid, signal.SIGCONT)


def send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def end_all(data: Path, postmaster: int | None) -> None:
    """Kill the server's processes, also those whose postmaster is dead: no server starts beside them.
    Raises TimeoutError if one does not end."""
    ends_at = time.monotonic() + END_SECONDS
    while left := _processes_on(data, postmaster):
        for pid in left:
            send(pid, signal.SIGKILL)
        if time.monotonic() > ends_at:
            raise TimeoutError(
                f"processes of the server do not end after SIGKILL, perhaps they wait for a disk: {left}"
            )
        time.sleep(0.02)


def _state(pid: int) -> str:
    """The letter of `ps`; empty if there is no such process."""
    if not Path("/proc/self/stat").exists():
        return run_as(None, ["/bin/ps", "-o", "state=", "-p", str(pid)]).stdout.strip()[:1]
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    return ""


def _processes_on(data: Path, postmaster: int | None) -> list[int]:
    """The postmaster first, so that it starts no others."""
    found = [postmaster] if postmaster and command_line(postmaster) else []
    for directory in Path("/proc").glob("[0-9]*"):
        # The title of a server process names no directory, but it works in that of the data.
        with suppress(OSError):
            if (directory / "cwd").readlink() != data:
                continue
            if (directory / "cmdline").read_bytes().startswith(b"postgres: "):
                found.append(int(directory.name))
    return found
