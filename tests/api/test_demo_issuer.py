"""The demo issuer: off by default, private, and its tokens get the same checks as all others."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import msgspec
import pytest
from click.testing import CliRunner

from api.cli import casetrail
from api.commands.demo import RunningDemo, note_path
from infrastructure.identity.local_issuer import client_secret, issuer_file, rotate_signing_key
from tests.api.issuer_server import SigningKey, serve_issuer
from tests.api.running_service import DEMO_CLIENT, RunningService, add_people, run_service, serve


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def demo(dsn: str, home: Path) -> Iterator[RunningService]:
    tokens = add_people(dsn)
    with serve(dsn, demo_home=home) as (url, server):
        desk, now = server.desks.principals_desk, datetime.now(UTC)
        desk.register_agent("ana", "copilot", now)
        desk.link("ana", f"{url}/demo-issuer", "ana", now)
        desk.link("ana", f"{url}/demo-issuer", "copilot", now, agent="copilot")
        yield RunningService(dsn, url, server, tokens)


def sign_in(demo: RunningService, home: Path, **changed: str | None) -> httpx2.Response:
    asked = {
        "grant_type": "client_credentials",
        "client_id": "demo",
        "client_secret": client_secret(home),
        "subject": "ana",
        **changed,
    }
    told = {name: value for name, value in asked.items() if value is not None}
    return httpx2.post(f"{demo.url}/demo-issuer/token", data=told)


def token_of(demo: RunningService, home: Path, **changed: str) -> str:
    answer = sign_in(demo, home, **changed)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    token: str = answer.json()["access_token"]
    return token


def ask(demo: RunningService, token: str) -> httpx2.Response:
    return httpx2.get(f"{demo.url}/v1/me", headers={"Authorization": f"Bearer {token}"})


def test_a_demo_person_can_sign_in(demo: RunningService, home: Path) -> None:
    me = ask(demo, token_of(demo, home)).json()
    assert (me["person"], me["agents"]) == ("ana", [])
    assert me["principal"].startswith("user:")
    through = ask(demo, token_of(demo, home, actor="copilot")).json()
    assert (through["person"], through["agents"]) == ("ana", ["copilot"])


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"client_secret": "guessed"}, 401, "invalid_client"),
        ({"client_secret": None}, 401, "invalid_client"),
        ({"client_id": "other"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"subject": "carla"}, 400, "invalid_request"),
        ({"subject": None}, 400, "invalid_request"),
        ({"actor": "carla"}, 400, "invalid_request"),
    ],
)
def test_a_wrong_token_request_is_refused(
    demo: RunningService, home: Path, changed: dict[str, str | None], status: int, error: str
) -> None:
    answer = sign_in(demo, home, **changed)
    assert (answer.status_code, answer.json()) == (status, {"error": error})


def test_only_the_owner_reads_its_file_and_only_public_keys_are_served(
    demo: RunningService, home: Path
) -> None:
    assert stat.S_IMODE(issuer_file(home).stat().st_mode) == 0o600
    (key,) = httpx2.get(f"{demo.url}/demo-issuer/jwks.json").json()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    rotate_signing_key(home)
    assert stat.S_IMODE(issuer_file(home).stat().st_mode) == 0o600
    private = {one["d"] for one in msgspec.json.decode(issuer_file(home).read_bytes())["keys"]}
    assert len(private) == 2
    told = httpx2.get(f"{demo.url}/demo-issuer/jwks.json").text
    assert not [secret for secret in private if secret in told]


def test_after_a_rotation_tokens_of_the_former_key_are_still_valid(
    demo: RunningService, home: Path
) -> None:
    before = token_of(demo, home)
    assert ask(demo, before).status_code == 200
    kid = rotate_signing_key(home)
    after = token_of(demo, home)
    ends_at = time.monotonic() + 5
    while ask(demo, after).status_code != 200:  # the cached keys are not fetched again so soon
        assert time.monotonic() < ends_at
        time.sleep(0.05)
    assert ask(demo, before).status_code == 200
    keys = httpx2.get(f"{demo.url}/demo-issuer/jwks.json").json()["keys"]
    assert keys[0]["kid"] == kid
    assert len(keys) == 2


def test_a_forged_token_of_the_demo_issuer_is_refused(demo: RunningService) -> None:
    key = httpx2.get(f"{demo.url}/demo-issuer/jwks.json").json()["keys"][0]
    with serve_issuer(SigningKey("ES256", key["kid"])) as stranger:
        forged = stranger.token("ana", iss=f"{demo.url}/demo-issuer", aud=DEMO_CLIENT)
    answer = ask(demo, forged)
    assert answer.status_code == 401
    assert "signature" in answer.json()["detail"]


def test_only_a_demo_has_an_issuer(dsn: str) -> None:
    with run_service(dsn, reports=False) as server:
        for path in ("/.well-known/openid-configuration", "/jwks.json", "/token"):
            answer = httpx2.get(f"{server.url}/demo-issuer{path}")
            assert answer.status_code == 404


@pytest.mark.parametrize("words", [("zed",), ("ana", "--actor", "zed")])
def test_the_command_names_the_people_of_the_demonstration(
    demo: RunningService, home: Path, words: tuple[str, ...]
) -> None:
    note_path(home).write_bytes(msgspec.json.encode(RunningDemo(demo.url, {}, "")))
    ran = CliRunner().invoke(casetrail, ["--home", str(home), "demo-issuer", "token", *words])
    assert ran.exit_code == 1
    assert "No person or agent named zed in the demonstration; these are: copilot, " in ran.output
