"""Each of the 26 questions has a route and a command, both from one list."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click
import pytest
from litestar.routes import HTTPRoute

from api.app import create_app
from api.cli import casetrail as commands
from api.openapi import openapi_document
from api.routes.questions import QUESTIONS, listed_questions
from application.audit.wording import QUESTION_TEXTS
from tests.api.running_service import RunningService, run_service
from tests.cli.conftest import Casetrail


@pytest.fixture(scope="module")
def server(database: str) -> Iterator[RunningService]:
    with run_service(database, reports=False) as running:
        yield running


def test_all_26_questions_are_listed_by_number() -> None:
    assert [*QUESTION_TEXTS] == [*range(1, 27)]
    numbers = [question.number for question in QUESTIONS]
    assert numbers == [*QUESTION_TEXTS]


def command_of(words: str) -> click.Command:
    found: click.Command = commands
    for word in words.removeprefix("casetrail ").split(" "):
        assert isinstance(found, click.Group), words
        told = found.get_command(click.Context(found), word)
        assert told is not None, words
        found = told
    return found


@pytest.mark.parametrize("question", listed_questions(), ids=lambda one: str(one.number))
def test_each_route_and_its_command_have_the_same_parameters(
    server: RunningService, question: object
) -> None:
    told = next(one for one in listed_questions() if one == question)
    served = {
        f"{method} {route.path_format}"
        for route in create_app(server.service).routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods
    }
    assert {told.route, *told.other_routes} <= served
    operation = openapi_document()["paths"][told.route.removeprefix("GET ")]["get"]
    taken = {(p["name"], p["required"], p["description"]) for p in operation.get("parameters", ())}
    assert taken == {(p.name, p.required, p.says) for p in told.parameters}
    assert all(p.says for p in told.parameters)
    options = {p.name for p in command_of(told.command).params} - {"as_json"}
    assert options == {p.name for p in told.parameters}
    for words in told.other_commands:
        command_of(words)


def test_the_route_and_the_command_return_the_same_list(
    server: RunningService, casetrail: Casetrail
) -> None:
    with server.client_as("carla") as carla:
        by_route = carla.get("/v1/audit/questions").json()
    assert [one["number"] for one in by_route] == [one.number for one in listed_questions()]
    assert json.loads(casetrail("audit", "ask", "--json").stdout) == by_route
    with server.client_as("bo") as bo, server.client_as("ana") as ana:
        assert ana.get("/v1/audit/questions/24", params={"of": "1"}).status_code == 400
        assert bo.get("/v1/audit/questions/24").status_code == 200


def test_a_question_is_recorded_before_its_answer(
    server: RunningService, casetrail: Casetrail
) -> None:
    with server.client_as("carla") as carla:
        first = carla.get("/v1/audit/questions/24").json()
        events = carla.get(f"/v1/events?after={first['recorded'] - 1}&limit=1").json()["items"]
    told = events[0]["event"]
    assert (told["type"], told["asked"], told["answer"]) == (
        "audit.asked",
        "question 24",
        first["digest"],
    )
    then = json.loads(casetrail("audit", "ask", "24", "--json").stdout)
    last = then["answer"]["asked"][-1]
    assert (last["position"], last["log_position"], last["actor"]["person"]) == (
        first["recorded"],
        first["position"],
        "carla",
    )
    again = json.loads(casetrail("audit", "ask", "24", "--json").stdout)
    assert again["answer"]["asked"][-1]["actor"] == {"principal": "system:operator"}
    assert again["answer"]["asked"][-1]["account"]


def test_answers_are_shown_as_text_and_tables(server: RunningService, casetrail: Casetrail) -> None:
    listed_for_people = casetrail("audit", "ask").stdout
    for words in QUESTION_TEXTS.values():
        assert words[:40] in listed_for_people
    ran = casetrail("audit", "ask", "24")
    assert ran.returncode == 0, ran.stderr
    assert "24. Who asked which question, with which query, at which position?" in ran.stdout
    assert "recorded at position" in ran.stdout
    wrong = casetrail("audit", "ask", "8", "--case", "nobody", "--from", "1")
    assert (wrong.returncode, "Traceback" in wrong.stderr) == (2, False)
    assert casetrail("audit", "ask", "8").returncode == 2
    assert casetrail("audit", "ask", "99").returncode == 2
