"""Bundles over the API, repeated samples, and a tampered log: an auditor can verify them independently."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import tracemalloc
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from click.testing import CliRunner, Result

from api.cli import casetrail
from infrastructure.postgres.datastore import connect
from infrastructure.transparency.halts import halt_log, lift_halt
from infrastructure.verifier.archives import archive_parts
from tests.api.running_service import RunningService
from tests.audit.world import World, serve_world
from tests.conftest import Databases
from tests.infrastructure.bundles import NODE, verify_with_node, verify_with_python
from tests.tampering import without_triggers

REFUNDS = {"type": "adjustment.executed", "kind": "refund", "over": "500"}
QUESTIONS = "/v1/audit/questions"


@pytest.fixture(scope="module")
def server(world: World) -> Iterator[RunningService]:
    with serve_world(world) as running:
        yield running


@pytest.fixture(scope="module")
def aud(server: RunningService) -> Iterator[httpx2.Client]:
    with server.client_as("aud") as client:
        yield client


def run(world: World, *words: object) -> Result:
    told = ["--home", str(world.home), *map(str, words)]
    return CliRunner().invoke(casetrail, told, env=world.environment)


def download(aud: httpx2.Client, place: Path, name: str, **asked: str) -> Path:
    """Download a bundle as a file."""
    answer = aud.get(f"/v1/audit/{name}", params=asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/x-tar"
    file = place / f"{name}.tar"
    file.write_bytes(answer.content)
    return file


def unpack(file: Path) -> Path:
    with tarfile.open(file) as archive:
        archive.extractall(file.with_suffix(""), filter="data")
    return file.with_suffix("")


def last_asked(aud: httpx2.Client) -> Any:
    return aud.get(f"{QUESTIONS}/24").json()["answer"]["asked"][-1]


@pytest.mark.parametrize(
    ("name", "asked", "events"),
    [
        ("export", {}, None),
        ("export", {"case": "{case}"}, 14),
        ("export", {"from": "2026-02-02T08:00:00Z", "to": "2026-02-02T09:18:00Z"}, None),
        ("population", REFUNDS, None),
    ],
)
def test_every_verifier_accepts_a_bundle_as_archive_and_as_folder(
    world: World,
    server: RunningService,
    aud: httpx2.Client,
    tmp_path: Path,
    name: str,
    asked: dict[str, str],
    events: int | None,
) -> None:
    asked = {key: said.format(**world.refs) for key, said in asked.items()}
    file = download(aud, tmp_path, name, **asked)
    ran = run(world, "verify", file, "--key", run(world, "audit", "key").output.strip(), "--json")
    told = json.loads(ran.stdout)
    assert (ran.exit_code, told["verified"]) == (0, True), told
    assert told["events"] == events or events is None
    directory = unpack(file)
    assert verify_with_python(directory) == {**told}
    assert NODE is None or verify_with_node(directory) == verify_with_python(directory)
    again = download(aud, tmp_path, name, **asked)
    assert again.read_bytes() == file.read_bytes()


def test_an_export_is_recorded_with_the_digest_of_its_manifest(
    world: World, server: RunningService, aud: httpx2.Client, tmp_path: Path
) -> None:
    file = download(aud, tmp_path, "export", case=world.refs["case"])
    manifest = (unpack(file) / "manifest.note").read_bytes()
    told = last_asked(aud)
    assert (told["asked"], told["parameters"]) == ("export", {"case": world.refs["case"]})
    assert told["answer"] == hashlib.sha256(manifest).hexdigest()
    assert told["actor"]["person"] == "aud"


def test_exports_and_questions_are_not_cached(
    world: World, server: RunningService, aud: httpx2.Client
) -> None:
    for path in ("questions/24", "export"):
        answer = aud.get(f"/v1/audit/{path}")
        assert answer.headers["Cache-Control"] == "no-store"
        assert last_asked(aud)["position"] == int(answer.headers["Casetrail-Position"])


def test_a_large_bundle_is_streamed(tmp_path: Path) -> None:
    directory = tmp_path / "large"
    directory.mkdir()
    with open(directory / "events.ndjson", "wb") as large:
        large.truncate(40_000_000)
    (directory / "manifest.note").write_bytes(b"first")
    tracemalloc.start()
    whole = sum(map(len, archive_parts(directory)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert whole > 40_000_000
    assert peak < 1_000_000


def test_a_broken_archive_is_not_a_bundle(
    world: World, server: RunningService, aud: httpx2.Client, tmp_path: Path
) -> None:
    file = download(aud, tmp_path, "export")
    content = file.read_bytes()
    file.write_bytes(content.replace(b"It is better.", b"It is bitter.", 1))
    assert run(world, "verify", file).exit_code == 1
    file.write_bytes(content[: len(content) // 2])
    assert run(world, "verify", file).exit_code == 1
    file.write_bytes(b"nothing of the kind")
    told = run(world, "verify", file)
    assert (told.exit_code, "BROKEN" in told.output) == (1, False)
    assert f"{file} is not a bundle: it is neither a directory nor a tar" in told.output
    assert '"manifest"' in run(world, "verify", file, "--json").output
    os.mkfifo(tmp_path / "pipe")
    assert "neither a directory nor a file" in run(world, "verify", tmp_path / "pipe").output
    outside = BytesIO()
    with tarfile.open(fileobj=outside, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../escaped"))
    file.write_bytes(outside.getvalue())
    assert run(world, "verify", file).exit_code == 1
    assert not (tmp_path.parent / "escaped").exists()


OVER = ["1e1", "1_0", "-Infinity", "NaN", "\u0665", "abc", "10,00", "", "5\n"]


@pytest.mark.parametrize("over", OVER)
def test_a_malformed_amount_is_refused_before_the_export(
    world: World, tmp_path: Path, over: str
) -> None:
    words = ("--type", "adjustment.executed", "--over", over, "--out", tmp_path / "listed")
    ran = run(world, "audit", "population", *words)
    assert (ran.exit_code, [*tmp_path.iterdir()]) == (2, [])
    assert "Invalid value for '--over'" in ran.output
    assert "is no amount such as 500 or 500.00" in ran.output


def test_control_characters_in_a_bundle_name_are_escaped(world: World, tmp_path: Path) -> None:
    assert run(world, "audit", "export", "--out", tmp_path / "b").exit_code == 0
    assert [file.name for file in tmp_path.iterdir()] == ["b"]
    whole = run(world, "verify", tmp_path / "b")
    assert "proven: these are all events of the log" in whole.output
    (tmp_path / "b" / "x\r\x1b[2Kverified: 3 events\x1b[8m\u202e\u2028").touch()
    for more in ((), ("--json",)):
        ran = run(world, "verify", tmp_path / "b", *more)
        assert ran.exit_code == 1
        assert not set("\r\x1b\u202e\u2028") & set(ran.output)
    told = run(world, "verify", tmp_path / "b").output
    assert told.startswith(r"x\r\x1b[2Kverified: 3 events\x1b[8m\u202e\u2028: ")


def test_the_invalid_one_of_several_given_keys_is_named(world: World, tmp_path: Path) -> None:
    good = run(world, "audit", "key").output.strip()
    two = run(world, "verify", tmp_path, "--key", good, "--key", "bad+key")
    assert (two.exit_code, "Invalid value for '--key': bad+key" in two.output) == (2, True)
    none = run(world, "verify", tmp_path, "--key", good, "--witness", good)
    assert none.exit_code == 2
    assert "Invalid value for '--witness'" in none.output
    assert "it is not a key of a witness" in none.output


@pytest.mark.parametrize(
    ("asked", "count", "total"),
    [
        (REFUNDS, 3, "1840.51"),
        # An approval has neither kind nor amount: its proposal has them.
        ({**REFUNDS, "type": "adjustment.approved"}, 3, "1840.51"),
        ({"type": "adjustment.approved", "over": "500"}, 4, "2640.51"),
        ({"type": "adjustment.reconciled"}, 1, "640.00"),
        ({**REFUNDS, "currency": "BRL"}, 0, None),
    ],
)
def test_a_population_has_the_kind_and_amount_of_the_proposal(
    server: RunningService,
    aud: httpx2.Client,
    tmp_path: Path,
    asked: dict[str, str],
    count: int,
    total: str | None,
) -> None:
    answer = {"count": count, "sums": {"EUR": total} if total else {}}
    directory = unpack(download(aud, tmp_path, "population", **asked))
    told = verify_with_python(directory)
    assert (told["verified"], told["answer"]) == (True, answer)
    assert NODE is None or verify_with_node(directory) == told
    live = aud.get(f"{QUESTIONS}/11", params=asked).json()["answer"]
    assert (live["count"], live["sums"]) == (count, answer["sums"])
    assert len(live["positions"]) == count


@pytest.mark.parametrize("strata", ["", "kind", "kind,queue", "currency,month,person"])
@pytest.mark.parametrize("size", [1, 4, 100])
def test_a_sample_of_the_bundle_equals_the_sample_of_the_log(
    world: World, server: RunningService, aud: httpx2.Client, tmp_path: Path, strata: str, size: int
) -> None:
    asked = {"type": "adjustment.executed"}
    how = {"strata": strata, "size": str(size), "seed": "x"}
    given = {name: value for name, value in {**asked, **how}.items() if value}
    live = aud.get(f"{QUESTIONS}/12", params=given).json()["answer"]
    file = download(aud, tmp_path, "population", **asked)
    words = ("audit", "sample", "--strata", strata, "--size", size, "--seed", "x", "--json")
    offline = run(world, *words, "--bundle", file)
    assert json.loads(offline.stdout) == live
    here = run(world, *words, "--type", "adjustment.executed")
    assert json.loads(here.stdout) == live
    assert len(live["members"]) == min(size, 6) == sum(one["drawn"] for one in live["strata"])


def test_another_seed_draws_another_sample_and_later_events_change_nothing(
    world: World, server: RunningService, aud: httpx2.Client
) -> None:
    def drawn(seed: str, **more: str) -> list[int]:
        asked = {"type": "case.routed", "size": "3", "seed": seed, **more}
        answer = aud.get(f"{QUESTIONS}/12", params=asked).json()["answer"]
        return [one["position"] for one in answer["members"]]

    found = {tuple(drawn(seed)) for seed in "abcdefgh"}
    assert len(found) > 3
    assert drawn("a") == drawn("a", upto=str(world.size))
    wrong = aud.get(f"{QUESTIONS}/12", params={"type": "x", "size": "1", "seed": "", "strata": "y"})
    assert (wrong.status_code, wrong.json()["type"]) == (400, "/problems/malformed-parameter")


@pytest.mark.parametrize(
    ("path", "asked", "status"),
    [
        ("questions/11", {"type": "adjustment.executed", "over": "much"}, 400),
        ("questions/8", {"case": "{case}", "from": "yesterday"}, 400),
        ("questions/9", {"case": "{case}", "as_of": "2026-02-02T10:00:00"}, 400),
        ("questions/5", {"case": "{case}", "version": "99"}, 422),
        ("questions/13", {}, 400),
        ("questions/13", {"from": "2026-02-02T10:00:00Z"}, 400),
        ("questions/10", {"first": "9", "last": "8"}, 400),
        ("questions/3", {"case": "{case}", "adjustment": "{adjustment}", "person": "nobody"}, 404),
        ("export", {"from": "2026-02-02T10:00:00Z"}, 400),
        ("export", {"case": "00000000-0000-0000-0000-000000000007"}, 404),
    ],
)
def test_a_question_that_cannot_be_answered_is_not_recorded(
    world: World,
    server: RunningService,
    aud: httpx2.Client,
    path: str,
    asked: dict[str, str],
    status: int,
) -> None:
    before = server.service.desks.log.head()
    params = {key: said.format(**world.refs) for key, said in asked.items()}
    answer = aud.get(f"/v1/audit/{path}", params=params)
    assert (answer.status_code, "Traceback" in answer.text) == (status, False), answer.text
    assert server.service.desks.log.head() == before


def test_audit_questions_need_access_to_the_whole_log(server: RunningService) -> None:
    for name in ("bob", "sam"):
        with server.client_as(name) as client:
            for path in ("questions", "questions/24", "export", "population?type=case.routed"):
                answer = client.get(f"/v1/audit/{path}")
                assert answer.status_code == 403, (name, path)


def test_tampering_is_found_and_the_halted_log_is_reported(
    databases: Databases, tmp_path: Path
) -> None:
    with databases.new() as name:
        world = World(databases.dsn(name), tmp_path)
        with serve_world(world) as server, server.client_as("aud") as aud:
            altered = alter(world)
            told = aud.get(f"{QUESTIONS}/10").json()["answer"]
            assert (told["unaltered"], told["root_holds"]) == (False, False)
            assert told["wrong"] == [{"position": altered, "what": "altered"}]
            part = aud.get(f"{QUESTIONS}/10", params={"first": 30, "last": altered - 1}).json()[
                "answer"
            ]
            assert (part["whole"], part["wrong"]) == (False, [])
            prove = aud.get(f"{QUESTIONS}/11", params=REFUNDS)
            assert (prove.status_code, prove.json()["type"]) == (503, "/problems/log-not-as-signed")
            taken_along = tmp_path / "taken along"
            taken_along.mkdir()
            assert run(world, "audit", "export", "--out", taken_along / "bundle").exit_code == 1
            assert [*taken_along.iterdir()] == []
            with connect(world.dsn) as connection:
                halt_log(connection)
            halted = aud.get(f"{QUESTIONS}/10")
            assert (halted.status_code, halted.json()["recorded"]) == (200, None)
            assert aud.get(f"{QUESTIONS}/24").status_code == 503
            here = run(world, "audit", "ask", "10", "--json")
            assert json.loads(here.stdout)["answer"]["wrong"] == told["wrong"]
            with connect(world.dsn) as connection:
                lift_halt(connection)
                (head,) = connection.execute("SELECT position FROM log_head").fetchone() or (0,)
            truncate_log(world, world.size - 2)
            lost = aud.get(f"{QUESTIONS}/10").json()["answer"]
            assert lost["witnessed"]["goes_on"] is False
            assert "are missing" in lost["witnessed"]["detail"]
            assert {"position": world.size, "what": "missing"} in lost["wrong"]
            assert head > world.size


def alter(world: World) -> int:
    """Tamper with the log: the refund of o-1 becomes 1,640 EUR. Returns the position."""
    with (
        psycopg.connect(world.dsn, autocommit=True) as found,
        without_triggers(found) as connection,
    ):
        rows = connection.execute(
            "UPDATE stored_events SET state = convert_to(replace(convert_from(state, 'UTF8'), "
            "'640.00', '1640.00'), 'UTF8') WHERE notification_id = ("
            "SELECT min(notification_id) FROM stored_events "
            "WHERE topic = 'case.adjustment_executed' AND position('640.00' IN encode(state, 'escape')) > 0) "
            "RETURNING notification_id"
        ).fetchall()
    ((position,),) = rows
    return int(position)


def truncate_log(world: World, size: int) -> None:
    with (
        psycopg.connect(world.dsn, autocommit=True) as found,
        without_triggers(found) as connection,
    ):
        connection.execute("DELETE FROM stored_events WHERE notification_id > %s", (size,))
        connection.execute("UPDATE log_head SET position = %s", (size,))
