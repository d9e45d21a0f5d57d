"""A secret that a killed or failed command has left is destroyed, and never one that a source uses."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import get_args

import httpx2
import msgspec
import pytest

from api.composition import Desks
from application.log.caller import operator_caller
from application.log.event_log import EventLog
from application.sources.unused_secrets import UnusedSecrets
from domain.errors import Fault, Invalid
from domain.personal_data_errors import KeyStoreUnavailable
from domain.sources.pull_settings import RotatePullSecret, SourcePullSecretAdded
from domain.sources.source import RotateSecret, SourceEvent, SourceSecretAdded
from infrastructure.personal.key_store import LocalKeyStore, open_key_store
from infrastructure.source_secrets import SourceSecrets
from tests.api.running_service import RunningService
from tests.cli.conftest import ROOT, environment
from tests.sources.pullers import add_before, document, pulling_desks, set_up
from tests.sources.senders import MAPPING, SECRET
from tests.sources.shops.local_system import TOKEN

LEFT = "a-secret-that-nobody-recorded"
BEFORE_IT_IS_RECORDED = (
    "from application.sources.source_desk import SourceDesk as place; name = '_append'"
)
WHILE_IT_IS_STORED = "import os as place; name = 'link'"
KILLED = """
import os, sys
{where}
setattr(place, name, lambda *_, **__: os.kill(os.getpid(), 9))
from api.cli import main
main()
"""


@pytest.fixture(scope="module")
def worker(server: RunningService, olga: httpx2.Client) -> Iterator[Desks]:
    with pulling_desks(server.dsn) as working:
        for name in ("little", "pulled"):
            add_before(working, name)
        set_up(olga, "pulled", "http://127.0.0.1:1", document=document())
        yield working


@pytest.fixture(scope="module")
def keys(server: RunningService) -> Path:
    return Path(environment(server.dsn)["CASETRAIL_KEYS"])


def files_with(keys: Path, secret: str) -> list[str]:
    return sorted(file.name for file in keys.iterdir() if secret.encode() in file.read_bytes())


@pytest.mark.parametrize("where", [BEFORE_IT_IS_RECORDED, WHILE_IT_IS_STORED])
@pytest.mark.parametrize(
    "words",
    [
        (
            "add",
            "new",
            "--mapping",
            "MAPPING",
            "--owner",
            "order_desk",
            "--scheme",
            '{"scheme": "hmac", "header": "X-Signature"}',
        ),
        ("rotate", "little"),
        (
            "pull-settings",
            "little",
            "PULL",
            "--address",
            "https://example.org",
            "--reason",
            "Lost.",
        ),
        ("pull-secret", "pulled"),
    ],
    ids=lambda words: words[0],
)
def test_what_a_killed_command_left_is_destroyed(
    server: RunningService,
    worker: Desks,
    keys: Path,
    tmp_path: Path,
    where: str,
    words: tuple[str, ...],
) -> None:
    texts = {"MAPPING": MAPPING, "PULL": document(), "SECRET": LEFT}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    told = [str(tmp_path / one) if one in texts else one for one in words]
    killed = subprocess.run(
        [
            sys.executable,
            "-c",
            KILLED.format(where=where),
            "--home",
            str(tmp_path),
            "sources",
            *told,
            "--secret-file",
            str(tmp_path / "SECRET"),
        ],
        env=environment(server.dsn),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert killed.returncode == -9, killed.stderr
    assert len(files_with(keys, LEFT)) == 1
    unused, now = UnusedSecrets(worker.sources, worker.sources._secrets), worker.clock()
    assert unused.destroy(now) == 0, "it may be recorded a moment later"
    assert len(files_with(keys, LEFT)) == 1
    assert unused.destroy(now) == 1
    assert files_with(keys, LEFT) == []
    assert unused.destroy(now) == 0
    assert len(files_with(keys, SECRET)) == 2
    assert len(files_with(keys, TOKEN)) == 1


def test_a_secret_that_is_recorded_after_it_was_seen_is_kept(worker: Desks) -> None:
    unused, secrets = (
        UnusedSecrets(worker.sources, worker.sources._secrets),
        worker.sources._secrets,
    )
    name = secrets.keep("another-secret-of-the-sender")
    unused.destroy(worker.clock())
    added = SourceSecretAdded(
        name="little", secret=name, earlier_until=worker.clock() + timedelta(hours=1)
    )
    worker.sources.change("little", lambda _: added, operator_caller(worker.clock()))
    for _ in range(3):
        assert unused.destroy(worker.clock()) == 0
    assert secrets.find(name) == "another-secret-of-the-sender"
    assert len(worker.sources.find("little").valid_secrets(worker.clock())) == 2


def test_a_secret_that_another_one_has_replaced_is_destroyed_when_it_has_ended(
    worker: Desks, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command that replaced it was killed before it could."""
    add_before(worker, "replaced", secret="the-first-secret-of-this-sender")
    with monkeypatch.context() as patched:
        patched.setattr(worker.sources._secrets, "destroy", lambda _: None)
        ask = RotateSecret(secret="the-second-secret-of-this-sender", overlap_hours=1)
        worker.sources.rotate("replaced", ask, operator_caller(worker.clock()))
    unused = UnusedSecrets(worker.sources, worker.sources._secrets)
    soon, later = worker.clock() + timedelta(minutes=59), worker.clock() + timedelta(hours=26)
    assert [unused.destroy(soon) for _ in range(3)] == [0, 0, 0]
    assert len(files_with(keys, "the-first-secret")) == 1
    unused.destroy(later)
    assert unused.destroy(later) >= 1
    assert files_with(keys, "the-first-secret") == []
    assert len(files_with(keys, "the-second-secret")) == 1


def test_a_refused_command_leaves_nothing_and_says_why_although_the_store_is_down(
    worker: Desks, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> object:
        raise Invalid([Fault("/secret", "is refused")], "the secret")

    def be_down(_: str) -> None:
        raise KeyStoreUnavailable("the key store is down")

    ask, by = RotatePullSecret(secret="a-refused-secret"), operator_caller(worker.clock())
    monkeypatch.setattr(EventLog, "append", refuse)
    with pytest.raises(Invalid):
        worker.sources.rotate_pull_secret("pulled", ask, by)
    assert files_with(keys, "a-refused-secret") == []
    monkeypatch.setattr(worker.sources._secrets, "destroy", be_down)
    with pytest.raises(Invalid):
        worker.sources.rotate_pull_secret("pulled", ask, by)


@pytest.mark.usefixtures("bucket")
def test_secrets_in_a_bucket_are_found() -> None:
    store = open_key_store("s3://keys/of/casetrail")
    secrets = SourceSecrets(store, lambda: None)
    store.create("0123456789abcdef", b"{}")
    first, second = secrets.keep("one"), secrets.keep("two")
    assert {*secrets.names()} == {first, second}
    secrets.destroy(first)
    assert [*secrets.names()] == [second]


def test_a_store_without_a_folder_has_no_secrets(tmp_path: Path) -> None:
    assert [*LocalKeyStore(tmp_path / "none").names("source-")] == []


def test_every_event_that_names_a_secret_is_known_to_the_rule_of_what_is_in_use() -> None:
    """`Source.secrets_in_use` must name the secret of each of these while it is needed."""
    naming = {
        event
        for event in get_args(SourceEvent)
        if any(field.name == "secret" for field in msgspec.structs.fields(event))
    }
    assert naming == {SourceSecretAdded, SourcePullSecretAdded}
