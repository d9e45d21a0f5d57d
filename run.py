#!/usr/bin/env python3
"""Runs casetrail and its tests. The first call installs the packages of requirements.lock into an environment.

    python3 run.py demo             start the demonstration, on an embedded PostgreSQL
    python3 run.py test [ARGS]      run the tests (ARGS go to pytest)
    python3 run.py test-dates       run the tests that read the clock, on other dates (Linux, with faketime)
    python3 run.py check            check format, lint, types and import contracts, then test (or --no-tests)
    python3 run.py bench [NAME …]   run the benchmarks (or --list)
    python3 run.py COMMAND …        run a casetrail command, for example `python3 run.py replay olist DIR`

It needs Python 3.11 or newer and nothing else.
"""

import difflib
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
LOCK = ROOT / "requirements.lock"
ENVIRONMENT = Path(os.environ.get("CASETRAIL_VENV") or ROOT / ".venv")
PYTHON = ENVIRONMENT / "bin" / "python"
STAMP = ENVIRONMENT / ".made-from"

OWN_COMMANDS = re.findall(r"^    python3 run\.py ([a-z-]+)", __doc__, re.MULTILINE)
CASETRAIL_COMMANDS = ROOT / "api" / "commands" / "__init__.py"

# Each of a few processes takes one test file at a time. Tests without a service come first, the long
# ones last. A process that a test has held up is not followed by another, which would run into the same.
SPREAD = (
    *("-n", str(min(os.cpu_count() or 1, 4)), "--dist", "loadfile", "--no-loadscope-reorder"),
    "--max-worker-restart=0",
)
CHECKS: tuple[tuple[str, ...], ...] = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy",),
    ("lint-imports",),
    ("pytest", *SPREAD),
)


def make_environment() -> None:
    """Install exactly the packages of the lock; do nothing if they are installed already."""
    wanted = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()
    if PYTHON.exists() and STAMP.exists() and STAMP.read_text() == wanted:
        return
    is_foreign = ENVIRONMENT.exists() and not (ENVIRONMENT / "pyvenv.cfg").exists()
    if is_foreign and (not ENVIRONMENT.is_dir() or any(ENVIRONMENT.iterdir())):
        sys.exit(
            f"{ENVIRONMENT} is not empty and not a virtual environment, so nothing is installed there. "
            "Set CASETRAIL_VENV to a new directory."
        )
    print(f"Installing packages into {ENVIRONMENT} (once, up to a few minutes) …", file=sys.stderr)
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
    """Run a step of the installation; exit with an explanation if it fails."""
    try:
        subprocess.run(command, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(
            f"The packages could not be installed: {error}\n"
            "Check that a package index is reachable and that this Python has venv and pip, "
            f"then remove {ENVIRONMENT} and try again."
        )


def check(chosen: tuple[tuple[str, ...], ...]) -> int:
    """Run all checks, also after one fails, and return the exit status."""
    failed = [
        " ".join(words)
        for words in chosen
        if subprocess.run(
            [str(PYTHON.with_name(words[0])), *words[1:]], cwd=ROOT, check=False
        ).returncode
    ]
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed", file=sys.stderr)
    return 1 if failed else 0


def show_help() -> int:
    """Print the commands of this file, then those of casetrail."""
    print(__doc__, flush=True)
    return subprocess.run([str(PYTHON), "-m", "api", "--help"], check=False).returncode


def reject_unknown(word: str) -> None:
    """Exit with a suggestion if no command has this name."""
    casetrail = re.findall(r'^    "([a-z-]+)": "', CASETRAIL_COMMANDS.read_text(), re.MULTILINE)
    names = {*OWN_COMMANDS, *casetrail}
    if word.startswith("-") or word in names:
        return
    close = " or ".join(difflib.get_close_matches(word, sorted(names), n=2))
    suggestion = f" Did you mean {close}?" if close else ""
    print(
        f"No command named {word}.{suggestion} All commands are listed with `python3 run.py --help`.",
        file=sys.stderr,
    )
    sys.exit(2)


def main(words: list[str]) -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 - only here can an older Python get a message
        sys.exit(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")
    if words:
        reject_unknown(words[0])
    make_environment()
    # The packages are found beside this file, from any working directory.
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    os.environ["PYTHONPATH"] = path
    match words:
        case [] | ["-h" | "--help"]:
            return show_help()
        case ["check"]:
            return check(CHECKS)
        case ["check", "--no-tests"]:
            return check(CHECKS[:-1])
        case ["check", *rest]:
            sys.exit(f"`check` has only the option --no-tests, not {' '.join(rest)}.")
        case ["test", *rest]:
            os.chdir(ROOT)
            arguments = ["-m", "pytest", *(rest or SPREAD)]
        case ["test-dates", *rest]:
            arguments = [str(ROOT / "tests" / "other_days"), *rest]
        case ["bench", *rest]:
            arguments = [str(ROOT / "tests" / "benchmarks"), *rest]
        case _:
            arguments = ["-m", "api", *words]
    os.execv(PYTHON, [str(PYTHON), *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
