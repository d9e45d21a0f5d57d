"""This version serves a log that an older version wrote: it gives the same answers and accepts commands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import psycopg

from api.configured_checkpoints import verified_checkpoints
from domain.cases.readings import changed_since
from infrastructure.postgres.datastore import connect
from infrastructure.transparency.full_check import find_faults
from tests.api.running_service import serve
from tests.released.conftest import Home
from tests.released.homes import kept_headers, token_of
from tests.released.story import KEPT
from tests.survival.programs import Programs, free_port, wait_until_answering

READ_DIFFERENTLY = changed_since(1)
"""The facts that docs/readings.md lists as changed since the first reading."""
PROSE = {"said", "who", "what", "asks", "says"}
"""Members that are sentences for people, which a later version may reword."""


def test_the_answers_of_the_release_are_still_given(home: Home) -> None:
    """Each member of the old answers has the same value; there may be new members and questions, and a question may have
    more routes, commands and optional parameters.

    A packet of now may have more facts, and other values of the facts that docs/readings.md lists.
    """
    with _client_of(home) as client:
        for request in home.answers.reads:
            answer = client.request(request.method, request.path, headers=token_of(request.by))
            assert answer.status_code == 200, f"{request.path}: {answer.text}"
            assert_contains(json.loads(request.answer), answer.json(), request.path)


def test_a_command_that_is_sent_again_gets_the_first_answer(home: Home) -> None:
    with _client_of(home) as client:
        for request in home.answers.commands:
            answer = client.request(
                request.method,
                request.path,
                content=request.body,
                headers={**request.headers, **token_of(request.by)},
            )
            assert answer.text == request.answer, request.path
            assert answer.headers["Idempotent-Replayed"] == "true"
            assert kept_headers(answer) == request.answer_headers


def test_deadlines_of_the_log_are_recorded_when_they_fall_due(home: Home) -> None:
    month_later = home.release.clock + timedelta(days=30)
    with home.working() as working:
        working.ensure_policy()
        while working.timekeeper.tick_due(month_later):
            pass
        lines = working.log.read(home.release.head, 10_000)
    assert {"case.breached", "case.claim_lapsed"} <= {line.type for line in lines}
    with psycopg.connect(home.dsn) as connection:
        due = connection.execute(
            "SELECT stream FROM timers WHERE due_at <= %s", (month_later,)
        ).fetchall()
    assert due == []


def test_the_service_starts_on_the_log_and_appends(home: Home, tmp_path: Path) -> None:
    """`casetrail serve` runs today: deadlines since the release are recorded before the command."""
    programs, port = Programs(tmp_path), free_port()
    words = ("serve", "--no-worker", "--processes", 1, "--port", port)
    environment = {"DATABASE_URL": home.dsn, **home.settings.child_environment}
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_answering(programs.start(*words, **environment), url)
        with httpx2.Client(base_url=url, headers=token_of("ana"), timeout=30) as ana:
            case = json.loads(home.answers.commands[1].answer)["id"]
            before = ana.get(f"/v1/cases/{case}")
            assert before.json()["order"] == KEPT
            answer = ana.post(
                f"/v1/cases/{case}/notes",
                json={"note": "Still here."},
                headers={"If-Match": before.headers["ETag"]},
            )
            assert answer.status_code == 200, answer.text
            assert int(answer.headers["Casetrail-Position"]) > home.release.head
            lines = ana.get(f"/v1/cases/{case}/trail").json()["lines"]
            assert lines[-1]["event"] == {"type": "case.note_added", "note": "Still here."}
            checkpoints = verified_checkpoints(home.settings, home.dsn)
            with connect(home.dsn) as connection:
                checkpoints.make(connection)
                assert [*find_faults(connection, checkpoints)] == []
            found = ana.get("/v1/audit/questions/10", headers=token_of("aud")).json()
            assert found["answer"]["unaltered"] is True
    finally:
        programs.end()


@contextmanager
def _client_of(home: Home) -> Iterator[httpx2.Client]:
    """A client of the service, whose clock shows the time of the recorded answers."""
    with (
        serve(home.dsn, lambda: home.release.clock) as (url, _),
        httpx2.Client(base_url=url, timeout=30) as client,
    ):
        yield client


def is_packet(value: Any) -> bool:
    """Whether it is a list of facts with the signals that they rest on."""
    return isinstance(value, list) and all(
        isinstance(one, dict) and {"fact", "value", "sources"} <= one.keys() for one in value
    )


def is_read_now(place: str) -> bool:
    """Whether facts are read from the signals for the answer, and not from a recorded event."""
    return re.fullmatch(r"/v1/cases/[^/]+/packet/now|/v1/orders/[^/]+/facts", place) is not None


def assert_contains(then: Any, now: Any, place: str, name: str = "") -> None:
    if isinstance(then, dict):
        assert isinstance(now, dict), place
        for key, value in then.items():
            assert key in now, f"{place}: {key} is gone"
            assert_contains(value, now[key], f"{place}/{key}", key)
    elif is_packet(then) and is_read_now(place):
        assert is_packet(now), place
        facts = {one["fact"]: one for one in now}
        for one in then:
            fact = one["fact"]
            assert fact in facts or fact in READ_DIFFERENTLY, f"{place}: {fact} is gone"
            if fact not in READ_DIFFERENTLY:
                assert_contains(one, facts[fact], f"{place}/{fact}")
    elif isinstance(then, list):
        assert isinstance(now, list), place
        if re.fullmatch("/v1/audit/questions/[0-9]+/parameters", place):
            known = {one["name"] for one in then}
            now = [one for one in now if one["name"] in known or one["required"]]
        elif place == "/v1/audit/questions":
            now = now[: len(then)]
        elif place.endswith("/permissions") or re.fullmatch(
            "/v1/audit/questions/[0-9]+/other_(routes|commands)", place
        ):  # a role may gain one
            now = [one for one in now if one in then]
        assert len(now) == len(then), place
        for n, (one, other) in enumerate(zip(then, now, strict=True)):
            assert_contains(one, other, f"{place}/{n}", name)
    elif name in PROSE and isinstance(then, str):
        assert isinstance(now, str), place
    else:
        assert now == then, place
