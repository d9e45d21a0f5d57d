"""The commands of docs/witness.md work as printed: a log, a witness of another party, and a receipt that it has
cosigned."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.conftest import LONGEST_SECONDS, ROOT, command, environment
from tests.cli.starter import CommandStarters
from tests.cli.test_the_docs_are_followed import commands
from tests.conftest import Databases
from tests.survival.programs import free_port

PAGE = (ROOT / "docs" / "witness.md").read_text(encoding="utf-8")
(POLICY,) = re.findall(r"```policy\n(.*?)```", PAGE, re.DOTALL)
SHOWN_PORT = "8341"


@contextmanager
def started(words: list[str], folder: Path, given: dict[str, str]) -> Iterator[str]:
    """Run the witness, which never ends; yields what it prints at its start."""
    with subprocess.Popen(
        command(folder / "home-of-the-witness", *words),
        cwd=folder,
        env={**given, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline() + process.stdout.readline()
        finally:
            process.kill()


def test_a_receipt_is_cosigned_after_the_steps_of_the_page(
    starters: CommandStarters, databases: Databases, tmp_path: Path
) -> None:
    key, witness, doctor, receipt, verify = commands(PAGE)
    port = str(free_port())
    policy = tmp_path / "policy"
    with databases.new() as name:
        given = environment(databases.dsn(name))

        def run(words: list[str], **settings: str) -> str:
            typed = [str(tmp_path / w) if w in ("policy", "first.tlog-proof") else w for w in words]
            told = ["--home", str(tmp_path / "home"), *typed]
            ran = starters.run(told, {**given, **settings}, LONGEST_SECONDS)
            assert ran.returncode == 0, f"{words}\n{ran.stdout}\n{ran.stderr}"
            return ran.stdout

        run(["people", "add", "ana", "--role", "auditor"])
        run(["audit", "export", "--out", str(tmp_path / "bundle")])  # makes the log's key
        log_key = run(key).strip()
        words = [{"LOG_KEY": log_key, SHOWN_PORT: port}.get(word, word) for word in witness]
        with started(words, tmp_path, given) as told:
            (line,) = re.findall(r"^witness \S+ (\S+) (\S+)$", told, re.MULTILINE)
            shown = POLICY.replace("LOG_KEY", log_key).replace("WITNESS_KEY", line[0])
            policy.write_text(shown.replace(SHOWN_PORT, port), encoding="utf-8")
            assert line[1] in policy.read_text(encoding="utf-8")
            setting = {"CASETRAIL_WITNESS_POLICY": str(policy)}
            assert "witness auditor" not in run(doctor, **setting)
            run(receipt, **setting)
        assert "cosigned by auditor at 20" in run(verify)
        silent = run(doctor, **setting)
        assert re.search(r"witness auditor\s*│ warning", silent), silent
