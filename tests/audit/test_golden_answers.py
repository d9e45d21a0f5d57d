"""Each question about a case, by API and by command: the answers agree, match the contract, and equal `golden/`.

test_golden_answers_match_the_story.py checks the golden answers. After an intended change, rewrite them and
review the diff:

    CASETRAIL_WRITE_GOLDEN=1 python3 run.py test tests/audit
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from click.testing import CliRunner

from api.cli import casetrail
from api.openapi import openapi_document
from tests.api.running_service import RunningService
from tests.audit.answers_in_words import ask, require_golden, require_understandable
from tests.audit.world import World, serve_world

GOLDEN = Path(__file__).with_name("golden")
DIALECT = "https://json-schema.org/draft/2020-12/schema"
WRITE = "CASETRAIL_WRITE_GOLDEN"
NAMED_AWAY = {
    10: ("size", "root", "origin"),
    11: ("size", "root"),
    13: ("position",),
    20: ("record",),
}
"""Values that grow with every question, or depend on all earlier bytes."""

NOT_ALL_IS_WELL = ("07_one_file_is_unchanged_and_one_is_gone",)
"""The exit status of the command for each answer."""
ABOUT = {"case": "{case}", "adjustment": "{adjustment}"}
LIST = {"type": "adjustment.executed", "kind": "refund", "over": "500"}
ASKS: dict[str, tuple[int, dict[str, str]]] = {
    "01_olga_could_have_approved_ana_not_for_she_reviewed": (
        1,
        {**ABOUT, "at": "{before_approval}"},
    ),
    "01_nobody_who_had_another_duty_could_have_reconciled": (
        1,
        {**ABOUT, "duty": "reconcile", "at": "{paid_at}"},
    ),
    "02_dana_approved_for_olga_and_each_hand_is_named": (2, ABOUT),
    "03_ana_could_not_and_tried": (3, {**ABOUT, "person": "ana", "at": "{before_approval}"}),
    "03_bo_tried_through_an_agent": (3, {**ABOUT, "person": "bo", "at": "{before_approval}"}),
    "04_under_the_policy_and_limit_of_then": (4, ABOUT),
    "05_what_was_seen_has_its_digest": (5, {"case": "{case}", "version": "{approved}"}),
    "06_the_warehouses_note_was_known_and_not_shown": (6, {"case": "{case}"}),
    "07_one_file_is_unchanged_and_one_is_gone": (7, {"case": "{case}"}),
    "08_a_cancellation_came_and_another_policy": (8, {"case": "{case}", "from": "{approved}"}),
    "09_it_had_been_cancelled_and_nobody_knew": (
        9,
        {"case": "{case}", "as_of": "{paid_at}", "known_at": "{paid_at}"},
    ),
    "09_with_hindsight_the_cancellation_is_there": (
        9,
        {"case": "{case}", "as_of": "{paid_at}", "known_at": "{late_at}"},
    ),
    "10_nothing_was_altered": (10, {"first": "1", "last": "{size}"}),
    "11_three_refunds_above_500_and_no_others": (11, LIST),
    "12_a_sample_by_kind_is_drawn_again": (
        12,
        {"type": "adjustment.executed", "strata": "kind", "size": "3", "seed": "2026-Q1"},
    ),
    "13_every_decision_comes_out_the_same": (13, {"case": "{case}"}),
    "13_also_of_a_day": (13, {"from": "2026-02-02T00:00:00Z", "to": "2026-02-03T00:00:00Z"}),
    "19_two_people_read_it_one_of_them_twice": (
        19,
        {"order": "o-7", "from": "2026-02-04T00:00:00Z", "to": "2026-02-05T00:00:00Z"},
    ),
    "20_all_of_one_who_left_is_erased_and_who_ordered_it": (20, {"order": "o-8"}),
    "20_what_is_held_is_counted_and_not_told": (20, {"order": "o-7"}),
    "24_who_asked_before": (24, {"from": "2026-02-03T00:00:00Z", "to": "2026-02-04T00:00:00Z"}),
}


class Questions:
    """Asks one world by API and by command."""

    def __init__(self, world: World, server: RunningService) -> None:
        self.world, self.server = world, server

    def parameters(self, name: str) -> dict[str, str]:
        refs = {**self.world.refs, "size": str(self.world.size)}
        return {key: said.format(**refs) for key, said in ASKS[name][1].items()}

    def by_api(self, name: str) -> bytes:
        with self.server.client_as("aud") as aud:
            answer = aud.get(f"/v1/audit/questions/{ASKS[name][0]}", params=self.parameters(name))
        assert answer.status_code == 200, answer.text
        return answer.content

    def by_command(self, name: str) -> bytes:
        options = [
            word
            for key, said in self.parameters(name).items()
            for word in (f"--{key.replace('_', '-')}", said)
        ]
        words = ["--home", str(self.world.home), "audit", "ask", str(ASKS[name][0]), *options]
        ran = CliRunner().invoke(casetrail, [*words, "--json"], env=self.world.environment)
        assert ran.exit_code == (name in NOT_ALL_IS_WELL), ran.output
        return ran.stdout_bytes


@pytest.fixture(scope="module")
def asked(world: World) -> Iterator[Questions]:
    with serve_world(world) as server:
        yield Questions(world, server)


def without_volatile_values(number: int, answer: Any) -> Any:
    if isinstance(answer, dict):
        return {
            key: "…"
            if key in NAMED_AWAY.get(number, ())
            else without_volatile_values(number, value)
            for key, value in answer.items()
        }
    return (
        [without_volatile_values(number, one) for one in answer]
        if isinstance(answer, list)
        else answer
    )


class WithAnswer(msgspec.Struct):
    answer: msgspec.Raw


@pytest.mark.parametrize("name", ASKS)
def test_api_and_command_return_the_golden_answer(asked: Questions, name: str) -> None:
    number = ASKS[name][0]
    sent, printed = asked.by_api(name), asked.by_command(name)
    by_api, by_command = json.loads(sent), json.loads(printed)
    for raw, one in ((sent, by_api), (printed, by_command)):
        answer = bytes(msgspec.json.decode(raw, type=WithAnswer).answer)
        assert one["digest"] == hashlib.sha256(answer).hexdigest()
        assert one["recorded"] > one["position"]
        assert one["parameters"].items() >= asked.parameters(name).items()
    found = without_volatile_values(number, by_api["answer"])
    assert without_volatile_values(number, by_command["answer"]) == found
    document = openapi_document()
    operation = document["paths"][f"/v1/audit/questions/{number}"]["get"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema_rs.validate(
        {**schema, "$schema": DIALECT, "components": document["components"]}, by_api
    )
    file = GOLDEN / f"{name}.json"
    written = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    if os.environ.get(WRITE):
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(written)
    assert file.read_text() == written, f"{WRITE}=1 writes it anew"


@pytest.mark.parametrize("name", ASKS)
def test_the_answer_is_understood_without_help(asked: Questions, name: str) -> None:
    answered, text = ask(asked.server.service, ASKS[name][0], asked.parameters(name))
    require_understandable(answered, text)
    require_golden(name, text)


def test_the_command_prints_the_words_that_the_api_returns(asked: Questions) -> None:
    name = "13_every_decision_comes_out_the_same"
    by_api = json.loads(asked.by_api(name))
    words = ["--home", str(asked.world.home), "audit", "ask", "13", "--case"]
    case = asked.parameters(name)["case"]
    ran = CliRunner().invoke(casetrail, [*words, case], env=asked.world.environment)
    printed = " ".join(ran.stdout.split())
    for sentence in (*by_api["says"], *by_api["next_steps"]):
        assert sentence in printed
    assert by_api["searched"].split(", up to")[0] in printed


def test_every_golden_answer_is_used() -> None:
    assert {file.stem for file in GOLDEN.glob("[0-9]*.json")} == {*ASKS}
    assert {number for number, _ in ASKS.values()} == {*range(1, 14), 19, 20, 24}
