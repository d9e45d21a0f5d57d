"""Starts commands quickly: a process that has imported the whole program forks for each command.

    python -m tests.cli.starter

A line of standard input is `{"words": […], "environment": {…}, "out": FILE, "err": FILE}`; the reply is a
line with the command's exit status. The fork runs the command in full, from its arguments to its end; only
the imports were done earlier.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
CompletedCommand = subprocess.CompletedProcess[str]


class CommandStarters:
    """One starter for each command that runs at the same time; starters are reused."""

    def __init__(self) -> None:
        self._idle: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
        self._all: list[subprocess.Popen[str]] = []

    def run(
        self, words: Sequence[str], environment: Mapping[str, str], seconds: float
    ) -> CompletedCommand:
        """Raises subprocess.TimeoutExpired."""
        starter = self._one()
        with TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            asked = {
                "words": words,
                "environment": {**environment},
                "out": str(out),
                "err": str(err),
            }
            assert starter.stdin is not None
            assert starter.stdout is not None
            killing = threading.Timer(seconds, lambda: os.killpg(starter.pid, 9))
            killing.start()
            print(json.dumps(asked), file=starter.stdin, flush=True)
            told = starter.stdout.readline()
            killing.cancel()
            if not told:
                raise subprocess.TimeoutExpired([*words], seconds)
            self._idle.put(starter)
            return CompletedCommand([*words], int(told), out.read_text(), err.read_text())

    def end(self) -> None:
        for starter in self._all:
            with starter:
                starter.kill()

    def _one(self) -> subprocess.Popen[str]:
        try:
            return self._idle.get_nowait()
        except Empty:
            starter = subprocess.Popen(
                [sys.executable, "-m", "tests.cli.starter"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            self._all.append(starter)
            return starter


def _import_all() -> None:
    import click

    import api.commands.expected_errors  # noqa: F401
    from api.cli import casetrail

    asked = click.Context(casetrail)
    for name in casetrail.list_commands(asked):
        casetrail.get_command(asked, name)
    assert threading.active_count() == 1  # a fork keeps only the current thread


def _start_each() -> None:
    """Fork for each line of input. Returns only in the child, which then runs the command."""
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            answers.close()
            _become(**asked)
            return
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)
    os._exit(0)


def _become(words: Sequence[str], environment: Mapping[str, str], out: str, err: str) -> None:
    sys.argv = ["casetrail", *words]
    os.environ.clear()
    os.environ.update(environment)
    for place, number in ((os.devnull, 0), (out, 1), (err, 2)):
        opened = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)


if __name__ == "__main__":
    _import_all()
    _start_each()
    from api.cli import main

    main()
