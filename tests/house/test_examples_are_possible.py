"""The examples of the API reference are valid, and their values can occur together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

import jsonschema_rs
import pytest

from api.openapi import openapi_document
from domain.currencies import EXPONENTS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
IN_ORDER = (
    ("since", "until"),
    ("detected_at", "opened_at", "resolved_at"),
    ("proposed_at", "approved_at", "executed_at", "reconciled_at"),
    ("asked_at", "opened_at", "ended_at", "reviewed_at"),
    ("opened_at", "closed_at"),
    ("opened_at", "due_at"),
    ("proposed_at", "lapses_at"),
    ("placed_at", "handed_over_at", "delivered_at"),
    ("event_time", "recorded_at"),
    ("effective_from", "expires_at"),
)
"""Times that follow each other."""
ENDS = {
    "resolved_at": ("state", {"resolved"}),
    "resolution": ("state", {"resolved"}),
    "waiting": ("state", {"waiting"}),
    "executed_at": ("state", {"executed", "reconciled"}),
    "reconciled_at": ("state", {"reconciled"}),
    "revoked_at": ("status", {"ended"}),
    "void_for": ("status", {"void"}),
    "effective_from": ("state", {"in_force", "scheduled", "retired", "expired"}),
    "reviewed_at": ("stage", {"reviewed"}),
}
"""A member that has a value in some states only, and has one there."""


def examples() -> Iterator[tuple[str, str, Mapping[str, Any], Any]]:
    """Each operation with its address, a schema and an example of it."""
    for path, methods in openapi_document()["paths"].items():
        for operation in methods.values():
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            for content in (body.get("content", {}) for body in bodies):
                for media in content.values():
                    if "example" in media:
                        yield operation["operationId"], path, media["schema"], media["example"]


EXAMPLES = [*examples()]


def objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for one in value.values():
            yield from objects(one)
    elif isinstance(value, list):
        for one in value:
            yield from objects(one)


def wrong_in(one: Mapping[str, Any]) -> Iterator[str]:
    """What cannot be so in an object."""
    for name, value in one.items():
        is_time = re.fullmatch(r".*_(at|due)|since|until|event_time|deadline", name)
        if is_time and isinstance(value, str) and not TIME.fullmatch(value):
            yield f"{name} is no time: {value}"
        by = name.removesuffix("_at") + "_by"
        if name.endswith("_at") and value is None and one.get(by):
            yield f"{by} without {name}"
    for names in IN_ORDER:
        texts = [one[name] for name in names if isinstance(one.get(name), str)]
        times = [datetime.fromisoformat(text) for text in texts if TIME.fullmatch(text)]
        if any(later < earlier for earlier, later in pairwise(times)):
            yield f"{', '.join(names)} are out of order"
    for name, (member, states) in ENDS.items():
        if name in one and member in one and (one[name] is not None) != (one[member] in states):
            yield f"{name} is {one[name]} in the {member} {one[member]}"
    if one.keys() >= {"amount", "currency"} and isinstance(one["amount"], str):
        digits = len(one["amount"].partition(".")[2])
        if digits != EXPONENTS[one["currency"]]:
            yield f"{one['amount']} {one['currency']} has {digits} decimals"
    for name in ("may_approve", "could"):
        if one.get(name) is True and one.get("why_not"):
            yield f"{name}, and reasons why not"
    is_resolved = one.get("state") == "resolved"
    if "owner" in one and "state" in one and (one["owner"] is None) != is_resolved:
        yield f"the owner is {one['owner']} in the state {one['state']}"
    waits = any(
        item.get("state") == "proposed"
        for item in one.get("adjustments") or ()
        if isinstance(item, dict)
    )
    if waits and "owner" in one and one["state"] != "pending_approval":
        yield "an adjustment waits for approval, and the case does not"


def test_each_example_is_valid_against_its_own_schema() -> None:
    assert len(EXAMPLES) > 200
    components = openapi_document()["components"]
    wrong = []
    for operation, _, schema, example in EXAMPLES:
        whole = {**schema, "$schema": DIALECT, "components": components}
        if not jsonschema_rs.validator_for(whole, validate_formats=True).is_valid(example):
            wrong.append((operation, example))
    assert wrong == []


def test_the_values_of_each_example_can_occur_together() -> None:
    wrong = [
        (operation, what)
        for operation, _, _, example in EXAMPLES
        for one in objects(example)
        for what in wrong_in(one)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "one",
    [
        {"since": "2026-11-02T00:00:00Z", "until": "2026-11-01T00:00:00Z"},
        {"opened_at": "text"},
        {"revoked_at": None, "revoked_by": "bo"},
        {"state": "proposed", "executed_at": "2026-11-02T00:00:00Z"},
        {"state": "resolved", "resolved_at": None},
        {"amount": "12.50", "currency": "JPY"},
        {"could": True, "why_not": [{}]},
        {"state": "open", "owner": None},
        {"state": "open", "owner": "ana", "adjustments": [{"state": "proposed"}]},
    ],
)
def test_what_cannot_be_so_is_found(one: dict[str, Any]) -> None:
    assert [*wrong_in(one)] != []


def test_an_answer_shows_what_its_command_did() -> None:
    answers = {(name, path): example for name, path, _, example in EXAMPLES}
    for (name, path), example in answers.items():
        if (number := re.search(r"/questions/(\d+)", path)) and "question" in example:
            assert example["question"] == int(number[1]), name
    by_name = {name: example for (name, _), example in answers.items()}
    states = {
        "resolve": "resolved",
        "claim": "claimed",
        "wait": "waiting",
        "reject_policy": "rejected",
        "activate_policy": "in_force",
    }
    assert {name: by_name[name]["state"] for name in states} == states
    done = ("propose", "approve", "reject", "withdraw", "execute")
    assert [by_name[f"{one}_adjustment"]["adjustments"][0]["state"] for one in done] == [
        "proposed",
        "approved",
        "rejected",
        "withdrawn",
        "executed",
    ]
