"""Misspelt, swapped or impossible input gets a plain error: no traceback and no empty success."""

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.composition import desks
from domain.people import Role
from infrastructure.transparency.signing_keys import Signer
from tests.api.running_service import ROLES, RunningService
from tests.api.signals import captured, order_id, placed
from tests.cli.conftest import ROOT, Casetrail, command, environment

FEW = "0001-01-01T00:00:00+14:00"
"""A time in the year 0 of UTC, which does not exist."""


@pytest.fixture(scope="module")
def carla(server: RunningService) -> Iterator[httpx2.Client]:
    with server.client_as("carla") as client:
        yield client


@pytest.fixture
def said(casetrail: Casetrail, server: RunningService):
    """A function that runs a command, expects a refusal and returns its text."""

    def run(*words: object) -> str:
        ran = casetrail(*words)
        assert ran.returncode in (1, 2), ran.stdout
        assert "Traceback" not in ran.stderr
        return " ".join(ran.stderr.split())

    return run


def test_an_unknown_event_type_is_refused_with_similar_ones(
    said, carla: httpx2.Client, tmp_path: Path
) -> None:
    bundle = ("audit", "population", "--out", tmp_path / "bundle")
    for words in (
        bundle,
        ("audit", "ask", "11"),
        ("audit", "ask", "12", "--size", "1", "--seed", "x"),
    ):
        told = said(*words, "--type", "adjustment.excuted")
        assert "type=adjustment.excuted is not an event type" in told
        assert "adjustment.executed" in told.partition("did you mean ")[2]
    assert "is not an event type" in said(*bundle, "--type", "nonsense.type")
    for path in ("questions/11", "population"):
        answer = carla.get(f"/v1/audit/{path}", params={"type": "case.detect"})
        assert answer.status_code == 400
        assert "did you mean case.detected" in answer.json()["detail"]


def test_a_population_reports_its_size(
    casetrail: Casetrail, server: RunningService, tmp_path
) -> None:
    with desks(server.dsn) as working:
        working.people.add("rae", [Role.AUDITOR], datetime.now(UTC))
    with psycopg.connect(server.dsn) as connection:
        row = connection.execute(
            "SELECT count(*) FROM stored_events WHERE topic = 'person.added'"
        ).fetchone()
    assert row is not None
    made = casetrail("audit", "population", "--out", tmp_path / "b", "--type", "person.added")
    assert made.returncode == 0, made.stderr
    assert f"population: {row[0]}\n" in made.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("export", "--from", FEW, "--to", "2026-10-01"),
        ("population", "--type", "case.detected", "--from", FEW),
        ("ask", "17", "--from", FEW),
        ("ask", "9", "--case", "0" * 32, "--as-of", FEW),
        ("reperform", "--from", FEW),
        ("access", "--at", FEW),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_time_outside_utc_is_refused(said, words, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "bundle") if words[0] in ("export", "population") else ()
    assert f"'{FEW}' is not a time such as 2026-10-01 or 2026-10-01T00:00:00Z" in said(
        "audit", *words, *out
    )


@pytest.mark.parametrize(
    "path",
    [
        "audit/export?to=2026-10-01T00:00:00Z&from=",
        "audit/population?type=case.detected&from=",
        "audit/questions/17?from=",
        "audit/access-review?at=",
        "people?at=",
        "cases?due_before=",
    ],
)
def test_a_time_outside_utc_is_refused_by_the_api(server: RunningService, path: str) -> None:
    with desks(server.dsn) as working:
        if working.people.known("odile") is None:
            working.people.add("odile", [Role.OPS_MANAGER], datetime.now(UTC))
        server.tokens["odile"] = working.people.issue_token("odile", datetime.now(UTC))
    with server.client_as("odile") as odile:
        told = odile.get(f"/v1/{path}{FEW.replace('+', '%2B')}")
    assert told.status_code == 400, told.text
    assert told.json()["type"] == "/problems/malformed-parameter"


def test_a_signal_with_a_time_outside_utc_is_refused(server: RunningService) -> None:
    with server.client_as("shop") as shop:
        told = shop.post("/v1/signals", json=placed(order_id(), event_time=FEW))
    assert told.status_code == 422, told.text


def test_a_period_with_swapped_ends_is_refused(said, carla: httpx2.Client, tmp_path: Path) -> None:
    period = {"from": "2026-11-01T00:00:00Z", "to": "2026-10-01T00:00:00Z"}
    options = [word for name, at in period.items() for word in (f"--{name}", at)]
    for words in (
        ("export", "--out", tmp_path / "b"),
        ("population", "--out", tmp_path / "b", "--type", "case.detected"),
        ("ask", "17"),
        ("ask", "11", "--type", "case.detected"),
        ("reperform",),
    ):
        assert "; swap them" in said("audit", *words, *options)
    for path in ("export", "questions/17", "questions/13"):
        told = carla.get(f"/v1/audit/{path}", params=period)
        assert (told.status_code, "; swap them" in told.json()["detail"]) == (400, True)


def test_a_date_is_accepted_as_a_utc_time(casetrail: Casetrail, server: RunningService) -> None:
    ran = casetrail("audit", "ask", "17", "--from", "2020-01-01", "--json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["parameters"]["from"] == "2020-01-01T00:00:00Z"


def test_an_invalid_point_is_refused_with_an_example(said, carla: httpx2.Client) -> None:
    with_case = carla.post(
        "/v1/signals", json=[placed(order := order_id()), captured(order, "99.00")]
    )
    case = with_case.json()["items"][1]["cases"][0]["case"]
    words = "is neither a version nor a time such as 2026-11-21T12:00:00Z"
    assert words in said("audit", "ask", "8", "--case", case, "--from", "2026-11-22")


def test_an_invalid_amount_is_refused_with_an_example(said, carla: httpx2.Client) -> None:
    words = "over=abc is not an amount such as 500 or 99.90"
    assert words in said("audit", "ask", "11", "--type", "adjustment.executed", "--over", "abc")
    asked = {"type": "adjustment.executed", "over": "abc"}
    assert carla.get("/v1/audit/questions/11", params=asked).json()["detail"] == words


def test_a_file_that_cannot_be_written_gets_the_system_error(said, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    told = said("audit", "export", "--out", file / "below")
    assert f"{file}/below cannot be written: Not a directory" in told
    assert "cannot be written" in said("audit", "access", "--out", file / "below")


def test_a_position_beyond_the_log_and_a_seed_of_nothing_are_refused(said) -> None:
    assert "position=99999999 is not in the log" in said(
        "audit", "ask", "23", "--position", "99999999"
    )
    sample = ("--type", "case.detected", "--size", "1", "--seed", "")
    assert "seed is empty" in said("audit", "sample", *sample)
    assert "seed is empty" in said("audit", "ask", "12", *sample)


def test_an_empty_list_of_reads_is_explained(
    casetrail: Casetrail, server: RunningService, carla: httpx2.Client
) -> None:
    order = order_id()
    with server.client_as("shop") as shop:
        shop.post("/v1/signals", json=placed(order, customer={"id": f"C-{order}"}))

    def told(*words: str) -> str:
        ran = casetrail("audit", "reads", *words)
        assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr
        return " ".join(ran.stderr.split())

    assert told("--customer", f"C-{order}") == "Nobody has read any of it."
    erased = casetrail(
        "personal-data", "erase", f"C-{order}", "--basis", "consent_withdrawn", "--yes"
    )
    assert erased.returncode == 0, erased.stderr
    gone = told("--customer", f"C-{order}")
    assert "After an erasure, none are: search by --order instead." in gone
    with desks(server.dsn) as working:
        working.people.add("petra", [Role.PRIVACY_OFFICER], datetime.now(UTC))
        server.tokens["petra"] = working.people.issue_token("petra", datetime.now(UTC))
    with server.client_as("petra") as petra:
        by_api = petra.post("/v1/personal-data/reads", json={"customer": f"C-{order}"}).json()
    assert (by_api["items"], by_api["nothing"]) == ([], gone.replace("--order", "order"))
    assert told("--order", "o-mistyped") == "There is no order o-mistyped in the shop default."
    assert told("--person", "carlo") == "No person named carlo."


def test_an_invalid_address_is_not_reported_as_in_use(said) -> None:
    key = Signer("casetrail/test", Ed25519PrivateKey.generate()).key.text
    told = said("witness", "--host", "300.1.1.1", "--log", key)
    assert "is taken" not in told
    assert "300.1.1.1:" in told


def test_an_invalid_parameter_is_named_as_it_was_sent(carla: httpx2.Client) -> None:
    told = carla.get("/v1/audit/proofs/consistency", params={"from": "0", "to": "x"}).json()
    assert {one["parameter"] for one in told["errors"]} <= {"from", "to"}
    assert told["errors"]


def test_every_role_is_whole_where_the_table_goes_to_a_file(
    server: RunningService, tmp_path: Path
) -> None:
    ran = subprocess.run(
        command(tmp_path, "people", "review"),
        cwd=ROOT,
        env={**environment(server.dsn), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "…" not in ran.stdout
    held = {role for roles in ROLES.values() for role in roles}
    assert {role for role in held if f" {role} " not in ran.stdout} == set()


def test_asking_for_the_key_creates_none(
    casetrail: Casetrail, server: RunningService, tmp_path: Path
) -> None:
    assert casetrail("audit", "ask", "1", "--case", "0" * 32).returncode == 2
    casetrail("doctor", "--whole")
    ran = casetrail("audit", "key")
    told = " ".join(ran.stderr.split())
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "there is no key file" in told
    assert "CASETRAIL_HOME" in told
    assert not (tmp_path / "home" / "checkpoint.key").exists()


def test_every_command_reports_a_halted_log(
    casetrail: Casetrail, server: RunningService, said, tmp_path: Path
) -> None:
    """Must be the last test of this file: the log stays halted."""
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("SELECT halt_log()")
    file = tmp_path / "signals.ndjson"
    file.write_text(json.dumps(captured(order_id(), "9.00")))
    for words in (
        ("people", "add", "zoe", "--role", "auditor"),
        ("people", "token", "ana"),
        ("personal-data", "hold", "C1", "--reason", "A claim."),
        ("signals", file),
    ):
        assert "The database refuses all appends" in said(*words)
