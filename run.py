#!/usr/bin/env python3
"""The one entry: makes the environment once, then runs.

    python3 run.py demo             a living service on an embedded PostgreSQL
    python3 run.py test [ARGS]      the tests (arguments go to pytest)
    python3 run.py test-dates       the tests that read the clock, as if it were another day (Linux, with faketime)
    python3 run.py check            format, lint, types, import contracts, tests (or --no-tests)
    python3 run.py bench [NAME …]   the benchmarks (or --list)
    python3 run.py WORDS…           the casetrail command, e.g. `python3 run.py replay olist DIR`

Only the standard library of Python 3.11 or newer is needed to start.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
LOCK = ROOT / "requirements.lock"
ENVIRONMENT = Path(os.environ.get("CASETRAIL_VENV") or ROOT / ".venv")
PYTHON = ENVIRONMENT / "bin" / "python"
STAMP = ENVIRONMENT / ".made-from"

# A file of tests at a time goes to each of a few processes: what runs no service first, then the long
# ones.
SPREAD = ("-n", str(min(os.cpu_count() or 1, 4)), "--dist", "loadfile", "--no-loadscope-reorder")
CHECKS: tuple[tuple[str, ...], ...] = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy",),
    ("lint-imports",),
    ("pytest", *SPREAD),
)


def make_environment() -> None:
    """Install exactly what the lock names; a second call with the same lock does nothing."""
    wanted = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()
    if PYTHON.exists() and STAMP.exists() and STAMP.read_text() == wanted:
        return
    print(f"Making the environment in {ENVIRONMENT} (once, about half a minute) …", file=sys.stderr)
    uv = shutil.which("uv")
    if uv:
        run([uv, "venv", "-q", "--clear", "--python", sys.executable, str(ENVIRONMENT)])
        run([uv, "pip", "sync", "-q", "--require-hashes", "--python", str(PYTHON), str(LOCK)])
    else:
        run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)])
        pip = [str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        run([*pip, "--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", str(LOCK)])
    STAMP.write_text(wanted)


def run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(
            f"The environment could not be made: {error}\n"
            "Is a package index reachable, and does this Python have venv and pip? "
            f"Remove {ENVIRONMENT} and try again."
        )


def check(chosen: tuple[tuple[str, ...], ...]) -> int:
    """Every check, all of them even when one fails, so that one run shows everything."""
    failed = [
        " ".join(words)
        for words in chosen
        if subprocess.run(
            [str(PYTHON.with_name(words[0])), *words[1:]], cwd=ROOT, check=False
        ).returncode
    ]
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed", file=sys.stderr)
    return 1 if failed else 0


def main(words: list[str]) -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 - the one place where an older Python gets
        sys.exit(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")
    make_environment()
    # The packages are found beside this file, wherever the command is called from.
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    os.environ["PYTHONPATH"] = path
    match words:
        case ["check"]:
            return check(CHECKS)
        case ["check", "--no-tests"]:
            return check(CHECKS[:-1])
        case ["test", *rest]:
            os.chdir(ROOT)
            arguments = ["-m", "pytest", *(rest or SPREAD)]
        case ["test-dates", *rest]:
            arguments = [str(ROOT / "tests" / "other_days"), *rest]
        case ["bench", *rest]:
            arguments = [str(ROOT / "tests" / "benchmarks"), *rest]
        case _:
            arguments = ["-m", "api", *(words or ["--help"])]
    os.execv(PYTHON, [str(PYTHON), *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
