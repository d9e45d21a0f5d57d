"""Linters accept the API's description, and clients that generators make of it compile strictly and work."""

import hashlib
import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

import pytest

from api.openapi import openapi_document
from infrastructure.file_locks import file_lock
from tests.api.running_service import RunningService
from tests.npm_packages import CACHE, install_npm_packages

HERE = Path(__file__).parent
JOURNEY = {"state": "resolved", "reasons": ["operational_error"]}
TSCONFIG = {
    "compilerOptions": {
        "strict": True,
        "target": "ES2022",
        "module": "NodeNext",
        "moduleResolution": "NodeNext",
        "lib": ["ES2022", "DOM", "DOM.Iterable"],
        "types": [],
        "outDir": "built",
        "rootDir": ".",
    },
    "include": ["*.ts", "hey"],
}


def run(command: Sequence[str | Path], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-4_000:]
    return done.stdout


@pytest.fixture(scope="module")
def npm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the description, the generators and the linters."""
    packages = install_npm_packages(HERE / "npm")
    folder = tmp_path_factory.mktemp("clients")
    (folder / "node_modules").symlink_to(packages / "node_modules")
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "openapi.json").write_text(json.dumps(openapi_document()))
    return folder


def of(folder: Path, program: str) -> Path:
    return folder / "node_modules" / ".bin" / program


def test_redocly_and_spectral_find_no_error_and_no_warning(npm: Path) -> None:
    run([of(npm, "redocly"), "lint", "openapi.json", "--max-problems", "5"], npm)
    (npm / ".spectral.yaml").write_text('extends: ["spectral:oas"]')
    said = run([of(npm, "spectral"), "lint", "openapi.json", "--fail-severity", "hint"], npm)
    assert "No results" in said


def test_clients_in_typescript_compile_strictly_and_make_the_journey(
    npm: Path, server: RunningService
) -> None:
    generate = ["-i", "openapi.json", "-o", "hey", "-c", "@hey-api/client-fetch"]
    run([of(npm, "openapi-ts"), *generate], npm)
    # The module system of Node asks for the endings of files.
    for file in (npm / "hey").rglob("*.ts"):
        text = file.read_text()
        file.write_text(with_endings(text, file.parent))
    # A field with a default may be left out of a request.
    options = ["--default-non-nullable", "false", "-o", "schema.d.ts"]
    run([of(npm, "openapi-typescript"), "openapi.json", *options], npm)
    for journey in HERE.glob("journey_*.ts"):
        shutil.copy(journey, npm)
    (npm / "tsconfig.json").write_text(json.dumps(TSCONFIG))
    run([of(npm, "tsc"), "-p", "."], npm)
    for journey in ("journey_hey_api", "journey_openapi_fetch"):
        said = run(["node", f"built/{journey}.js", server.url, server.tokens["ana"]], npm)
        assert json.loads(said) == JOURNEY, journey


def with_endings(text: str, folder: Path) -> str:
    lines = []
    for line in text.split("\n"):
        for quote in ("'", '"'):
            start, found, rest = line.partition(f" from {quote}.")
            if found:
                target = f".{rest.partition(quote)[0]}"
                ending = "/index.js" if (folder / target).is_dir() else ".js"
                if not target.endswith(".js"):
                    line = f"{start}{found}{target[1:]}{ending}{rest[len(target) - 1 :]}"
        lines.append(line)
    return "\n".join(lines)


@pytest.fixture(scope="module")
def generator() -> Path:
    """Python with openapi-python-client and the SDK of CloudEvents, in an environment of its own."""
    wanted = (HERE / "requirements.txt").read_bytes()
    folder = CACHE / f"python-client-{hashlib.sha256(wanted).hexdigest()[:16]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with file_lock(CACHE / "python-client.lock"):
        if not (folder / "complete").exists():
            venv.create(folder, clear=True, with_pip=True)
            command = [folder / "bin" / "pip", "install", "-q", "-r", HERE / "requirements.txt"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"they cannot be installed here: {done.stderr[-300:]}")
            (folder / "complete").touch()
    return folder / "bin"


def test_the_client_in_python_compiles_strictly_and_makes_the_journey(
    generator: Path, server: RunningService, tmp_path: Path
) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(openapi_document()))
    (tmp_path / "config.yaml").write_text("post_hooks: []\n")
    options = ["--path", "openapi.json", "--output-path", "generated", "--meta", "none"]
    command = [generator / "openapi-python-client", "generate", "--config", "config.yaml", *options]
    run(command, tmp_path)
    shutil.copy(HERE / "journey_python.py", tmp_path)
    python = generator / "python"
    run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            f"--python-executable={python}",
            "journey_python.py",
        ],
        tmp_path,
    )
    said = run([python, "journey_python.py", server.url, server.tokens["ana"]], tmp_path)
    assert json.loads(said) == JOURNEY


def test_the_sdk_of_cloud_events_sends_one_event_in_two_modes(
    generator: Path, server: RunningService
) -> None:
    script = HERE / "journey_cloud_events.py"
    said = run([generator / "python", script, server.url, server.tokens["shop"]], HERE)
    assert json.loads(said) == [
        ["recorded", "psp/1"],
        ["duplicate", "psp/1"],
        ["recorded", "psp/2"],
    ]
